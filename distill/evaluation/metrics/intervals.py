"""Confidence intervals (95 %): how far a figure may be off because only these faces were evaluated.

They say nothing of what a data set as a whole gets wrong: its people, its cameras, its raters.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill.evaluation.reports.schema import Estimate

Z: Final = 1.959963984540054
"""Standard normal quantile of 0.975."""

DRAWS: Final = 2000
"""Resamples of a bootstrap."""

WILSON: Final = "95 % Wilson score interval"

Statistic = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Figures [k] of the faces in the given rows, some of them repeated; NaN where there is none."""


def wilson(right: int, n: int) -> tuple[float, float]:
    """Interval of a share `right / n` (Wilson 1927); n is 1 or more.

    Unlike the textbook's normal interval it stays inside 0..1 and holds for few faces.
    """
    share, wide = right / n, Z * Z / n
    middle = (share + wide / 2) / (1 + wide)
    half = Z * sqrt(share * (1 - share) / n + wide / (4 * n)) / (1 + wide)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    statistic: Statistic, n: int, seed: int, groups: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Percentile intervals [2, k] (low, high) of a statistic of n faces (Efron 1979).

    Faces are drawn with replacement, or whole groups of them, [n], where the faces of one person
    are not independent. Draws in which a figure does not exist (NaN) are left out of its interval.
    """
    rng = np.random.default_rng(seed)
    rows = _rows_of(groups) if groups is not None else None
    found = []
    for _ in range(DRAWS):
        if rows is None:
            drawn = rng.integers(n, size=n)
        else:
            drawn = np.concatenate([rows[pick] for pick in rng.integers(len(rows), size=len(rows))])
        found.append(statistic(drawn))
    figures = np.stack(found)
    undefined = np.isnan(figures).all(axis=0)
    bounds = np.full((2, figures.shape[1]), np.nan)
    bounds[:, ~undefined] = np.nanpercentile(figures[:, ~undefined], (2.5, 97.5), axis=0)
    return bounds


def bootstrap_words(seed: int, groups: NDArray[Any] | None = None) -> str:
    """How an interval of `bootstrap` came about."""
    units = "faces" if groups is None else f"{len(np.unique(groups))} subjects"
    return f"95 % percentile bootstrap over {units}, {DRAWS:,} draws, seed {seed}"


def estimate(value: float, low: float, high: float) -> Estimate:
    """A figure rounded as all of them are; bounds that do not exist (NaN) become None."""
    bounds = [None if np.isnan(bound) else round(float(bound), 4) for bound in (low, high)]
    return Estimate(value=round(float(value), 4), low=bounds[0], high=bounds[1])


def share(right: NDArray[np.bool_]) -> Estimate:
    """A share of faces, [n], with its Wilson interval."""
    return estimate(float(right.mean()), *wilson(int(right.sum()), len(right)))


def mean(values: NDArray[np.floating[Any]], seed: int) -> Estimate:
    """The mean over faces, [n], with its bootstrap interval; NaN values are left out."""
    known = values[~np.isnan(values)]
    low, high = bootstrap(lambda rows: known[rows].mean(keepdims=True), len(known), seed)[:, 0]
    return estimate(float(known.mean()), low, high)


def _rows_of(groups: NDArray[Any]) -> list[NDArray[np.int64]]:
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]
