"""Networks that tell more than two heads' logits: hidden states, AU tokens, the way to language."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from distill.networks.network import FaceStateNet


@dataclass(frozen=True)
class Features:
    """What a network makes of N faces.

    emotion (N, emotions) and action_units (N, units): logits. stages: a vector a stage, trunk
    first, (N, channels) each. embedding (N, values): the face in MF²'s space, which its emotion
    head reads. tokens (N, units, width): one an Action Unit. face_text (N, text) and unit_text
    (N, units, text): unit vectors in the text encoder's space.
    """

    emotion: Tensor
    action_units: Tensor
    stages: tuple[Tensor, ...]
    embedding: Tensor
    tokens: Tensor
    face_text: Tensor
    unit_text: Tensor


class FeatureNet(FaceStateNet):
    """A face-state network that can be read.

    heads_read_tokens: whether a new head sees the tokens; on a phone they would cost too much.
    """

    heads_read_tokens: ClassVar[bool] = True

    @abstractmethod
    def read(self, x: Tensor) -> Features:
        """Everything that the network makes of the faces (N, 3, 112, 112)."""
