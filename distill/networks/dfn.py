"""DFN, the decoupled fine-tuning network: a light side network that reads a frozen network.

Reimplemented from the abstract of MF² (arXiv:2504.10351); fusing a frozen network's stages in a
ladder beside it follows Sung et al. 2022, arXiv:2206.06522. No gradient enters MF², so its hidden
states can be computed once (`adapting/hidden.py`), and any number of DFNs can share one MF².
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor, nn

LEAST_SPREAD = 1e-3
"""Below this standard deviation a hidden value is constant, and scaling it up would be noise."""


class Layout(msgspec.Struct, frozen=True):
    """Layout of a row of hidden states: channels of each stage, tokens (0: none), values of one."""

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


class GatedFusion(nn.Module):
    """What came from the stages before, mixed with one more stage by a gate a channel.

    (N, width), (N, channels) -> (N, width).
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(channels, width)
        self.gate = nn.Linear(2 * width, width)
        self.refine = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, state: Tensor, stage: Tensor) -> Tensor:
        """The fused state."""
        seen = self.project(stage)
        gate = torch.sigmoid(self.gate(torch.cat([state, seen], dim=1)))
        fused = gate * state + (1 - gate) * seen
        refined: Tensor = fused + self.refine(fused)
        return refined


class TokenPooling(nn.Module):
    """The AU tokens that a state asks for: attention with several heads.

    state (N, width), tokens (N, units, values) -> (N, width).
    """

    def __init__(self, values: int, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.keys = nn.Linear(values, width)
        self.values = nn.Linear(values, width)

    def forward(self, state: Tensor, tokens: Tensor) -> Tensor:
        """The pooled tokens."""
        faces, units, _ = tokens.shape
        query = self.query(state).reshape(faces, self.heads, 1, -1)
        keys = self.keys(tokens).reshape(faces, units, self.heads, -1).permute(0, 2, 3, 1)
        values = self.values(tokens).reshape(faces, units, self.heads, -1).permute(0, 2, 1, 3)
        attention = (query @ keys * keys.shape[2] ** -0.5).softmax(dim=-1)
        pooled: Tensor = (attention @ values).reshape(faces, -1)
        return pooled


class DFN(nn.Module):
    """From the hidden states of MF² to the logits of one task.

    stages: a vector a stage, (N, channels) each; tokens (N, units, values), unread and maybe None
    where the layout has none; as the frozen network gives them: what they are normalised with is
    part of the DFN. Returns (N, outputs).
    """

    def __init__(
        self,
        layout: Layout,
        outputs: int,
        mean: Tensor,
        spread: Tensor,
        width: int = 64,
        dropout: float = 0.2,
    ) -> None:
        """mean, spread: (layout.width,), of the hidden states of the training faces."""
        super().__init__()
        self.layout = layout
        self.width = width
        self.mean = nn.Parameter(mean.clone(), requires_grad=False)
        self.scale = nn.Parameter(1 / spread.clamp(min=LEAST_SPREAD), requires_grad=False)
        self.first = nn.Linear(layout.stages[0], width)
        self.fusions = nn.ModuleList(GatedFusion(channels, width) for channels in layout.stages[1:])
        self.pooling = TokenPooling(layout.token_width, width) if layout.units else None
        self.dropout = nn.Dropout(dropout)
        read = width if self.pooling is None else 2 * width
        self.head = nn.Sequential(nn.LayerNorm(read), nn.Linear(read, outputs))

    def forward(self, stages: Sequence[Tensor], tokens: Tensor | None) -> Tensor:
        """Logits of the task."""
        read = [*stages] if self.pooling is None or tokens is None else [*stages, tokens.flatten(1)]
        normal = self.dropout((torch.cat(read, dim=1) - self.mean) * self.scale)
        first, *others = torch.split(normal, [values.shape[1] for values in read], dim=1)
        state = self.first(first)
        for fusion, stage in zip(self.fusions, others, strict=False):
            state = fusion(state, stage)
        if self.pooling is not None:
            faces = len(normal)
            asked = others[-1].reshape(faces, self.layout.units, self.layout.token_width)
            state = torch.cat([state, self.pooling(state, asked)], dim=1)
        answer: Tensor = self.head(self.dropout(state))
        return answer
