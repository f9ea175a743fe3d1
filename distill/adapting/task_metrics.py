"""Figures of a user's task on its validation part, as an `AccuracySpec` each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill.adapting.heads import HeadCard
from distill.evaluation.conditions import machine, today
from distill.evaluation.metrics.labels import emotion_metrics, label_metrics
from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy


def judge_task(
    card: HeadCard,
    answers: NDArray[np.float64],
    targets: NDArray[np.float32],
    split: str,
    notes: str,
) -> list[AccuracySpec]:
    """Accuracy and macro F1; or mean F1 and mean AUC; or MAE, Pearson and concordance.

    answers, targets: [n, labels], as `Head.answers` gives them and as the user wrote them.
    """
    figures, protocol = _figures(card, answers, targets)
    return [
        AccuracySpec(
            dataset=card.task,
            split=split,
            protocol=f"{protocol}; {notes}" if notes else protocol,
            metric=metric,
            value=round(value, 4),
            n=len(targets),
            seed=card.seed,
            labels=labels,
            date=today(),
            machine=machine(),
        )
        for metric, (value, labels) in figures.items()
    ]


def _figures(
    card: HeadCard, answers: NDArray[np.float64], targets: NDArray[np.float32]
) -> tuple[dict[str, tuple[float, dict[str, LabelAccuracy]]], str]:
    """By metric the value and the same label by label; then what all of them rest on."""
    if card.kind == "multi-class":
        truth = [card.labels[place] for place in targets.argmax(axis=1)]
        evaluated = emotion_metrics(truth, answers, card.labels, card.labels)
        return {
            "accuracy": (evaluated.accuracy, evaluated.recalls),
            "macro F1": (evaluated.mean_f1, evaluated.f1s),
        }, "best of all classes"
    if card.kind == "multi-label":
        thresholds = np.full(len(card.labels), 0.5)
        labels = label_metrics(targets, answers, thresholds, card.labels)
        return {
            "mean F1": (float(np.mean([label.value for label in labels.values()])), labels),
            "mean AUC": (
                float(np.mean([label.auc for label in labels.values() if label.auc is not None])),
                {},
            ),
        }, f"{len(labels)} of {len(card.labels)} labels, thresholds from the training part"
    truth_, given = targets[:, 0].astype(np.float64), answers[:, 0]
    return {
        "mean absolute error": (float(np.abs(truth_ - given).mean()), {}),
        "Pearson correlation": (pearson(truth_, given), {}),
        "concordance correlation": (concordance(truth_, given), {}),
    }, "in the unit of the table"


def pearson(truth: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """Pearson correlation, -1..1; 0 where all answers are the same, which tell nothing apart."""
    spread = truth.std() * given.std()
    return float(_covariance(truth, given) / spread) if spread > 0 else 0.0


def concordance(truth: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """Concordance correlation, -1..1 (Lin 1989): 1 only for the very same numbers."""
    apart = (truth.mean() - given.mean()) ** 2
    return float(2 * _covariance(truth, given) / (truth.var() + given.var() + apart))


def _covariance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(((a - a.mean()) * (b - b.mean())).mean())
