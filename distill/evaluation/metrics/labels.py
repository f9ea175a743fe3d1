"""Figures of merit of scores against labels, label by label: Action Units and emotions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill.evaluation.metrics.scores import auc, f1
from mf2_edge.bundle.schema import LabelAccuracy


@dataclass(frozen=True)
class EmotionMetrics:
    """Decisions on n faces: accuracy with the recall of each label, and mean F1 with each F1."""

    accuracy: float
    recalls: dict[str, LabelAccuracy]
    mean_f1: float
    f1s: dict[str, LabelAccuracy]


def label_metrics(
    labels: NDArray[np.float32],
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    units: Sequence[str],
) -> dict[str, LabelAccuracy]:
    """F1 and AUC of each unit.

    labels [n, units] of 0, 1, NaN; scores [n, units] in 0..1; thresholds [units]. Unknown labels
    count neither way. A unit of which the known labels are all the same is left out: its F1 would
    say nothing.
    """
    figures = {}
    for column, unit in enumerate(units):
        known = ~np.isnan(labels[:, column])
        truth, score = labels[known, column] == 1, scores[known, column]
        if truth.any() and not truth.all():
            figures[unit] = LabelAccuracy(
                value=round(f1(score >= thresholds[column], truth), 4),
                support=int(truth.sum()),
                auc=round(auc(score, truth), 4),
            )
    return figures


def mean_over_folds(folds: Sequence[dict[str, LabelAccuracy]]) -> dict[str, LabelAccuracy]:
    """Each unit's mean F1 and AUC over the folds that could evaluate it; support adds up."""
    units = dict.fromkeys(unit for fold in folds for unit in fold)
    means = {}
    for unit in units:
        parts = [fold[unit] for fold in folds if unit in fold]
        means[unit] = LabelAccuracy(
            value=round(float(np.mean([part.value for part in parts])), 4),
            support=sum(part.support for part in parts),
            auc=round(float(np.mean([part.auc for part in parts if part.auc is not None])), 4),
        )
    return means


def thresholds_of_best_f1(
    labels: NDArray[np.float32], scores: NDArray[np.float64], otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """For each unit the threshold with the best F1, midway between two scores, [units].

    labels [n, units] of 0, 1, NaN; scores [n, units]. `otherwise` [units] holds where a unit's
    known labels are all the same.
    """
    thresholds = otherwise.copy()
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        truth, score = labels[known, column] == 1, scores[known, column]
        if truth.any() and not truth.all():
            thresholds[column] = _best_threshold(score, truth)
    return thresholds


def _best_threshold(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], np.cumsum(truth[order])
    value = 2 * hits / (np.arange(1, len(hits) + 1) + truth.sum())
    value[:-1][ordered[:-1] == ordered[1:]] = -1  # no threshold lies between equal scores
    last = int(value.argmax())
    following = min(last + 1, len(ordered) - 1)
    return float((ordered[last] + ordered[following]) / 2)


def emotion_metrics(
    truth: Sequence[str],
    scores: NDArray[np.float64],
    emotions: Sequence[str],
    among: Sequence[str],
) -> EmotionMetrics:
    """The best of the emotions `among` decides. truth [n]; scores [n, emotions]."""
    possible = [place for place, name in enumerate(emotions) if name in among]
    decided = np.array([emotions[place] for place in possible])[scores[:, possible].argmax(axis=1)]
    labels = np.array(truth)
    support = {name: int((labels == name).sum()) for name in among if (labels == name).any()}
    recalls = {name: float((decided[labels == name] == name).mean()) for name in support}
    f1s = {name: f1(decided == name, labels == name) for name in support}
    return EmotionMetrics(
        accuracy=round(float((decided == labels).mean()), 4),
        recalls=_by_label(recalls, support),
        mean_f1=round(float(np.mean(list(f1s.values()))), 4),
        f1s=_by_label(f1s, support),
    )


def _by_label(values: dict[str, float], support: dict[str, int]) -> dict[str, LabelAccuracy]:
    return {
        name: LabelAccuracy(value=round(value, 4), support=support[name])
        for name, value in values.items()
    }
