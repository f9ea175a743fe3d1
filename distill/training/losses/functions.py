"""Loss functions: soft votes over partial label sets, masked labels, teachers, texts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)


def emotion_loss(logits: Tensor, votes: Tensor, possible: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy against the raters' votes; a scalar, the mean over labelled faces.

    logits, votes: (N, K); rows of NaN votes are skipped. `possible` (N, K) is 0 for the emotions
    that a face's data set cannot name (RAF-DB has no contempt): they are neither right nor wrong.
    `smoothing` (0..1) is shared among the possible ones.
    """
    known = ~torch.isnan(votes).any(dim=1)
    # Unknown rows count 0 rather than being left out: choosing rows would make a GPU wait.
    shared = possible / possible.sum(dim=1, keepdim=True).clamp(min=1)
    target = (1 - smoothing) * torch.nan_to_num(votes) + smoothing * shared
    log_p = F.log_softmax(logits.masked_fill(possible == 0, -1e4), dim=1)
    loss = -(target * log_p * possible).sum(dim=1)
    return (loss * known).sum() / known.sum().clamp(min=1)


def masked_bce(logits: Tensor, labels: Tensor, positive_weight: Tensor | None = None) -> Tensor:
    """Binary cross-entropy, a scalar, the mean over the known labels; 0 if none is known.

    logits, labels: (N, K), labels 0..1 or NaN for unknown, which is not absent. `positive_weight`
    (K,) makes up for rare labels.
    """
    known = ~torch.isnan(labels)
    loss = F.binary_cross_entropy_with_logits(
        logits, torch.nan_to_num(labels), pos_weight=positive_weight, reduction="none"
    )
    return (loss * known).sum() / known.sum().clamp(min=1)


def agreement_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teacher's distribution; a scalar, the mean over faces.

    logits, teacher: (N, K). Hinton et al. 2015, arXiv:1503.02531, at temperature 1.
    """
    return F.kl_div(
        logits.log_softmax(dim=1),
        teacher.log_softmax(dim=1),
        reduction="batchmean",
        log_target=True,
    )


def dist_loss(logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """DIST loss: 1 minus the correlation of student and teacher, by face and by label; a scalar.

    Huang et al. 2022, arXiv:2205.10536: Pearson's correlation over the labels of each face, and
    over the faces for each label, asks for the teacher's order rather than for its values.
    logits, teacher: (N, K), N of 3 at least for the second to say anything.
    """
    student, target = (logits / temperature).softmax(dim=1), (teacher / temperature).softmax(dim=1)
    within = 1 - _correlation(student, target)
    across = 1 - _correlation(student.T, target.T)
    return temperature**2 * (within.mean() + across.mean())


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, of each row."""
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    return F.cosine_similarity(a, b, dim=1, eps=1e-6)


def sigmoid_agreement(logits: Tensor, teacher: Tensor) -> Tensor:
    """Binary cross-entropy against the teacher's probabilities; a scalar. Both (N, K), logits."""
    return F.binary_cross_entropy_with_logits(logits, teacher.sigmoid())


def alignment_loss(
    vectors: Tensor, texts: Tensor, truth: Tensor, scale: Tensor, bias: Tensor
) -> Tensor:
    """Sigmoid loss between images and texts, several of which may be true; a scalar.

    vectors (..., T) and texts (M, T) of unit length; truth (..., M) in 0..1, NaN for unknown.
    Zhai et al. 2023, arXiv:2303.15343; here true and false pairs weigh the same in all.
    """
    known = ~torch.isnan(truth)
    target = torch.nan_to_num(truth)
    logits = scale.exp() * vectors @ texts.T + bias
    loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weights = [known * target, known * (1 - target)]
    parts = [(loss * w).sum() / w.sum() for w in weights if w.sum() > 0]
    return torch.stack(parts).mean() if parts else logits.sum() * 0
