"""The frozen network that heads of other tasks read: a checkpoint, or the file of a bundle.

A checkpoint of MF² or of an edge network returns all its hidden states. A bundle of an
edge network returns the two vectors that its heads read, in the precision that the phone computes
in, and needs no checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import file_digest as sha256_of
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from distill.faces.batches import to_tensor
from distill.networks.dfn import Layout
from distill.networks.features import FeatureNet, Features
from distill.networks.network import channels_last
from distill.training.checkpoint import Checkpoint, CheckpointError, load_network
from mf2_edge import Bundle, FaceStateAnalyzer, load_bundle
from mf2_edge.bundle.schema import AlignmentSpec

MARGIN: Final = 8
"""Pixels of room around a bundle's faces, for augmentation; its manifest does not know training."""


class Frozen(Protocol):
    """An open network."""

    @property
    def sha256(self) -> str:
        """Of the file that answers."""
        ...

    @property
    def alignment(self) -> AlignmentSpec:
        """Where a face lies in what it reads."""
        ...

    @property
    def margin(self) -> int:
        """Pixels around that."""
        ...

    @property
    def layout(self) -> Layout:
        """Of a row of `read`."""
        ...

    def read(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Aligned RGB faces [n, H, W, 3], margin taken off -> hidden states [n, layout.width]."""
        ...


def open_network(network: Path) -> Frozen:
    """A checkpoint (a file) or a bundle (a folder), opened.

    Raises CheckpointError for a network that no head can read, BundleError for a bundle that is
    not there or damaged.
    """
    if network.is_dir():
        return _FrozenBundle(FaceStateAnalyzer(_readable(network), num_threads=1))
    net, loaded = open_frozen(network)
    return _FrozenCheckpoint(net, loaded, file_digest(network))


def network_digest(network: Path) -> str:
    """sha256, lower-case hexadecimal, that ties heads to a network: of its checkpoint.

    A bundle's manifest has that of the checkpoint it was made from, so its files of any precision
    share their heads. Raises FileNotFoundError, CheckpointError or BundleError.
    """
    if not network.is_dir():
        return file_digest(network)
    digest = _readable(network).manifest.provenance.checkpoint_sha256
    assert digest is not None  # _readable saw to it
    return digest


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, lower-case hexadecimal; raises FileNotFoundError."""
    with path.open("rb") as file:
        return sha256_of(file, "sha256").hexdigest()


def open_frozen(checkpoint: Path) -> tuple[FeatureNet, Checkpoint]:
    """The MF² or edge network of a checkpoint, frozen; raises CheckpointError for any other."""
    loaded = load_network(checkpoint)
    if not isinstance(loaded.network, FeatureNet):
        raise CheckpointError(
            f"{checkpoint} holds neither MF² nor an edge network: train distill/configs/mf2.toml"
        )
    loaded.network.requires_grad_(False)
    channels_last(loaded.network)
    return loaded.network, loaded


def layout_of(network: FeatureNet, reading: Features) -> Layout:
    """The layout of a reading's hidden states."""
    stages = tuple(int(stage.shape[1]) for stage in reading.stages)
    units, values = reading.tokens.shape[1:]
    return Layout(stages, units if network.heads_read_tokens else 0, values)


class _FrozenCheckpoint:
    def __init__(self, network: FeatureNet, loaded: Checkpoint, sha256: str) -> None:
        self.network, self.recipe, self.sha256 = network, loaded.recipe, sha256
        self.alignment, self.margin = loaded.recipe.alignment, loaded.recipe.margin
        blank = torch.zeros(1, 3, self.alignment.height, self.alignment.width)
        with torch.inference_mode():
            self.layout = layout_of(network, network.read(blank))

    def read(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            reading = self.network.read(to_tensor(faces, self.recipe.preprocessing))
        values = [*reading.stages, reading.tokens[:, : self.layout.units].flatten(1)]
        return np.asarray(torch.cat(values, dim=1).numpy())


@dataclass(frozen=True)
class _FrozenBundle:
    analyzer: FaceStateAnalyzer
    margin: int = MARGIN

    @property
    def sha256(self) -> str:
        return self.analyzer.artifact.sha256

    @property
    def alignment(self) -> AlignmentSpec:
        return self.analyzer.bundle.manifest.alignment

    @property
    def layout(self) -> Layout:
        embeddings = self.analyzer.bundle.manifest.embeddings
        return Layout(tuple(embedding.width for embedding in embeddings), units=0, token_width=0)

    def read(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        embeddings = self.analyzer.bundle.manifest.embeddings
        rows = []
        for face in faces:
            outputs = self.analyzer.runtime.run(
                self.analyzer.preprocess(np.ascontiguousarray(face))
            )
            parts = [np.asarray(outputs[e.output], np.float32).ravel() for e in embeddings]
            rows.append(np.concatenate(parts))
        return np.stack(rows)


def _readable(folder: Path) -> Bundle:
    bundle = load_bundle(folder)
    manifest = bundle.manifest
    if not manifest.embeddings or manifest.provenance.checkpoint_sha256 is None:
        raise CheckpointError(
            f"bundle {manifest.name} has no embeddings that a head could read; take one of an edge "
            "network, such as mf2-edge-m"
        )
    return bundle
