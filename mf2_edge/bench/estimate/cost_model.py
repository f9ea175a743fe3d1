"""Latency from the work of a graph, fitted on published figures of one device.

    ms = fixed + a * dense + b * depthwise + c * moved + d * weights + e * operators

with no coefficient below zero, by least squares of the relative error. Nothing here knows a
network's name. How wrong it is, is measured by leaving out one network at a time: the interval of
an estimate is that error's, not a guess. docs/bench.md says what such a model cannot know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, exp, log
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.bench.errors import BenchError
from mf2_edge.bench.estimate.graph_work import Work
from mf2_edge.bench.estimate.published import Figure, published_figures, reference_workload
from mf2_edge.bundle.schema import ArtifactFormat, Precision

FEATURES: Final = ("fixed", "dense", "depthwise", "moved", "weights", "operators")
"""Names of the coefficients: ms; ms a 10^9 multiply-adds; a 10^6 elements; an operator."""

COVERAGE: Final = 0.9
"""Part of the left-out networks whose error the interval spans, where there are enough."""

FEWEST: Final = 8
"""Figures of a device below which nothing is fitted."""

FARTHEST: Final = 10.0
"""Times beyond the fitted range, in any feature, from which on there is no estimate."""

WORST: Final = 0.25
"""Median error, with a network left out, above which a model makes no estimates."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A network, its published latency, and what the others predicted for it."""

    network: str
    published_ms: float
    predicted_ms: float

    @property
    def error(self) -> float:
        """Relative to the published figure, 0.1 for 10 %."""
        return abs(self.predicted_ms - self.published_ms) / self.published_ms


@dataclass(frozen=True, slots=True)
class CostModel:
    """Coefficients and how wrong they are."""

    coefficients: NDArray[np.float64]
    """In the order of FEATURES."""
    left_out: tuple[LeftOut, ...]
    compute_unit: str
    sources: tuple[str, ...]
    largest: NDArray[np.float64]
    """Of each feature among the networks fitted on."""
    smallest: NDArray[np.float64]

    @property
    def median_error(self) -> float:
        """Median of the relative errors with one network left out."""
        return median(each.error for each in self.left_out)

    @property
    def is_usable(self) -> bool:
        """Whether it is right often enough to estimate with."""
        return self.median_error <= WORST

    def predict(self, work: Work) -> tuple[float, float, float]:
        """The estimate in ms, and an interval around it: of COVERAGE inside the fitted range.

        Beyond it the interval reaches from the line as it goes on to the line held at the edge of
        the range, and to work in proportion from there on, each with the largest left-out error:
        doing a part of the work takes at least that part of the time.
        """
        found = features(work)
        ms = float(found @ self.coefficients)
        if not self.outside(work):
            return ms, ms / self.factor, ms * self.factor
        edge = float(np.clip(found, self.smallest, self.largest) @ self.coefficients)
        below, times = self._beyond(found)
        factor = self.factor_of(1.0)
        return ms, min(ms, edge / below) / factor, max(ms, edge, edge * times) * factor

    def reach(self, work: Work) -> float:
        """How many times beyond the fitted range a network is, in its worst feature; 1 inside."""
        return max(self._beyond(features(work)))

    def _beyond(self, found: NDArray[np.float64]) -> tuple[float, float]:
        """Times below the smallest and above the largest; of a feature that is not there, none."""
        there = found > 0
        below = float((self.smallest[there] / found[there]).max())
        known = self.largest > 0
        return max(1.0, below), max(1.0, float((found[known] / self.largest[known]).max()))

    def outside(self, work: Work) -> list[str]:
        """Features of a network that none of those fitted on had, smaller or larger."""
        found = features(work)
        return [
            name
            for name, value, low, high in zip(
                FEATURES, found, self.smallest, self.largest, strict=True
            )
            if not low <= value <= high
        ]

    @property
    def factor(self) -> float:
        """By which a further network of the fitted range may be off, either way."""
        return self.factor_of(COVERAGE)

    def factor_of(self, coverage: float) -> float:
        """The left-out error of rank ceil(coverage * (n + 1)), or the largest one."""
        ratios = (abs(log(each.predicted_ms / each.published_ms)) for each in self.left_out)
        errors = sorted(ratios)
        return exp(errors[min(ceil(coverage * (len(errors) + 1)), len(errors)) - 1])


def features(work: Work) -> NDArray[np.float64]:
    """In the order and units of FEATURES."""
    return np.array(
        [
            1.0,
            work.dense_macs / 1e9,
            work.depthwise_macs / 1e9,
            work.moved / 1e6,
            work.weights / 1e6,
            work.operators,
        ]
    )


def figures_of(device: str, kind: ArtifactFormat, precision: Precision) -> list[Figure]:
    """The published figures that a model is fitted on."""
    return [
        figure
        for figure in published_figures()
        if (figure.device, figure.format, figure.precision) == (device, kind, precision)
        and figure.network in reference_workload()
    ]


def fit_cost_model(figures: Sequence[Figure]) -> CostModel:
    """Fit on the figures of one device, format and precision; raises BenchError if too few."""
    if len(figures) < FEWEST:
        raise BenchError(f"{len(figures)} published figures; a cost model needs at least {FEWEST}")
    work = reference_workload()
    x = np.array([features(work[figure.network]) for figure in figures])
    ms = np.array([figure.ms for figure in figures])
    left_out = []
    for row, figure in enumerate(figures):
        others = np.arange(len(figures)) != row
        predicted = float(x[row] @ _fit(x[others], ms[others]))
        left_out.append(LeftOut(figure.network, figure.ms, predicted))
    return CostModel(
        coefficients=_fit(x, ms),
        left_out=tuple(left_out),
        compute_unit=figures[0].compute_unit,
        sources=tuple(dict.fromkeys(figure.source for figure in figures)),
        largest=x.max(axis=0),
        smallest=x.min(axis=0),
    )


def _fit(x: NDArray[np.float64], ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of at least zero with the least relative error: the best of all subsets.

    The fixed cost is always in; of the others every subset is solved, which is exact.
    """
    scaled = x / ms[:, None]
    best, least = np.zeros(x.shape[1]), np.inf
    for count in range(1, x.shape[1]):
        for chosen in combinations(range(1, x.shape[1]), count):
            columns = [0, *chosen]
            solved = np.linalg.lstsq(scaled[:, columns], np.ones(len(ms)), rcond=None)[0]
            error = float(((scaled[:, columns] @ solved - 1) ** 2).sum())
            if (solved >= 0).all() and solved.any() and error < least:
                best, least = np.zeros(x.shape[1]), error
                best[columns] = solved
    return best
