"""Markdown tables: those of the documentation and of a model card's measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *notes: str) -> str:
    """A table with its notes below, a blank line between them."""
    lines = [_line(head), "|" + "---|" * len(head), *map(_line, rows)]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def with_interval(value: float, low: float | None, high: float | None) -> str:
    """A figure and its interval, where it has one, such as "0.874 (0.854 to 0.892)"."""
    if low is None or high is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _line(cells: Sequence[object]) -> str:
    return "|" + "".join(f" {cell} |" if cell != "" else " |" for cell in cells)
