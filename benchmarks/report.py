"""Reports of benchmarks: one JSON file a run, with its conditions."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mf2_edge.bench.measure.machine import cpu_name
from mf2_edge.io.atomic import replacing

RESULTS: Final = Path(__file__).parent / "results"


def conditions() -> dict[str, str]:
    """Where and when a run was measured: `provenance`, `machine` and `date` of its report."""
    return {
        "provenance": "measured-host",
        "machine": f"{platform.system()} {platform.machine()}, {cpu_name()}, no GPU",
        "date": datetime.now(UTC).date().isoformat(),
    }


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as indented JSON, atomically."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(report, indent=1) + "\n")
