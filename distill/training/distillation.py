"""What a network for phones learns from MF², or from a bundle, beside the labels.

The teacher's answers by DIST; the hidden states of MF² (face embedding, AU tokens) or the face
vector of a bundle; what MF²'s own frozen emotion head makes of the learner's embedding; the text
space.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import DistillationConfig, Relation
from distill.networks.features import FeatureNet, Features
from distill.training.losses import agreement_loss, dist_loss
from distill.training.teacher_outputs import TeacherOutputs


def emotion_agreement(logits: Tensor, taught: Tensor, relation: Relation) -> Tensor:
    """How far emotion logits (N, emotions) are from the teacher's; a scalar, a mean over faces."""
    compare = dist_loss if relation == "dist" else agreement_loss
    return compare(logits, taught)


def learn(
    network: nn.Module, images: Tensor, taught: TeacherOutputs, settings: DistillationConfig | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Emotion logits, AU logits and the weighted loss of what else there is to learn."""
    if settings is None or not isinstance(network, FeatureNet):
        emotion, units, *_ = network(images)
        return emotion, units, emotion.new_zeros(())
    reading = network.read(images)
    return reading.emotion, reading.action_units, distillation_loss(reading, taught, settings)


def distillation_loss(
    reading: Features, taught: TeacherOutputs, settings: DistillationConfig
) -> Tensor:
    """What a learner's reading lacks of the teacher's, weighted; a scalar, the mean over faces.

    Of a bundle: its face vector. Of phase 1's MF²: embedding, emotion by its head, face text; of
    phase 2's, if there is one, else of phase 1's: tokens, unit text.
    """
    loss = reading.embedding.new_zeros(())
    if taught.face_vector is not None:
        loss = loss + settings.embedding * normalised_mse(reading.embedding, taught.face_vector)
    if taught.face is not None:
        loss = loss + settings.embedding * normalised_mse(reading.embedding, taught.face.embedding)
        loss = loss + settings.text * cosine_loss(reading.face_text, taught.face.face_text)
        if taught.emotion_head is not None:
            logits = F.linear(reading.embedding, *taught.emotion_head)
            loss = loss + settings.head * agreement_loss(logits, taught.emotion)
    by_unit = taught.units or taught.face
    if by_unit is not None:
        loss = loss + settings.tokens * normalised_mse(reading.tokens, by_unit.tokens)
        loss = loss + settings.text * cosine_loss(reading.unit_text, by_unit.unit_text)
    return loss


def normalised_mse(learnt: Tensor, taught: Tensor) -> Tensor:
    """Mean squared error in units of the teacher's variance over the faces; a scalar.

    1 is what always answering with the mean would give; FitNets' hint loss (Romero et al. 2015,
    arXiv:1412.6550), scaled. (N, ...), N above 1.
    """
    spread = (taught - taught.mean(dim=0)).square().mean()
    return F.mse_loss(learnt, taught) / spread.clamp(min=1e-6)


def cosine_loss(learnt: Tensor, taught: Tensor) -> Tensor:
    """1 less the cosine of unit vectors, (..., values); a scalar, the mean."""
    return (1 - (learnt * taught).sum(dim=-1)).mean()
