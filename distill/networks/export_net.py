"""The part of a network that is exported, and how large that is."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from distill.networks.mf2 import MF2
from distill.networks.network import FaceStateNet
from mf2_edge.bundle.schema import AlignmentSpec

EMBEDDINGS: Final = ("face_vector", "unit_vector")
"""Outputs after the logits: the vectors (N, width) that the emotion and AU heads read. Heads of
other tasks read them as well, at no cost to the network."""


class ExportNet(nn.Module):
    """A copy of trunk, branches and extra heads, without dropout and training-only layers.

    Returns the logits of every head, then the `EMBEDDINGS` where the network exports them.
    """

    def __init__(self, network: FaceStateNet) -> None:
        super().__init__()
        self.trunk = deepcopy(network.trunk)
        self.emotion = deepcopy(network.emotion)
        self.action_units = deepcopy(network.action_units)
        self.extra = network.extra
        for name in network.extra:
            self.add_module(name, deepcopy(getattr(network, name)))
        self.emotion.dropout = self.action_units.dropout = nn.Identity()
        self.embeddings = network.embeddings

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The outputs for (N, 3, H, W)."""
        for stage in self.trunk.values():
            x = stage(x)
        face, unit = self.emotion.pool(x)[1], self.action_units.pool(x)[1]
        logits = (
            self.emotion.classify(face),
            self.action_units.classify(unit),
            *(getattr(self, name)(unit) for name in self.extra),
        )
        return (*logits, face, unit) if self.embeddings else logits


def export_network(network: FaceStateNet) -> nn.Module:
    """What an exporter converts, in eval mode; an MF², which no phone runs, as it is."""
    return network.eval() if isinstance(network, MF2) else ExportNet(network).eval()


def embedding_widths(network: nn.Module) -> dict[str, int]:
    """Width of each embedding that the exported network returns, by name, in order."""
    if not isinstance(network, FaceStateNet) or not network.embeddings:
        return {}
    heads = (network.emotion.head, network.action_units.head)
    return {name: head.in_features for name, head in zip(EMBEDDINGS, heads, strict=True)}


@dataclass(frozen=True)
class Size:
    """macs: multiply-adds of convolutions and linear layers, a face; parameters: their number."""

    macs: int
    parameters: int


@torch.no_grad()
def network_size(network: FaceStateNet, face: AlignmentSpec) -> Size:
    """The size of the exported part of a network, for aligned faces of that size."""
    exported = export_network(network)
    counter = FlopCounterMode(display=False)
    with counter:
        exported(torch.zeros(1, 3, face.height, face.width))
    parameters = sum(parameter.numel() for parameter in exported.parameters())
    return Size(counter.get_total_flops() // 2, parameters)
