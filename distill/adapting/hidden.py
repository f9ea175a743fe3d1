"""Hidden states of a frozen network: computed once a face, kept on disk, learned from ever after.

A row of the file holds what MF², or an edge network, makes of one face: as the product cuts it,
then of augmented views, each the vectors of all stages and, of MF², the tokens of all Action Units,
end to end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from hashlib import file_digest as sha256_of
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.checkpoint import Checkpoint, CheckpointError, load_network
from distill.faces.augment import augment, centre
from distill.faces.batches import to_tensor
from distill.faces.resumable import Rows, fill_rows, fingerprint
from distill.networks.network import channels_last
from distill.networks.reading import Reading, ReadingNet


class Layout(msgspec.Struct, frozen=True):
    """Where in a row what stands: channels of each stage, tokens (0: none), values of a token."""

    stages: tuple[int, ...]
    units: int
    token_width: int

    @property
    def width(self) -> int:
        """Values of a view."""
        return sum(self.stages) + self.units * self.token_width

    def split(self, flat: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """(N, width) -> the vectors of the stages (N, channels), the tokens (N, units, values)."""
        *stages, tokens = torch.split(flat, [*self.stages, self.units * self.token_width], dim=1)
        return tuple(stages), tokens.reshape(len(flat), self.units, self.token_width)


@dataclass(frozen=True)
class HiddenStates:
    """values: float16 [n, 1 + views, layout.width], mapped into memory; view 0 is the product's.

    path: the .npy that holds them.
    """

    values: NDArray[np.float16]
    layout: Layout
    path: Path


def open_frozen(checkpoint: Path) -> tuple[ReadingNet, Checkpoint]:
    """The MF² or edge network of a checkpoint, frozen; raises CheckpointError for any other."""
    loaded = load_network(checkpoint)
    if not isinstance(loaded.network, ReadingNet):
        raise CheckpointError(
            f"{checkpoint} holds neither MF² nor an edge network: train distill/configs/mf2.toml"
        )
    loaded.network.requires_grad_(False)
    channels_last(loaded.network)
    return loaded.network, loaded


def hidden_states(
    checkpoint: Path,
    images: Path,
    rows: NDArray[np.int64],
    folder: Path,
    *,
    views: int,
    seed: int,
    workers: int,
) -> HiddenStates:
    """Hidden states of aligned faces; those that lie in `folder` already are not made again.

    images: a .npy of uint8 [faces, H, W, 3] with the recipe's margin, of which `rows` are read. The
    file's name changes with the checkpoint, the faces, `views` and `seed`; a run that was killed
    goes on with the faces that are missing. Raises CheckpointError.
    """
    digest = file_digest(checkpoint)
    network, loaded = open_frozen(checkpoint)
    size = loaded.recipe.alignment
    with torch.inference_mode():
        blank = torch.zeros(1, 3, size.height, size.width)
        layout = layout_of(network, network.read(blank))
    key = fingerprint(digest, _faces_digest(images, rows), views, seed)
    path = folder / f"hidden-{key}.npy"
    filled: Rows = fill_rows(
        _read_views,
        [_Job(checkpoint, digest, images, int(row), views, seed) for row in rows],
        path,
        shape=(1 + views, layout.width),
        dtype=np.float16,
        workers=workers,
        title="hidden states",
    )
    return HiddenStates(filled.values, layout, path)


def layout_of(network: ReadingNet, reading: Reading) -> Layout:
    """The layout of a reading's hidden states."""
    stages = tuple(int(stage.shape[1]) for stage in reading.stages)
    units, values = reading.tokens.shape[1:]
    return Layout(stages, units if network.heads_read_tokens else 0, values)


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, lower-case hexadecimal; raises FileNotFoundError."""
    with path.open("rb") as file:
        return sha256_of(file, "sha256").hexdigest()


@dataclass(frozen=True)
class _Job:
    checkpoint: Path
    digest: str
    images: Path
    row: int
    views: int
    seed: int


def _read_views(job: _Job) -> tuple[NDArray[np.float16], int]:
    """One face through MF², all its views at once."""
    network, loaded = _open_once(job.checkpoint, job.digest)
    image = np.asarray(np.load(job.images, mmap_mode="r")[job.row])
    size = loaded.recipe.alignment
    generators = (np.random.default_rng((job.seed, job.row, view)) for view in range(job.views))
    pictures = [
        centre(image, size.width, size.height),
        *(augment(image, size.width, size.height, rng) for rng in generators),
    ]
    with torch.inference_mode():
        reading = network.read(to_tensor(np.stack(pictures), loaded.recipe.preprocessing))
    units = layout_of(network, reading).units
    values = [*reading.stages, reading.tokens[:, :units].flatten(1)]
    states = torch.cat(values, dim=1).half().numpy()
    if not np.isfinite(states).all():
        raise CheckpointError(f"{job.checkpoint} gives hidden states that float16 cannot hold")
    return states, 1


@cache
def _open_once(checkpoint: Path, digest: str) -> tuple[ReadingNet, Checkpoint]:  # noqa: ARG001
    torch.set_num_threads(1)  # as many processes run as there are cores
    return open_frozen(checkpoint)


def _faces_digest(images: Path, rows: NDArray[np.int64]) -> str:
    faces = np.load(images, mmap_mode="r")
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(faces[row].tobytes())
    return digest.hexdigest()
