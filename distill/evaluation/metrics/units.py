"""F1 and AUC of Action Units with intervals, whoever decided, whatever the labels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill.evaluation.metrics.intervals import bootstrap, bootstrap_words, estimate
from distill.evaluation.metrics.scores import auc, f1
from distill.evaluation.reports.schema import Estimate
from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy


@dataclass(frozen=True)
class UnitMetrics:
    """Means over the headline units, and each unit's own figures."""

    labels: dict[str, LabelAccuracy]
    mean_f1: Estimate
    mean_auc: Estimate
    interval: str
    """How the intervals came about."""

    def as_accuracy(self, **conditions: Any) -> list[AccuracySpec]:
        """Mean F1, with each unit's figures, and mean AUC; `conditions` fill what is missing."""
        return [
            AccuracySpec(
                metric=metric,
                value=found.value,
                low=found.low,
                high=found.high,
                interval=self.interval,
                labels=self.labels if metric == "mean F1" else {},
                **conditions,
            )
            for metric, found in (("mean F1", self.mean_f1), ("mean AUC", self.mean_auc))
        ]


def unit_metrics(
    units: Sequence[str],
    labels: NDArray[np.float32],
    present: NDArray[np.bool_],
    scores: NDArray[np.floating[Any]],
    headline: Sequence[str],
    seed: int,
    subjects: NDArray[np.str_] | None = None,
) -> UnitMetrics:
    """Evaluate decisions and scores, [n, units], against labels of 0, 1, NaN, [n, units].

    Intervals draw subjects, [n], who have several faces each, or faces where subjects are unknown.
    A draw without a face that has a unit leaves that unit out.
    """
    known, truth = ~np.isnan(labels), labels == 1
    columns = range(len(units))
    counted = [place for place, unit in enumerate(units) if unit in headline]

    def figures(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Each unit's F1, each unit's AUC, the means of both over the headline."""
        f1s, aucs = [], []
        for column in columns:
            own = rows[known[rows, column]]
            there = truth[own, column]
            f1s.append(f1(present[own, column], there) if there.any() else np.nan)
            aucs.append(auc(scores[own, column], there))
        means = [_mean([values[place] for place in counted]) for values in (f1s, aucs)]
        return np.array([*f1s, *aucs, *means])

    values = figures(np.arange(len(labels)))
    low, high = bootstrap(figures, len(labels), seed, subjects)
    found = [estimate(*three) for three in zip(values, low, high, strict=True)]
    return UnitMetrics(
        labels={
            unit: LabelAccuracy(
                value=found[place].value,
                support=int(truth[:, place].sum()),
                auc=None if np.isnan(auc_ := found[len(units) + place].value) else auc_,
                low=found[place].low,
                high=found[place].high,
            )
            for place, unit in enumerate(units)
            if not np.isnan(values[place])
        },
        mean_f1=found[-2],
        mean_auc=found[-1],
        interval=bootstrap_words(seed, subjects),
    )


def _mean(values: Sequence[float]) -> float:
    """Over the units that were evaluated; NaN if none was."""
    evaluated = [value for value in values if not np.isnan(value)]
    return float(np.mean(evaluated)) if evaluated else float("nan")
