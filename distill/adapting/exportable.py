"""Heads of other tasks in the form that is exported: networks of one input, the embeddings.

The input is an edge network's vectors, one after the other, as on a phone.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.adapting.frozen import network_digest, open_network
from distill.adapting.heads import load_head
from distill.adapting.int8_weights import Int8Linear, on_grid
from distill.adapting.text.head import is_text_head, load_text_head
from distill.adapting.text.space import TextSpace
from distill.networks.dfn import DFN
from distill.training.checkpoint import CheckpointError
from mf2_edge.bundle.head_schema import (
    HEAD_SCHEMA_VERSION,
    LikenessCalibration,
    TaskCalibration,
    TaskHeadSpec,
)


def open_head(path: Path, trained_with: Path) -> tuple[nn.Module, TaskHeadSpec]:
    """The head as a network (N, width) -> (N, labels), and its specification without files.

    trained_with: an edge network's checkpoint, or its bundle's folder.

    Raises CheckpointError if the head belongs to another network, or reads what no phone computes.
    """
    digest, layout = network_digest(trained_with), open_network(trained_with).layout
    if layout.units:
        raise CheckpointError(
            f"{trained_with} is not an edge network: on a phone it returns no embeddings that a "
            "head could read. Adapt the network of an edge bundle"
        )
    if is_text_head(path):
        text = load_text_head(path, trained_with)
        likeness = LikenessCalibration(
            quantiles=text.card.quantiles, fitted_on=f"{text.card.faces} of {text.card.reference}"
        )
        spec = TaskHeadSpec(
            schema_version=HEAD_SCHEMA_VERSION,
            task=text.card.task,
            kind="likeness",
            labels=(text.card.sentence,),
            width=layout.width,
            network_sha256=digest,
            calibration=TaskCalibration(likeness=likeness),
            faces=0,
            files=(),
        )
        return LikenessOnVectors(text.space, text.direction).eval(), spec
    trained = load_head(path, trained_with)
    card = trained.card
    spec = TaskHeadSpec(
        schema_version=HEAD_SCHEMA_VERSION,
        task=card.task,
        kind=card.kind,
        labels=card.labels,
        width=layout.width,
        network_sha256=digest,
        calibration=card.calibration,
        faces=card.faces,
        files=(),
    )
    return DFNOnVectors(trained.dfn).eval(), spec


def keeps_int8(network: nn.Module) -> bool:
    """Whether the weights of a head are integers times a step for each channel."""
    return on_grid(network)


def with_int8_weights(network: nn.Module) -> nn.Module:
    """A copy of such a head whose linear layers keep their weights in int8, and compute in floats.

    For formats whose converters would fold them to floats.
    """
    copied = deepcopy(network)
    for name, layer in [*copied.named_modules()]:
        if isinstance(layer, nn.Linear):
            copied.set_submodule(name, Int8Linear(layer))
    return copied.eval()


class DFNOnVectors(nn.Module):
    """(N, width) -> the DFN's logits (N, outputs)."""

    def __init__(self, dfn: DFN) -> None:
        super().__init__()
        self.dfn = dfn

    def forward(self, vectors: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.dfn(torch.split(vectors, list(self.dfn.layout.stages), dim=1), None)
        return logits


class LikenessOnVectors(nn.Module):
    """(N, width) -> the likeness of faces to a sentence, -1..1, (N, 1).

    direction: (text,) of unit length. The face vector stands first.
    """

    def __init__(self, space: TextSpace, direction: Tensor) -> None:
        super().__init__()
        self.face = space.weight.shape[1]
        self.to_text = nn.Linear(self.face, len(space.bias))
        with torch.no_grad():
            self.to_text.weight.copy_(space.weight)
            self.to_text.bias.copy_(space.bias)
        self.direction = nn.Parameter(direction[:, None].clone(), requires_grad=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Likeness."""
        return F.normalize(self.to_text(vectors[:, : self.face]), dim=-1) @ self.direction
