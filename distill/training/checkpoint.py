"""Checkpoints: what a training needs to go on, and what exporters need to know of a network.

Exporters import nothing of `distill` but this module. Files in a run's folder: `last.pt`
(everything, to resume), `network.pt` (the network and the recipe it came from) and, after
quantization, `int8/network.pt2` (the integer network) with `int8/network.pt` (the weights that it
rounds, in float). All are written beside themselves and moved into place.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec
import torch
from torch import nn

from distill.config import ConfigError, Recipe
from distill.datasets.tree import files_of
from distill.networks.architectures import build_network
from distill.networks.export_net import embedding_widths, export_network, network_size
from distill.networks.network import FaceStateNet
from mf2_edge.bundle.schema import (
    AlignmentSpec,
    DataTerms,
    HeadName,
    PreprocessingSpec,
    SizeSpec,
)
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "Output",
    "load_integers",
    "load_network",
    "save_network",
]

FORMAT: Final = "mf2-edge network 2"
TRAINED, QUANTIZED = "trained", "quantized"
"""How far a network was trained: in float, or to weights that an integer network rounds."""


class CheckpointError(ValueError):
    """A file is no checkpoint of this project, or of another architecture."""


@dataclass(frozen=True)
class Output:
    """A head of a network: `place` among its outputs, `labels` of its logits in order."""

    name: HeadName
    place: int
    activation: Literal["softmax", "sigmoid"]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Checkpoint:
    """A trained network in eval mode with its recipe.

    stage: how far it was trained. fold: the fold of the FACS-coded data set whose subjects it never
    saw; None if it saw them all.
    """

    network: FaceStateNet
    recipe: Recipe
    stage: str
    fold: int | None = None

    def export_network(self) -> nn.Module:
        """The network that is exported, in eval mode: (N, 3, H, W) -> `outputs`, `embeddings`."""
        return export_network(self.network)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Its heads, in the order in which it returns their logits."""
        return tuple(
            Output(
                name,
                place,
                "softmax" if name == "emotion" else "sigmoid",
                self.recipe.labels(name),
            )
            for place, name in enumerate(self.recipe.heads)
        )

    @property
    def embeddings(self) -> dict[str, int]:
        """Width of each embedding that it returns after the logits, by name, in order."""
        return embedding_widths(self.network)

    @property
    def alignment(self) -> AlignmentSpec:
        """How faces are aligned for it."""
        return self.recipe.alignment

    @property
    def preprocessing(self) -> PreprocessingSpec:
        """How pixels are normalised for it."""
        return self.recipe.preprocessing

    @property
    def data_terms(self) -> tuple[DataTerms, ...]:
        """The data that it was trained on, with their terms; not those of evaluation alone."""
        return tuple(
            DataTerms(name=data.title, terms=data.terms)
            for data in self.recipe.data.values()
            if not data.eval_only
        )

    @property
    def data_files(self) -> tuple[Path, ...]:
        """Files of data and of start weights that the recipe names; they may be elsewhere."""
        roots = [Path(data.root) for data in self.recipe.data.values()]
        start = [Path(self.recipe.network.weights)] if self.recipe.network.weights else []
        return (*dict.fromkeys(file for root in roots for file in files_of(root)), *start)

    @property
    def size(self) -> SizeSpec:
        """Parameters and multiply-adds of the exported network."""
        return _size(self.network, self.recipe)

    @property
    def training_config(self) -> str:
        """Names the recipe and how far it was trained, with its hash."""
        digest = sha256(msgspec.json.encode(self.recipe)).hexdigest()
        return f"recipe {self.recipe.name}, stage {self.stage}, sha256 {digest}"


def _size(network: FaceStateNet, recipe: Recipe) -> SizeSpec:
    size = network_size(network, recipe.alignment)
    return SizeSpec(parameters=size.parameters, multiply_adds=size.macs)


def save_atomically(content: dict[str, Any], path: Path) -> None:
    """`torch.save`, so that `path` is at every moment absent, old or new, never half.

    Raises OSError where it cannot be written, as on a full disk.
    """
    with replacing(path) as partial, partial.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:  # torch's own word for what the file said
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def save_network(
    network: FaceStateNet, recipe: Recipe, stage: str, path: Path, fold: int | None = None
) -> None:
    """Write a network with its recipe."""
    content = {
        "format": FORMAT,
        "stage": stage,
        "fold": fold,
        "recipe": msgspec.json.encode(recipe).decode(),
        "network": network.state_dict(),
    }
    save_atomically(content, path)


def load_content(path: Path, missing: str) -> dict[str, Any]:
    """What a file of `save_atomically` holds, or {} if something else; raises CheckpointError.

    missing: what to do if there is no such file.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}: {missing}") from None
    except Exception as error:
        raise CheckpointError(f"{path} is not a PyTorch checkpoint: {error}") from error
    return content if isinstance(content, dict) else {}


def load_network(path: Path) -> Checkpoint:
    """Read a network written by `save_network`; raises CheckpointError saying what is wrong."""
    content = load_content(path, "train one first (distill train)")
    if "format" not in content:
        raise CheckpointError(f"{path} is not a network written by `python -m distill`")
    if content["format"] != FORMAT:
        raise CheckpointError(
            f"{path} is of the format {content['format']!r}; expected {FORMAT!r}: it was trained "
            "by another release. Train it again"
        )
    try:
        recipe = msgspec.json.decode(content["recipe"], type=Recipe)
    except msgspec.DecodeError as error:
        raise CheckpointError(
            f"{path} was trained by another release, whose recipes differ: {error}. Train it again"
        ) from error
    network = build_network(recipe)
    try:
        network.load_state_dict(content["network"])
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds another architecture: {error}") from error
    return Checkpoint(network.eval(), recipe, content["stage"], content["fold"])


def load_integers(path: Path) -> nn.Module:
    """The integer network of a .pt2 file: (N, 3, H, W) -> what the float network returns.

    Raises CheckpointError if the file is none, or is missing; MissingExtraError without torchao.
    """
    require("torchao.quantization.pt2e.quantize_pt2e", extra="export")  # registers its operators
    pt2e = require("torchao.quantization.pt2e", extra="export")
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch's own classes share no base but this one
        raise CheckpointError(
            f"{path} is no integer network: {error}; make one with `python -m distill quantize`"
        ) from error
    network = program.module(check_guards=False)
    for values in (*network.parameters(), *network.buffers()):
        # Trained channels last; ExecuTorch would take such weights for ones already reordered.
        values.data = values.data.contiguous()
    return cast("nn.Module", pt2e.allow_exported_model_train_eval(network))  # refuses eval() else
