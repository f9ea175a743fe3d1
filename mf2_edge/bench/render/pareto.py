"""The accuracy/latency front as inline SVG, for a desk and for a phone: p50 across, accuracy up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

from mf2_edge.bench.render.table import Line

WIDE, NARROW, HEIGHT = 640, 340, 320
"""Pixels of the picture; the narrow one fits a phone held upright at the size of its text."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 20, 52

Scale = Callable[[float], float]
"""From a value to its place in the picture."""

SHAPES: Final = {
    "measured-device": "circle",
    "measured-host": "circle",
    "imported": "square",
    "estimated": "hollow",
    "published": "hollow",
    "no-estimate": "hollow",
}
"""What is known by measuring is filled; an estimate is hollow, with a bar for its interval."""


def front(lines: Sequence[Line], name: str) -> str:
    """Both pictures, of which a page shows one, or a sentence that says why there is none.

    `name` begins their ids. The accuracy is that which most rows have. Readable without colour:
    points bear names, estimates are hollow.
    """
    held = Counter(judged.name for line in lines for judged in line.judged)
    axis = held.most_common(1)[0][0] if held else ""
    points = [(line, *point) for line in lines if (point := _point(line, axis)) is not None]
    if not points:
        return "<p>No picture: no row has both a latency and a measured accuracy.</p>"
    return (
        f"<p>Up: {escape(axis)}. Filled: measured. Hollow, with a bar for the interval: estimated, "
        "not measured.</p>\n"
        f'<div class="on-desk">{_svg(points, f"{name}-desk", WIDE)}</div>\n'
        f'<div class="on-phone">{_svg(points, f"{name}-phone", NARROW)}</div>'
    )


def _svg(points: Sequence[tuple[Line, float, float]], name: str, width: int) -> str:
    low, high = _decades([line for line, *_ in points])
    bottom, top = _bounds([accuracy for *_, accuracy in points])

    def x(ms: float) -> float:
        part = (log10(ms) - low) / (high - low)
        return _LEFT + part * (width - _LEFT - _RIGHT)

    def y(accuracy: float) -> float:
        return HEIGHT - _BOTTOM - (accuracy - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)

    told = "; ".join(
        f"{_label(line)}: {ms:.3g} ms, {accuracy:.3f}, {line.report.provenance}"
        for line, ms, accuracy in points
    )
    parts = [
        f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-labelledby="{name}-t {name}-d">',
        f'<title id="{name}-t">Accuracy against latency</title>',
        f'<desc id="{name}-d">{escape(told)}</desc>',
        *_axes(low, high, bottom, top, x, y),
    ]
    ordered = sorted(points, key=lambda point: (point[1], -point[2]))
    best = [p for i, p in enumerate(ordered) if all(p[2] > q[2] for q in ordered[:i])]
    if len(best) > 1:
        path = " ".join(f"{x(ms):.1f},{y(accuracy):.1f}" for _, ms, accuracy in best)
        parts.append(f'<polyline class="front" points="{path}"/>')
    for line, ms, accuracy in points:
        left = x(ms) > width / 2  # to the right of it the name would leave the picture
        parts += _mark(line, x(ms), y(accuracy), x, left=left)
    return "\n".join([*parts, "</svg>"])


def _point(line: Line, axis: str) -> tuple[float, float] | None:
    latency = line.report.network
    accuracy = next((judged.value for judged in line.judged if judged.name == axis), None)
    if latency is None or latency.p50 <= 0 or accuracy is None:
        return None
    return latency.p50, accuracy


def _decades(lines: Sequence[Line]) -> tuple[float, float]:
    """Powers of ten that hold every point and interval."""
    values = []
    for line in lines:
        latency = line.report.network
        assert latency is not None  # `_point` saw to it
        values += [latency.low or latency.p50, latency.p50, latency.high or latency.p50]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return float(low), float(max(high, low + 1))


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    margin = max(max(values) - min(values), 0.02) / 2
    return min(values) - margin, max(values) + margin


def _label(line: Line) -> str:
    model = line.report.model
    return f"{model.bundle} {model.format} {model.precision}"


def _axes(low: float, high: float, bottom: float, top: float, x: Scale, y: Scale) -> list[str]:
    base, end = HEIGHT - _BOTTOM, x(10.0**high)
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{base}H{end:.1f}"/>']
    for power in range(int(low), int(high) + 1):
        for step in (1, 2, 5):
            ms = step * 10.0**power
            if log10(ms) > high:
                break
            parts.append(f'<path class="grid" d="M{x(ms):.1f} {_TOP}V{base}"/>')
            parts.append(
                f'<text x="{x(ms):.1f}" y="{base + 18}" text-anchor="middle">{ms:g}</text>'
            )
    for step in range(5):
        value = bottom + (top - bottom) * step / 4
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>'
        )
    middle = (_LEFT + end) / 2
    place = f'x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle"'
    parts.append(f"<text {place}>p50 of the network, ms</text>")
    return parts


def _mark(line: Line, x: float, y: float, scale: Scale, *, left: bool) -> list[str]:
    shape, latency = SHAPES[line.report.provenance], line.report.network
    parts = []
    if latency is not None and latency.low and latency.high:
        low, high = scale(latency.low), scale(latency.high)
        parts.append(f'<path class="bar" d="M{low:.1f} {y:.1f}H{high:.1f}"/>')
    if shape == "square":
        parts.append(f'<rect class="mark" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10"/>')
    else:
        parts.append(f'<circle class="mark {shape}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>')
    place = f'x="{x - 10:.1f}" text-anchor="end"' if left else f'x="{x + 10:.1f}"'
    parts.append(f'<text class="name" {place} y="{y - 8:.1f}">{escape(_label(line))}</text>')
    return parts
