"""`--write FILE` writes the latencies of a benchmark run, with their conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.report import conditions
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.io.atomic import write_json


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", type=Path, metavar="FILE", help="write the report to this file")


def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--write")
    if path is None:
        return
    bundle = load_bundle(None)
    measured = session.config._benchmarksession.benchmarks  # type: ignore[attr-defined]
    report = {
        "what": "latency of each stage, one thread, a 640x480 frame with one face",
        **conditions(),
        "bundle": bundle.manifest.name,
        "bundle_sha256": bundle.manifest_sha256,
        "runtime": "litert fp32",
        "stages": {
            benchmark.name.removeprefix("test_"): {
                "p50_ms": _percentile(benchmark, 50),
                "p90_ms": _percentile(benchmark, 90),
                "rounds": len(benchmark.stats.sorted_data),
            }
            for benchmark in measured
        },
    }
    write_json(path, report)


def _percentile(benchmark: object, percent: int) -> float:
    seconds = benchmark.stats.sorted_data  # type: ignore[attr-defined]
    return round(float(np.percentile(seconds, percent)) * 1e3, 3)
