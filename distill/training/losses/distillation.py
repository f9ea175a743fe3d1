"""Distillation of features: losses between a student's features and those of its teacher."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.networks.features import Features
from distill.train_config import DistillationConfig
from distill.training.losses.functions import agreement_loss
from distill.training.teachers.outputs import TeacherOutputs


def distillation_loss(
    features: Features, taught: TeacherOutputs, settings: DistillationConfig
) -> Tensor:
    """Weighted losses between features, a scalar, the mean over faces.

    Of a bundle: its embedding. Of MF²: embedding, the emotion that its frozen head reads from the
    student's embedding, AU tokens, and face and tokens in the text space.
    """
    loss = features.embedding.new_zeros(())
    if taught.embedding is not None:
        loss = loss + settings.embedding * normalised_mse(features.embedding, taught.embedding)
    if (theirs := taught.features) is not None:
        loss = loss + settings.embedding * normalised_mse(features.embedding, theirs.embedding)
        loss = loss + settings.tokens * normalised_mse(features.tokens, theirs.tokens)
        by_face = cosine_loss(features.face_text, theirs.face_text)
        by_unit = cosine_loss(features.unit_text, theirs.unit_text)
        loss = loss + settings.text * (by_face + by_unit)
        if taught.emotion_head is not None and settings.head:
            logits = F.linear(features.embedding, *taught.emotion_head)
            loss = loss + settings.head * agreement_loss(logits, taught.logits["emotion"])
    return loss


def normalised_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared error in units of the teacher's variance over the faces; a scalar.

    1 is the error of always predicting the mean; FitNets' hint loss (Romero et al. 2015,
    arXiv:1412.6550), scaled. (N, ...), N above 1.
    """
    spread = (teacher - teacher.mean(dim=0)).square().mean()
    return F.mse_loss(student, teacher) / spread.clamp(min=1e-6)


def cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """1 minus the cosine of unit vectors, (..., values); a scalar, the mean."""
    return (1 - (student * teacher).sum(dim=-1)).mean()
