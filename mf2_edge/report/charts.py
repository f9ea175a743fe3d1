"""Charts as inline SVG: shapes alone, stretched to any width; words stand beside them in HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
"""A value a span of time, NaN where nothing is known."""


def stacked(series: Mapping[str, Series], colors: Mapping[str, str], label: str) -> str:
    """Areas on top of one another, which sum to 1 where there is something."""
    below = np.zeros(len(next(iter(series.values()))))
    paths = []
    for name, values in series.items():
        above = below + values
        for start, end in _runs(values):
            paths.append(_area(above, below, start, end, f'fill="var(--{colors[name]})"'))
        below = above
    return _svg("".join(paths), len(below), label, "stack")


def lane(values: Series, present: Series, threshold: float, label: str) -> str:
    """One score as an area, the threshold as a line, and a bar under it where it is present."""
    floor = np.zeros(len(values))
    parts = [_area(values, floor, start, end, 'class="area"') for start, end in _runs(values)]
    height = 1 - threshold
    parts.append(f'<path class="limit" d="M0 {height:.3f}H{len(values)}"/>')
    there = np.where(np.nan_to_num(present) >= 0.5, 1.0, np.nan)
    for start, end in _runs(there):
        parts.append(f'<rect class="on" x="{start}" y="1.04" width="{end - start}" height=".14"/>')
    return _svg("".join(parts), len(values), label, "lane", bottom=1.2)


def lines(series: Mapping[str, Series], low: float, high: float, label: str) -> str:
    """Curves over one range, with a line at 0 where the range crosses it."""
    parts = []
    length = len(next(iter(series.values())))
    if low < 0 < high:
        parts.append(f'<path class="limit" d="M0 {high / (high - low):.3f}H{length}"/>')
    for number, values in enumerate(series.values()):
        heights = (high - np.clip(values, low, high)) / (high - low)
        for start, end in _runs(values):
            points = [f"{i + 0.5:g} {heights[i]:.3f}" for i in range(start, end)]
            points = [f"{start} {heights[start]:.3f}", *points, f"{end} {heights[end - 1]:.3f}"]
            parts.append(f'<path class="curve c{number}" d="M{_joined(points)}"/>')
    return _svg("".join(parts), length, label, "curves")


def share_bar(shares: Mapping[str, float], colors: Mapping[str, str]) -> str:
    """One bar, divided by shares that sum to 1. A list beside it says the same in words."""
    parts, x = [], 0.0
    for name, share in shares.items():
        fill = f"var(--{colors[name]})"
        parts.append(
            f'<rect x="{x:.2f}" y="0" width="{100 * share:.2f}" height="1" fill="{fill}"/>'
        )
        x += 100 * share
    return (
        '<svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(parts)}</svg>"
    )


def time_axis(duration_ms: float, ticks: int = 5) -> str:
    """Times under a chart, from 0 to the end."""
    times = [clock(duration_ms * i / (ticks - 1)) for i in range(ticks)]
    spans = "".join(f"<span>{time}</span>" for time in times)
    return f'<div class="axis" aria-hidden="true">{spans}</div>'


def clock(ms: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    tenths = round(ms / 100)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest // 10:02d}"
    return f"{minutes}:{rest / 10:04.1f}"


def _svg(shapes: str, width: int, label: str, kind: str, bottom: float = 1.0) -> str:
    return (
        f'<svg class="{kind}" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {width} {bottom}" preserveAspectRatio="none">{shapes}</svg>'
    )


def _area(above: Series, below: Series, start: int, end: int, look: str) -> str:
    top = [f"{i + 0.5:g} {1 - above[i]:.3f}" for i in range(start, end)]
    base = [f"{i + 0.5:g} {1 - below[i]:.3f}" for i in reversed(range(start, end))]
    # To the edges of the first and the last span, so that one span is not a line without width.
    top = [f"{start} {1 - above[start]:.3f}", *top, f"{end} {1 - above[end - 1]:.3f}"]
    base = [f"{end} {1 - below[end - 1]:.3f}", *base, f"{start} {1 - below[start]:.3f}"]
    return f'<path {look} d="M{_joined([*top, *base])}Z"/>'


def _joined(points: list[str]) -> str:
    return "L".join(points)


def _runs(values: Series) -> Iterator[tuple[int, int]]:
    """Stretches without NaN, as (start, end)."""
    known: Sequence[bool] = [*np.isfinite(values).tolist(), False]
    start = None
    for index, here in enumerate(known):
        if here and start is None:
            start = index
        elif not here and start is not None:
            yield start, index
            start = None
