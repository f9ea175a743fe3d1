"""Reports of benchmarks: one JSON file a run, with these conditions."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mf2_edge.bench.measure.machine import cpu_name

RESULTS: Final = Path(__file__).parent / "results"


def conditions() -> dict[str, str]:
    """Where and when a run was measured: `provenance`, `machine` and `date` of its report."""
    return {
        "provenance": "measured-host",
        "machine": f"{platform.system()} {platform.machine()}, {cpu_name()}, no GPU",
        "date": datetime.now(UTC).date().isoformat(),
    }
