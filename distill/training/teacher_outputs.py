"""What a teacher tells a network in training."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from distill.networks.features import Features


class TeacherOutputs(NamedTuple):
    """Emotion logits (N, emotions); AU logits (N, units), None from who has nothing to teach.

    Hidden states come from the ensemble's last MF².
    """

    emotion: Tensor
    action_units: Tensor | None
    face: Features | None = None
    """What a member that is an MF² made of the faces after phase 1."""
    units: Features | None = None
    """The same after phase 2."""
    emotion_head: tuple[Tensor, Tensor] | None = None
    """Weight and bias of the linear layer from the embedding of `face` to emotion logits."""
    face_vector: Tensor | None = None
    """What a bundle pools from each face, (N, values), if its file tells it."""


Teacher = Callable[[Tensor], TeacherOutputs]
"""From faces (N, 3, H, W), normalised, to answers."""
