"""All figures of emotion on one part of a data set: decisions, confusions, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill.evaluation.metrics.intervals import bootstrap, estimate, share
from distill.evaluation.metrics.reliability import reliability
from distill.evaluation.reports.schema import EmotionReport, Estimate, LabelFigures
from mf2_edge.pipeline.activations import softmax


@dataclass(frozen=True)
class EvaluatedPart:
    """A part of a data set in words, as `EmotionReport` holds them, and its labels, [n]."""

    dataset: str
    split: str
    labels_are: str
    used_for: str
    labels: NDArray[np.int64]


def emotion_report(
    part: EvaluatedPart,
    logits: NDArray[np.float32],
    emotions: tuple[str, ...],
    temperature: float,
    seed: int,
) -> EmotionReport:
    """Evaluate logits [n, emotions] against labels [n]."""
    labels, count = part.labels, len(emotions)
    answers = logits.argmax(axis=1)
    right = answers == labels
    confusion = confusion_matrix(labels, answers, count)
    present = confusion.sum(axis=1) > 0

    def figures(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Mean recall, mean F1, each label's F1."""
        drawn = confusion_matrix(labels[rows], answers[rows], count)
        recalls, f1s = _recalls(drawn), _f1s(drawn)
        return np.array([np.nanmean(recalls), np.nanmean(f1s[present]), *f1s])

    values = figures(np.arange(len(labels)))
    low, high = bootstrap(figures, len(labels), seed)
    mean_recall, mean_f1, *f1s = map(estimate, values, low, high)
    return EmotionReport(
        dataset=part.dataset,
        split=part.split,
        labels_are=part.labels_are,
        used_for=part.used_for,
        n=len(labels),
        accuracy=share(right),
        mean_recall=mean_recall,
        mean_f1=mean_f1,
        labels={
            name: _label(place, labels, answers, f1s[place])
            for place, name in enumerate(emotions)
            if present[place]
        },
        confusion={
            name: dict(zip(emotions, confusion[place].tolist(), strict=True))
            for place, name in enumerate(emotions)
            if present[place]
        },
        before=reliability(_confidence(logits, 1.0), right, seed),
        after=reliability(_confidence(logits, temperature), right, seed),
    )


def confusion_matrix(
    labels: NDArray[np.int64], answers: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Faces by label (row) and answer (column), [count, count]."""
    cells = np.bincount(labels * count + answers, minlength=count * count)
    return np.asarray(cells.reshape(count, count), dtype=np.int64)


def _label(
    place: int, labels: NDArray[np.int64], answers: NDArray[np.int64], f1: Estimate
) -> LabelFigures:
    truth, said = labels == place, answers == place
    return LabelFigures(
        support=int(truth.sum()),
        predicted=int(said.sum()),
        recall=share(said[truth]),
        precision=share(truth[said]) if said.any() else None,
        f1=f1,
    )


def _recalls(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each label; NaN for one that no face has."""
    support = confusion.sum(axis=1)
    return np.where(support > 0, confusion.diagonal() / np.maximum(support, 1), np.nan)


def _f1s(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of each label; NaN for one that no face has."""
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    values = 2 * confusion.diagonal() / np.maximum(support + predicted, 1)
    return np.where(support > 0, values, np.nan)


def _confidence(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Score of the best emotion, [n]."""
    return np.asarray(softmax(logits.astype(np.float64) / temperature).max(axis=1))
