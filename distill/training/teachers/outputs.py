"""What a teacher returns for a batch of faces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from distill.faces.batches import Batch
from distill.networks.features import Features


@dataclass(frozen=True)
class TeacherOutputs:
    """Logits (N, labels) of each head that the teacher has something to teach about, by name."""

    logits: Mapping[str, Tensor]
    features: Features | None = None
    """Of the ensemble's last MF²."""
    emotion_head: tuple[Tensor, Tensor] | None = None
    """Weight and bias of that MF²'s linear layer from its embedding to emotion logits."""
    embedding: Tensor | None = None
    """The vector (N, values) that a bundle's emotion head reads, if its file returns it."""


Teacher = Callable[[Batch], TeacherOutputs]
