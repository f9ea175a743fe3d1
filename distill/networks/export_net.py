"""What of a network runs on a phone."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from torch import Tensor, nn

from distill.networks.edge import EdgeNet
from distill.networks.network import FaceStateNet

EMBEDDINGS: Final = ("face_vector", "unit_vector")
"""What an edge network tells after its logits: the vectors that its emotion and AU heads read,
(N, width) each. Heads of other tasks read them as well, and cost the network nothing."""


class ExportNet(nn.Module):
    """Trunk and branches, a copy; nothing that hangs on them in training, no dropout.

    Returns emotion logits and AU logits, of an edge network also its `EMBEDDINGS`.
    """

    def __init__(self, network: FaceStateNet) -> None:
        super().__init__()
        self.trunk = deepcopy(network.trunk)
        self.emotion = deepcopy(network.emotion)
        self.action_units = deepcopy(network.action_units)
        self.emotion.dropout = self.action_units.dropout = nn.Identity()
        self.tells_vectors = isinstance(network, EdgeNet)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The outputs for (N, 3, H, W)."""
        for stage in self.trunk.values():
            x = stage(x)
        face, unit = self.emotion.pool(x)[1], self.action_units.pool(x)[1]
        logits = self.emotion.classify(face), self.action_units.classify(unit)
        return (*logits, face, unit) if self.tells_vectors else logits


def export_network(network: FaceStateNet) -> nn.Module:
    """The part of a network that is exported, in eval mode."""
    return ExportNet(network).eval() if isinstance(network, EdgeNet) else network


def embedding_widths(network: nn.Module) -> dict[str, int]:
    """Values of each vector that the network tells on a phone, by name, in order."""
    if not isinstance(network, EdgeNet):
        return {}
    heads = (network.emotion.head, network.action_units.head)
    return {name: head.in_features for name, head in zip(EMBEDDINGS, heads, strict=True)}
