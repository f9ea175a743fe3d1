"""Heads as networks of one input: an edge network's vectors, one after the other, as on a phone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.networks.dfn import DFN
from distill.networks.edge import EdgeNet


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

    direction: (text,) of unit length. The way into the text space is folded to one linear layer.
    """

    def __init__(self, edge: EdgeNet, direction: Tensor) -> None:
        super().__init__()
        self.face = edge.embed.in_features
        embed, to_text = edge.embed, edge.face_to_text
        self.to_text = nn.Linear(self.face, to_text.out_features)
        with torch.no_grad():
            self.to_text.weight.copy_(to_text.weight @ embed.weight)
            self.to_text.bias.copy_(to_text.weight @ embed.bias + to_text.bias)
        self.direction = nn.Parameter(direction[:, None].clone(), requires_grad=False)

    def forward(self, vectors: Tensor) -> Tensor:
        """Likeness."""
        return F.normalize(self.to_text(vectors[:, : self.face]), dim=-1) @ self.direction
