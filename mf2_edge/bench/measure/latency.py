"""From the times of single queries to percentiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mf2_edge.bench.report import Latency


def percentiles(samples_ms: Sequence[float]) -> Latency:
    """p50, p90 and p99 of at least one sample, by linear interpolation."""
    p50, p90, p99 = (round(float(p), 4) for p in np.percentile(samples_ms, (50, 90, 99)))
    return Latency(p50=p50, p90=p90, p99=p99, queries=len(samples_ms))
