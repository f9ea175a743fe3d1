"""Heads as networks of one input: an edge network's vectors, one after the other, as on a phone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.adapting.text_space import TextSpace
from distill.networks.dfn import DFN


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
