"""The page of a report: what `ReportData` holds, in words, charts and tables."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.page import page, table
from mf2_edge.report_charts import Series, clock, lane, lines, share_bar, stacked, time_axis
from mf2_edge.report_data import KeyFrame, Person, ReportData

if TYPE_CHECKING:
    from mf2_edge.schema import Manifest

_HUES: Final = {
    "neutral": "e0",
    "happiness": "e1",
    "surprise": "e2",
    "sadness": "e3",
    "anger": "e4",
    "disgust": "e5",
    "fear": "e6",
    "contempt": "e7",
}
"""Custom properties of the style below, light and dark."""

_STYLE: Final = """
:root { --e0: #8b97a6; --e1: #d99a00; --e2: #c2559b; --e3: #2f74c0; --e4: #c8402f; --e5: #4c8c3b;
  --e6: #7256b8; --e7: #a0703c; }
@media (prefers-color-scheme: dark) { :root { --e0: #66717f; --e1: #f3bf3f; --e2: #e58bc4;
  --e3: #6aa9ee; --e4: #f0796a; --e5: #84c471; --e6: #aa92ea; --e7: #cf9f6a; } }
svg { display: block; width: 100%; }
.stack, .curves { height: 9rem; background: var(--track); border-radius: 8px; }
.curves { height: 6.5rem; }
.lane { height: 2.4rem; background: linear-gradient(var(--track) 83.3%, transparent 83.3%); }
.share { height: 1.1rem; border-radius: 6px; }
.area { fill: var(--accent); fill-opacity: .38; stroke: var(--accent); stroke-width: 1.5;
  vector-effect: non-scaling-stroke; }
.on { fill: var(--accent); }
.limit { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 4; fill: none;
  vector-effect: non-scaling-stroke; }
.curve { fill: none; stroke-width: 2.25; vector-effect: non-scaling-stroke; stroke: var(--accent); }
.c1 { stroke: var(--e1); stroke-dasharray: 7 3; } .c2 { stroke: var(--e4); stroke-dasharray: 2 3; }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem;
  font-variant-numeric: tabular-nums; padding-top: .25rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0 0; padding: 0; }
.tiles div { background: var(--track); border-radius: 10px; padding: .7rem .9rem; }
.tiles dt { color: var(--soft); font-size: .85rem; }
.tiles dd { margin: 0; font-size: 1.35rem; font-weight: 650; letter-spacing: -.01em; }
.hero { display: grid; gap: 1.5rem; align-items: center; }
.hero img { width: 100%; height: auto; border-radius: 10px; display: block; }
.keys { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; margin: 1rem 0 0;
  list-style: none; }
figure { margin: 0; } .keys figure { width: 7rem; }
.keys img { width: 7rem; height: 7rem; border-radius: 10px; display: block; }
figcaption { font-size: .85rem; line-height: 1.35; padding-top: .35rem; }
figcaption span { color: var(--soft); display: block; font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; padding: 0;
  margin: .6rem 0; font-size: .9rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 3px;
  margin-right: .45em; }
.legend .l { height: 0; width: 1.6em; border-top: 3px solid; vertical-align: .25em;
  border-radius: 0; }
.legend .l1 { border-top-style: dashed; } .legend .l2 { border-top-style: dotted; }
.unit { display: grid; grid-template-columns: 12rem minmax(0, 1fr) 7rem; gap: 0 1rem;
  align-items: center; padding: .2rem 0; }
.unit b { font-weight: 650; } .unit span { color: var(--soft); font-size: .88rem; }
.unit .n { text-align: right; font-variant-numeric: tabular-nums; }
.alert { border-left: 4px solid var(--e4); padding-left: 1rem; }
@media (min-width: 48rem) { .hero { grid-template-columns: 1.15fr 1fr; } }
@media (max-width: 40rem) { .unit { grid-template-columns: 1fr auto; }
  .unit svg { grid-column: 1 / -1; grid-row: 2; } }
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report says beside the faces: of the video, the run and the model.

    `info` is `FaceStateAnalyzer.info()`; `frame_ms` the ms that the stream took for frames, the
    median and the 90th percentile; `error` what ended the video too early.
    """

    source: str
    width: int
    height: int
    fps: float
    frame_ms: tuple[float, float]
    info: dict[str, Any]
    manifest: Manifest
    error: str | None = None


def render(data: ReportData, facts: Facts) -> str:
    """The whole page, one HTML document without a single outside reference."""
    people = sorted(data.people.items(), key=lambda item: item[1].frames, reverse=True)
    people = sorted(people[:MOST_SHOWN])
    links = [("summary", "Summary"), *((f"person-{i}", f"Person {i}") for i, _ in people)]
    links += [("events", "Events"), ("model", "Model"), ("limits", "Limits")]
    items = "".join(f'<li><a href="#{name}">{text}</a></li>' for name, text in links)
    header = (
        f'<p class="soft">Faces over time</p><h1>{escape(facts.source)}</h1>'
        f'<nav aria-label="Parts of this page"><ul>{items}</ul></nav>'
    )
    parts = [_summary(data, facts)]
    parts += [_person(data, facts.manifest, track_id, person) for track_id, person in people]
    parts += [_events(data), _model(facts), _limits(facts)]
    footer = (
        "<p>Made on this machine by mf2-edge. The page holds pictures of faces: keep it as you "
        "would keep the video. It loads nothing and sends nothing.</p>"
    )
    return page(f"Faces in {facts.source}", header, "".join(parts), footer, _STYLE)


MOST_SHOWN: Final = 12
"""People on a page; those seen longest."""


def _summary(data: ReportData, facts: Facts) -> str:
    found = data.frames_with_faces / max(1, data.frames)
    tiles = {
        "Length": clock(data.duration_ms),
        "Frames": f"{data.frames:,}",
        "With a face": f"{found:.0%}",
        "People followed": f"{len(data.people) + data.left_out}",
        "Unit onsets": f"{data.event_counts['onset']:,}",
        "Time a frame": f"{facts.frame_ms[0]:.1f} ms",
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles.items())
    text = f'<p class="soft">{facts.width} x {facts.height} px, {facts.fps:.4g} frames/s.</p>'
    if facts.error is not None:
        text += f'<p class="alert" role="note"><b>Incomplete.</b> {escape(facts.error)}</p>'
    if not data.people:
        text += "<p>Nobody was found in this video.</p>"
    if data.left_out or len(data.people) > MOST_SHOWN:
        text += f"<p>Shown are the {MOST_SHOWN} who were seen longest.</p>"
    words = f'<div><h2 id="summary-h">Summary</h2>{text}<dl class="tiles">{cells}</dl></div>'
    return (
        '<section id="summary" aria-labelledby="summary-h"><div class="hero">'
        f"{words}{_poster(data)}</div></section>"
    )


def _poster(data: ReportData) -> str:
    if data.poster is None:
        return ""
    from mf2_edge.annotate import draw

    _, image, faces = data.poster
    picture = np.asarray(draw(np.ascontiguousarray(image[..., ::-1]), faces))[..., ::-1]
    scale = min(1.0, 960 / max(picture.shape[:2]))
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 84])
    told = "; ".join(f"face {face.track_id}: {face.emotion.label}" for face in faces)
    return f'<figure><img src="{_uri(jpeg.tobytes())}" alt="A frame with {escape(told)}"></figure>'


def _person(data: ReportData, manifest: Manifest, track_id: int, person: Person) -> str:
    name = f"Person {track_id}"
    shares = {label: data.share(person, label) for label in data.emotions}
    best = max(shares, key=shares.__getitem__)
    keys = sorted(person.key_frames.values(), key=lambda key: key.score, reverse=True)
    figures = "".join(f"<li>{_figure(key, name)}</li>" for key in keys)
    top = f'<ul class="keys" aria-label="Key frames">{figures}</ul>' if keys else ""
    return (
        f'<section id="person-{track_id}" aria-labelledby="person-{track_id}-h">'
        f'<h2 id="person-{track_id}-h">{name}</h2>'
        f'<p class="soft">{clock(person.first_ms)} to {clock(person.last_ms)}, {person.frames:,} '
        f"frames, mostly {escape(best)}.</p>{top}{_emotions(data, person, name, shares)}"
        f"{_units(data, manifest, person, name)}{_pose(data, person, name)}</section>"
    )


def _emotions(data: ReportData, person: Person, name: str, shares: dict[str, float]) -> str:
    colors = _colors(data.emotions)
    series = {label: data.mean(person, label) for label in data.emotions}
    order = sorted(shares, key=shares.__getitem__, reverse=True)
    legend = "".join(
        f'<li><i style="background:var(--{colors[label]})"></i>{escape(label)} '
        f'<span class="soft">{shares[label]:.0%}</span></li>'
        for label in order
    )
    said = ", ".join(f"{label} {shares[label]:.0%}" for label in order[:3])
    rows = [
        [clock(start * data.span_ms), *(_percent(series[label], start, end) for label in order)]
        for start, end in _parts(len(series[order[0]]))
    ]
    return (
        f"<h3>Emotion</h3>{share_bar({key: shares[key] for key in order}, colors)}"
        f'<ul class="legend">{legend}</ul>'
        f"{stacked(series, colors, f'{name}, probability of each emotion over time: {said}')}"
        f"{time_axis(data.duration_ms)}<details><summary>Emotion as a table</summary>"
        f"{table(f'{name}: mean probability from each time on', ['From', *order], rows)}</details>"
    )


def _units(data: ReportData, manifest: Manifest, person: Person, name: str) -> str:
    shown: list[str] = []
    others: list[str] = []
    rows: list[list[str]] = []
    for label in data.units:
        scores, there = data.mean(person, label), data.mean(person, f"{label}_present")
        share, words = data.share(person, f"{label}_present"), ACTION_UNIT_NAMES[label]
        highest = float(np.nanmax(scores)) if np.isfinite(scores).any() else 0.0
        threshold = manifest.calibration.action_units[label].threshold
        said = f"{name}, {label} {words}: present {share:.0%} of the time, highest {highest:.2f}"
        row = (
            f'<div class="unit"><div><b>{label}</b> <span>{escape(words)}</span></div>'
            f"{lane(scores, there, threshold, said)}"
            f'<span class="n">{share:.0%} present</span></div>'
        )
        (shown if share > 0 else others).append(row)
        rows.append([label, words, f"{share:.0%}", f"{highest:.2f}", f"{threshold:.2f}"])
    first = "".join(shown) or "<p>No Action Unit was present.</p>"
    summary = f"<summary>{len(others)} units that were never present</summary>"
    rest = f"<details>{summary}{''.join(others)}</details>" if others else ""
    head = ["Unit", "Name", "Present", "Highest score", "Threshold"]
    return (
        '<h3>Action Units</h3><p class="soft">How sure the model is, over time; the dashed line is '
        "the threshold, the bar below marks where a unit is present.</p>"
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


def _events(data: ReportData) -> str:
    rows = [
        [
            clock(event.timestamp_ms),
            f"Person {event.track_id}",
            f"{event.label} {ACTION_UNIT_NAMES[event.label]}",
            event.kind,
            f"{event.score:.2f}",
        ]
        for event in sorted(data.events, key=lambda event: event.timestamp_ms)
    ]
    total = sum(data.event_counts.values())
    told = f"{total:,} events of Action Units"
    if total > len(rows):
        told += f", the last {len(rows):,} listed"
    head = ["Time", "Who", "Unit", "Event", "Score"]
    listed = (
        f"<details{' open' if len(rows) <= 12 else ''}><summary>List of events</summary>"
        f"{table('Events in the order of time', head, rows)}</details>"
        if rows
        else ""
    )
    return (
        '<section id="events" aria-labelledby="events-h"><h2 id="events-h">Events</h2>'
        f'<p class="soft">{told}: onset when a unit appears, apex where its score was highest, '
        f"offset when it is gone.</p>{listed}</section>"
    )


def _model(facts: Facts) -> str:
    info, manifest = facts.info, facts.manifest
    used = next(a for a in manifest.artifacts if a.file == info["artifact"])
    rows = [
        ["Bundle", f"{info['bundle']} {info['version']}"],
        ["File", f"{used.file}, {used.precision}, {used.bytes / 1e6:.1f} MB"],
        ["sha256", used.sha256],
        ["Runtime", f"{info['runtime']}, {info['num_threads']} thread(s)"],
        [
            "Measured here",
            f"{facts.frame_ms[0]:.1f} ms a frame (median), {facts.frame_ms[1]:.1f} ms (90th "
            "percentile): following, aligning, reading and smoothing all faces of a frame",
        ],
    ]
    if (parity := used.parity) is not None:
        rows.append(
            [
                "Parity",
                f"emotion agrees on {parity.emotion_agreement:.2%} and units on "
                f"{parity.au_agreement:.2%} of {parity.images:,} faces with the "
                f"{parity.reference}; largest difference {parity.max_abs_difference:.2g}",
            ]
        )
    rows.append(["Weights", f"{manifest.license.name}: {manifest.license.summary}"])
    accuracy = [
        [f"{a.dataset}, {a.split}", a.protocol, a.metric, f"{a.value:.3f}", f"{a.n:,}"]
        for a in manifest.accuracy
    ]
    head = ["Data", "Protocol", "Metric", "Value", "n"]
    measured = f"<details><summary>Accuracy as measured</summary>{table('Figures', head, accuracy)}"
    return (
        '<section id="model" aria-labelledby="model-h"><h2 id="model-h">Model</h2>'
        f"{table('What made these answers', ['Part', 'Value'], rows)}"
        f"{f'{measured}</details>' if accuracy else ''}</section>"
    )


def _limits(facts: Facts) -> str:
    told = [
        "Expressions are not feelings: the model names what a face looks like to raters.",
        "A score says how sure the model is, not how strong a movement or an emotion is.",
        "A person's number is a face that was followed. Who leaves and comes back may get another.",
    ]
    card = facts.manifest.card
    told += [] if card is None else [f"Not for: {line}" for line in card.misuse]
    items = "".join(f"<li>{escape(line)}</li>" for line in told)
    return (
        '<section id="limits" aria-labelledby="limits-h"><h2 id="limits-h">Limits</h2>'
        f"<ul>{items}</ul></section>"
    )


def _figure(key: KeyFrame, name: str) -> str:
    at = clock(key.timestamp_ms)
    return (
        f'<figure><img src="{_uri(key.jpeg)}" alt="{name} at {at}, {escape(key.emotion)}">'
        f"<figcaption>{escape(key.emotion)} {key.score:.2f}<span>{at}</span></figcaption></figure>"
    )


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def _colors(labels: list[str]) -> dict[str, str]:
    return {label: _HUES.get(label, f"e{i % len(_HUES)}") for i, label in enumerate(labels)}


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
