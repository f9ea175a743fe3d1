"""Reports of benchmarks: one JSON file a run, with its conditions."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mf2_edge.bench.measure.machine import cpu_name

RESULTS: Final = Path(__file__).parent / "results"


def conditions() -> dict[str, str]:
    """Where and when a run was measured: `provenance`, `machine` and `date` of its report."""
    return {
        "provenance": "measured-host",
        "machine": f"{platform.system()} {platform.machine()}, {cpu_name()}, no GPU",
        "date": datetime.now(UTC).date().isoformat(),
    }


def load(name: str) -> Any:
    """The content of a results file, by its path below `benchmarks/results`."""
    return json.loads((RESULTS / name).read_text())


def measured(report: Any) -> str:
    """Provenance, machine and date of a report."""
    return f"{report['provenance']}: {report['machine']}, {report['date']}"
