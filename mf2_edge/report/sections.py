"""The page of a report: what `ReportData` holds, in words, charts and tables."""

from __future__ import annotations

from html import escape
from typing import Final

import cv2
import numpy as np

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.report.charts import clock
from mf2_edge.report.data import ReportData
from mf2_edge.report.facts import Facts, limits_section, model_section
from mf2_edge.report.html import jpeg_uri, page, table
from mf2_edge.report.person import person_section
from mf2_edge.report.style import STYLE

MOST_SHOWN: Final = 12
"""People on a page; those seen longest."""


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
    parts += [person_section(data, facts.manifest, track_id, person) for track_id, person in people]
    parts += [_events(data), model_section(facts), limits_section(facts)]
    footer = (
        "<p>Made on this machine by mf2-edge. The page holds pictures of faces: keep it as you "
        "would keep the video. It loads nothing and sends nothing.</p>"
    )
    return page(f"Faces in {facts.source}", header, "".join(parts), footer, STYLE)


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
        text += "<p>No face was found in this video.</p>"
    if data.left_out or len(data.people) > MOST_SHOWN:
        text += f"<p>Shown are the {MOST_SHOWN} seen longest.</p>"
    words = f'<div><h2 id="summary-h">Summary</h2>{text}<dl class="tiles">{cells}</dl></div>'
    return (
        '<section id="summary" aria-labelledby="summary-h"><div class="hero">'
        f"{words}{_poster(data)}</div></section>"
    )


def _poster(data: ReportData) -> str:
    if data.poster is None:
        return ""
    from mf2_edge.io.draw import draw

    _, image, faces = data.poster
    picture = np.asarray(draw(image, faces))[..., ::-1]
    scale = min(1.0, 960 / max(picture.shape[:2]))
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    small = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 84])
    told = "; ".join(f"face {face.track_id}: {face.emotion.label}" for face in faces)
    return (
        f'<figure><img src="{jpeg_uri(jpeg.tobytes())}" alt="A frame with {escape(told)}"></figure>'
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
