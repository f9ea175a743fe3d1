"""Calibration of scores: whether an answer that is 80 % sure is right in 80 of 100 cases."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill.evaluation.metrics.intervals import bootstrap, estimate, share
from distill.evaluation.reports.schema import Bin, Reliability

BINS: Final = 15
"""Of equal mass, each with as many faces as the others."""


def calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Expected calibration error, 0..1 (Naeini et al. 2015), over bins of equal mass.

    confidence, right [n]: the mean over the bins of |share right - mean confidence|, weighted by
    their faces. Bins of equal mass, not width, so that no bin rests on a handful of faces.
    """
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(confidence[order] - right[order], bins)
    return float(sum(abs(part.sum()) for part in parts) / len(order))


def reliability(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    seed: int,
    groups: NDArray[Any] | None = None,
    bins: int = BINS,
) -> Reliability:
    """The error with its interval, and the bins behind it; `groups` as for `bootstrap`."""
    low, high = bootstrap(
        lambda rows: np.array([calibration_error(confidence[rows], right[rows], bins)]),
        len(right),
        seed,
        groups,
    )[:, 0]
    order = np.argsort(confidence, kind="stable")
    return Reliability(
        error=estimate(calibration_error(confidence, right, bins), low, high),
        bins=tuple(
            Bin(
                n=len(part),
                confidence=round(float(confidence[part].mean()), 4),
                right=share(right[part]),
            )
            for part in np.array_split(order, bins)
            if len(part)
        ),
    )
