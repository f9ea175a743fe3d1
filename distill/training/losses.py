"""Losses that know what they do not know: soft votes, partial label sets, masked AUs, texts."""

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
    if not known.any():
        return logits.sum() * 0
    logits, votes, possible = logits[known], votes[known], possible[known]
    target = (1 - smoothing) * votes + smoothing * possible / possible.sum(dim=1, keepdim=True)
    log_p = F.log_softmax(logits.masked_fill(possible == 0, -1e4), dim=1)
    return -(target * log_p * possible).sum(dim=1).mean()


def action_unit_loss(logits: Tensor, labels: Tensor, positive_weight: Tensor) -> Tensor:
    """Binary cross-entropy over the known labels only; a scalar.

    logits, labels: (N, K), labels 0, 1 or NaN for unknown. `positive_weight` (K,) makes up for
    rare units. The mean is taken per unit first, so that units with many known labels do not
    outvote the others.
    """
    known = ~torch.isnan(labels)
    target = torch.nan_to_num(labels)
    loss = F.binary_cross_entropy_with_logits(
        logits, target, pos_weight=positive_weight, reduction="none"
    )
    counts = known.sum(dim=0)
    per_unit = (loss * known).sum(dim=0) / counts.clamp(min=1)
    present = counts > 0
    return per_unit[present].mean() if present.any() else logits.sum() * 0


def agreement_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the teacher's answers; a scalar, the mean over faces.

    logits, teacher: (N, K). Hinton et al. 2015, arXiv:1503.02531, at temperature 1.
    """
    return F.kl_div(
        logits.log_softmax(dim=1),
        teacher.log_softmax(dim=1),
        reduction="batchmean",
        log_target=True,
    )


def dist_loss(logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """What correlation between learner and teacher lacks of 1, a face and a label; a scalar.

    DIST (Huang et al. 2022, arXiv:2205.10536): Pearson's correlation over the labels of each face,
    and over the faces for each label, asks for the teacher's order rather than for its values.
    logits, teacher: (N, K), N of 3 at least for the second to say anything.
    """
    learnt, taught = (logits / temperature).softmax(dim=1), (teacher / temperature).softmax(dim=1)
    within = 1 - _correlation(learnt, taught)
    across = 1 - _correlation(learnt.T, taught.T)
    return temperature**2 * (within.mean() + across.mean())


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, of each row."""
    a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    return F.cosine_similarity(a, b, dim=1, eps=1e-6)


def unit_agreement_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Binary cross-entropy against the teacher's probabilities; a scalar. Both (N, K)."""
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
