"""Hidden states of a frozen network: computed once a face, kept on disk, learned from ever after.

A row of the file holds what the network makes of one face: as the product cuts it, then of
augmented views, each as `frozen.py` computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from distill.adapting.frozen import Frozen, open_network
from distill.faces.augment import augment, centre
from distill.faces.resumable import Rows, fill_rows, fingerprint
from distill.networks.dfn import Layout
from distill.training.checkpoint import CheckpointError


@dataclass(frozen=True)
class HiddenStates:
    """values: float16 [n, 1 + views, layout.width], mapped into memory; view 0 is the product's.

    path: the .npy that holds them.
    """

    values: NDArray[np.float16]
    layout: Layout
    path: Path


def hidden_states(
    network: Path,
    images: Path,
    rows: NDArray[np.int64],
    folder: Path,
    *,
    views: int,
    seed: int,
    workers: int,
) -> HiddenStates:
    """Hidden states of aligned faces; those that lie in `folder` already are not made again.

    network: a checkpoint, or a bundle's folder. images: a .npy of uint8 [faces, H, W, 3] with the
    network's margin, of which `rows` are read. The file's name changes with the network, the faces,
    `views` and `seed`; a run that was killed goes on with the faces that are missing. Raises
    CheckpointError, or BundleError.
    """
    opened = open_network(network)
    digest, layout = opened.sha256, opened.layout
    key = fingerprint(digest, _faces_digest(images, rows), views, seed)
    path = folder / f"hidden-{key}.npy"
    filled: Rows = fill_rows(
        _read_views,
        [_Job(network, digest, images, int(row), views, seed) for row in rows],
        path,
        shape=(1 + views, layout.width),
        dtype=np.float16,
        workers=workers,
        title="hidden states",
    )
    return HiddenStates(filled.values, layout, path)


@dataclass(frozen=True)
class _Job:
    network: Path
    digest: str
    images: Path
    row: int
    views: int
    seed: int


def _read_views(job: _Job) -> tuple[NDArray[np.float16], int]:
    """One face through the network, all its views at once."""
    network = _open_once(job.network, job.digest)
    image = np.asarray(np.load(job.images, mmap_mode="r")[job.row])
    size = network.alignment
    generators = (np.random.default_rng((job.seed, job.row, view)) for view in range(job.views))
    pictures = [
        centre(image, size.width, size.height),
        *(augment(image, size.width, size.height, rng) for rng in generators),
    ]
    states = network.read(np.stack(pictures)).astype(np.float16)
    if not np.isfinite(states).all():
        raise CheckpointError(f"{job.network} gives hidden states that float16 cannot hold")
    return states, 1


@cache
def _open_once(network: Path, digest: str) -> Frozen:  # noqa: ARG001
    torch.set_num_threads(1)  # as many processes run as there are cores
    return open_network(network)


def _faces_digest(images: Path, rows: NDArray[np.int64]) -> str:
    faces = np.load(images, mmap_mode="r")
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(faces[row].tobytes())
    return digest.hexdigest()
