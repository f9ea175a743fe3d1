"""Markdown tables of results; every table of the documentation is rendered here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parents[1] / "results"


def load(name: str) -> Any:
    """The content of a results file, by its path below `benchmarks/results`."""
    return json.loads((RESULTS / name).read_text())


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *notes: str) -> str:
    """A table with its notes below, a blank line between them."""
    lines = [_line(head), "|" + "---|" * len(head), *map(_line, rows)]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _line(cells: Sequence[object]) -> str:
    return "|" + "".join(f" {cell} |" if cell != "" else " |" for cell in cells)


def measured(report: Any) -> str:
    """Provenance, machine and date of a report."""
    return f"{report['provenance']}: {report['machine']}, {report['date']}"
