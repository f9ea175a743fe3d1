"""MF²: global and local features of a face, both aligned with language.

Reimplemented from the abstract of MF² (arXiv:2504.10351). The global branch is the emotion branch
of `FaceStateNet`: one vector a face. The local branch turns the map of the AU branch into one
token an Action Unit, by attention that a prior guides to the muscle's region; a transformer layer
relates the tokens to one another and to the global vector. Both are projected into the space of a
frozen sentence encoder, where texts can be compared with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.networks.backbones.parts import Backbone, as_map
from distill.networks.features import FeatureNet, Features

MAP_SIDE = 14
"""Height and width of the map that attention looks at."""


@dataclass(frozen=True)
class GuidedFeatures(Features):
    """With the attention that the tokens came from, (N, units, 14, 14), summing to 1 over a map."""

    attention: Tensor = field(kw_only=True)


class UnitAttention(nn.Module):
    """One token a unit from a map: learned queries, a region prior added to their logits.

    (N, channels, side, side) -> tokens (N, units, width), attention (N, units, side, side).
    """

    def __init__(self, channels: int, width: int, priors: NDArray[np.float32]) -> None:
        super().__init__()
        units = len(priors)
        self.keys = nn.Conv2d(channels, width, 1)
        self.values = nn.Conv2d(channels, width, 1)
        self.queries = nn.Parameter(torch.randn(units, width) * 0.02)
        self.guidance = nn.Parameter(torch.ones(units, 1))
        self.identity = nn.Parameter(torch.randn(units, width) * 0.02)
        log_prior = torch.from_numpy(np.log(priors)).flatten(1)
        self.log_prior = nn.Parameter(log_prior, requires_grad=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and the attention they came from."""
        keys, values = self.keys(x).flatten(2), self.values(x).flatten(2)
        logits = torch.einsum("kd,ndp->nkp", self.queries, keys) * keys.shape[1] ** -0.5
        attention = (logits + self.guidance * self.log_prior).softmax(dim=-1)
        tokens = torch.einsum("nkp,ndp->nkd", attention, values) + self.identity
        return tokens, attention.unflatten(2, x.shape[2:])


class MF2(FeatureNet):
    """The teacher network over a backbone's trunk.

    Input (N, 3, 112, 112), RGB, normalised as the recipe says.
    """

    def __init__(
        self,
        backbone: Backbone,
        emotions: int,
        priors: NDArray[np.float32],
        text_width: int,
        width: int = 128,
        dropout: float = 0.0,
        extra: Mapping[str, int] | None = None,
    ) -> None:
        units = len(priors)
        super().__init__(backbone, emotions, units, dropout, extra)
        self.level = backbone.level
        self.attention = UnitAttention(
            backbone.channels + (backbone.map_channels or backbone.width), width, priors
        )
        self.whole = nn.Linear(backbone.width, width)
        self.relation = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.unit_weight = nn.Parameter(torch.zeros(units, width))
        self.related_emotion = nn.Linear(width, emotions)
        nn.init.zeros_(self.related_emotion.weight)
        nn.init.zeros_(self.related_emotion.bias)
        self.face_to_text = nn.Linear(backbone.width, text_width)
        self.unit_to_text = nn.Linear(width, text_width)
        self.text_scale = nn.Parameter(torch.tensor(log(10.0)))
        self.text_bias = nn.Parameter(torch.tensor(-2.0))

    def read(self, x: Tensor) -> GuidedFeatures:
        """Logits and features of the faces."""
        early = self.stage("stage2", self.stage("stem", x))
        middle = self.stage("stage3", early)
        _, face = self.emotion.pool(middle)
        deep, unit_vector = self.action_units.pool(middle)
        early, middle = as_map(early), as_map(middle)
        maps = [F.interpolate(self.level(x), MAP_SIDE, mode="bilinear") for x in (middle, deep)]
        tokens, attention = self.attention(torch.cat(maps, dim=1))
        related = self.relation(torch.cat([self.whole(face)[:, None], tokens], dim=1))
        whole, tokens = related[:, 0], related[:, 1:]
        return GuidedFeatures(
            emotion=self.emotion.classify(face) + self.related_emotion(whole),
            action_units=self.action_units.classify(unit_vector)
            + torch.einsum("nkd,kd->nk", tokens, self.unit_weight),
            stages=(early.mean(dim=(2, 3)), middle.mean(dim=(2, 3)), face, unit_vector),
            embedding=face,
            tokens=tokens,
            attention=attention,
            face_text=F.normalize(self.face_to_text(face), dim=-1),
            unit_text=F.normalize(self.unit_to_text(tokens), dim=-1),
            extra=self.extra_logits(unit_vector),
        )
