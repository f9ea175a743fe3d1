"""Layout of the features that a head of another task reads: one row a view of a face."""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor


class Layout(msgspec.Struct, frozen=True):
    """Channels of each stage, number of tokens (0: none), values of a token."""

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
