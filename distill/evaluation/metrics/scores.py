"""Figures of merit, label by label, with what they rest on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def f1(present: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """F1 of the positive class, 0..1; 0 where nothing is predicted or nothing is there."""
    hits = int((present & truth).sum())
    total = int(present.sum()) + int(truth.sum())
    return 2 * hits / total if total else 0.0


def auc(scores: NDArray[np.floating], truth: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, 0..1, ties counted half; NaN unless both classes occur."""
    positive, negative = scores[truth], scores[~truth]
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    up_to = np.searchsorted(ordered, positive, side="right")
    return float((below + up_to).sum() / (2 * len(positive) * len(negative)))


def best_threshold(scores: NDArray[np.floating]) -> float:
    """The score from which on "present" has the best expected F1, midway between two scores.

    scores: [n] calibrated probabilities. Expected hits are the sum of the scores above (Lipton et
    al. 2014, arXiv:1402.1892). Searching for the best F1 on the labels themselves instead places
    the thresholds of rare units by a handful of faces; on held-out subjects it did worse.
    """
    ordered = np.sort(scores)[::-1].astype(np.float64)
    counts = np.arange(1, len(ordered) + 1)
    expected = 2 * np.cumsum(ordered) / (counts + ordered.sum())
    last = int(expected.argmax())
    following = min(last + 1, len(ordered) - 1)
    return float((ordered[last] + ordered[following]) / 2)
