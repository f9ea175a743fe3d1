"""Networks with features beside logits: hidden states, AU tokens, projections to text."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from distill.networks.network import FaceStateNet


@dataclass(frozen=True)
class Features:
    """What a network computes of N faces.

    emotion (N, emotions), action_units (N, units), extra: logits in the order of its heads.
    stages: a vector a stage, trunk first, (N, channels) each. embedding (N, values): the face in
    MF²'s space, which its emotion head reads. tokens (N, units, width): one an Action Unit.
    face_text (N, text), unit_text (N, units, text): unit vectors in the text encoder's space.
    """

    emotion: Tensor
    action_units: Tensor
    stages: tuple[Tensor, ...]
    embedding: Tensor
    tokens: Tensor
    face_text: Tensor
    unit_text: Tensor
    extra: tuple[Tensor, ...] = ()


class FeatureNet(FaceStateNet):
    """A face-state network that also returns features.

    heads_read_tokens: whether a new head sees the tokens; on a phone they would cost too much.
    """

    heads_read_tokens: ClassVar[bool] = True

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits of every head."""
        features = self.read(x)
        return features.emotion, features.action_units, *features.extra

    @abstractmethod
    def read(self, x: Tensor) -> Features:
        """Logits and features of the faces (N, 3, 112, 112)."""
