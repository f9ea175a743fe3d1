"""One person on the page of a report: pictures, and what was seen over time."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.report.charts import Series, clock, lane, lines, share_bar, stacked, time_axis
from mf2_edge.report.data import KeyFrame, Person, ReportData
from mf2_edge.report.html import jpeg_uri, table
from mf2_edge.report.style import colors
from mf2_edge.types import PRESENT

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest


def person_section(data: ReportData, manifest: Manifest, track_id: int, person: Person) -> str:
    """Key frames, emotions, Action Units, head pose and quality of one followed face."""
    name = f"Person {track_id}"
    shares = {label: data.share(person, label) for label in data.emotions}
    best = max(shares, key=shares.__getitem__)
    keys = sorted(person.key_frames.values(), key=lambda key: key.score, reverse=True)
    figures = "".join(f"<li>{_key_frame(key, name)}</li>" for key in keys)
    top = f'<ul class="keys" aria-label="Key frames">{figures}</ul>' if keys else ""
    return (
        f'<section id="person-{track_id}" aria-labelledby="person-{track_id}-h">'
        f'<h2 id="person-{track_id}-h">{name}</h2>'
        f'<p class="soft">{clock(person.first_ms)} to {clock(person.last_ms)}, {person.frames:,} '
        f"frames, mostly {escape(best)}.</p>{top}{_emotions(data, person, name, shares)}"
        f"{_units(data, manifest, person, name)}{_pose(data, person, name)}</section>"
    )


def _emotions(data: ReportData, person: Person, name: str, shares: dict[str, float]) -> str:
    hues = colors(data.emotions)
    series = {label: data.mean(person, label) for label in data.emotions}
    order = sorted(shares, key=shares.__getitem__, reverse=True)
    legend = "".join(
        f'<li><i style="background:var(--{hues[label]})"></i>{escape(label)} '
        f'<span class="soft">{shares[label]:.0%}</span></li>'
        for label in order
    )
    said = ", ".join(f"{label} {shares[label]:.0%}" for label in order[:3])
    rows = [
        [clock(start * data.span_ms), *(_percent(series[label], start, end) for label in order)]
        for start, end in _parts(len(series[order[0]]))
    ]
    return (
        f"<h3>Emotion</h3>{share_bar({key: shares[key] for key in order}, hues)}"
        f'<ul class="legend">{legend}</ul>'
        f"{stacked(series, hues, f'{name}, probability of each emotion over time: {said}')}"
        f"{time_axis(data.duration_ms)}<details><summary>Emotion as a table</summary>"
        f"{table(f'{name}: mean probability from each time on', ['From', *order], rows)}</details>"
    )


def _units(data: ReportData, manifest: Manifest, person: Person, name: str) -> str:
    shown: list[str] = []
    others: list[str] = []
    rows: list[list[str]] = []
    for label in data.units:
        scores, there = data.mean(person, label), data.mean(person, f"{label}_present")
        told = manifest.reliability_of(label)
        share, words = data.share(person, f"{label}_present"), ACTION_UNIT_NAMES[label]
        highest = float(np.nanmax(scores)) if np.isfinite(scores).any() else 0.0
        said = f"{name}, {label} {words}: present {share:.0%} of the time, highest {highest:.2f}"
        row = (
            f'<div class="unit"><div><b>{label}</b> <span>{escape(words)}</span></div>'
            f"{lane(scores, there, PRESENT, said)}"
            f'<span class="n">{share:.0%} present</span></div>'
        )
        (shown if share > 0 else others).append(row)
        rows.append([label, words, f"{share:.0%}", f"{highest:.2f}", str(told or "not measured")])
    first = "".join(shown) or "<p>No Action Unit was present.</p>"
    summary = f"<summary>{len(others)} units that were never present</summary>"
    rest = f"<details>{summary}{''.join(others)}</details>" if others else ""
    head = ["Unit", "Name", "Present", "Highest score", "As measured"]
    return (
        '<h3>Action Units</h3><p class="soft">How sure the model is, over time; the dashed line is '
        "0.5, the bar below marks where a unit is present.</p>"
        f"{first}{time_axis(data.duration_ms)}"
        f"{rest}<details><summary>Action Units as a table</summary>"
        f"{table(f'{name}: Action Units', head, rows)}</details>"
    )


def _pose(data: ReportData, person: Person, name: str) -> str:
    angles = {angle: data.mean(person, angle) for angle in ("yaw", "pitch", "roll")}
    quality = {"quality": data.mean(person, "quality")}
    known = any(np.isfinite(values).any() for values in angles.values())
    rows = [
        [
            clock(start * data.span_ms),
            *(_degrees(values, start, end) for values in angles.values()),
            _percent(quality["quality"], start, end),
        ]
        for start, end in _parts(len(quality["quality"]))
    ]
    legend = (
        '<ul class="legend"><li><i class="l" style="color:var(--accent)"></i>yaw, towards its own '
        'left</li><li><i class="l l1" style="color:var(--e1)"></i>pitch, up</li>'
        '<li><i class="l l2" style="color:var(--e4)"></i>roll, to its own left shoulder</li></ul>'
    )
    curves = lines(angles, -60, 60, f"{name}, head pose over time, -60 to 60 degrees")
    pose = f"{legend}{curves}{time_axis(data.duration_ms)}" if known else "<p>Not known.</p>"
    mean = data.share(person, "quality")
    head = ["From", "Yaw", "Pitch", "Roll", "Quality"]
    return (
        f'<h3>Head pose <span class="soft">-60° to 60°</span></h3>{pose}'
        f'<h3>Quality <span class="soft">of the picture, 0 to 1; mean {mean:.2f}</span></h3>'
        f"{lines(quality, 0, 1, f'{name}, quality over time, mean {mean:.2f} of 1')}"
        f"{time_axis(data.duration_ms)}<details><summary>Head pose and quality as a table</summary>"
        f"{table(f'{name}: means from each time on', head, rows)}</details>"
    )


def _key_frame(key: KeyFrame, name: str) -> str:
    at = clock(key.timestamp_ms)
    return (
        f'<figure><img src="{jpeg_uri(key.jpeg)}" alt="{name} at {at}, {escape(key.emotion)}">'
        f"<figcaption>{escape(key.emotion)} {key.score:.2f}<span>{at}</span></figcaption></figure>"
    )


def _parts(length: int, most: int = 20) -> list[tuple[int, int]]:
    """A length cut into at most `most` stretches."""
    edges = np.linspace(0, length, min(most, length) + 1).round().astype(int).tolist()
    return list(pairwise(edges))


def _percent(values: Series, start: int, end: int) -> str:
    known = values[start:end][np.isfinite(values[start:end])]
    return f"{known.mean():.0%}" if known.size else ""


def _degrees(values: Series, start: int, end: int) -> str:
    known = values[start:end][np.isfinite(values[start:end])]
    return f"{known.mean():.0f}°" if known.size else ""
