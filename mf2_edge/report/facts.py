"""The sections of a report about the model and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from mf2_edge.report.html import table

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of the video, the run and the model.

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


def model_section(facts: Facts) -> str:
    """The model, its speed here, and its measured accuracy."""
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


def limits_section(facts: Facts) -> str:
    """What the answers do not say, and what they must not be used for."""
    told = [
        "Expressions are not feelings: the model names what a face looks like to raters.",
        "A score says how sure the model is, not how strong a movement or an emotion is.",
        "A unit whose part of the face is hidden cannot be judged, and counts as not present.",
        "A person's number is a face that was followed. Who leaves and comes back may get another.",
    ]
    card = facts.manifest.card
    told += [] if card is None else [f"Not for: {line}" for line in card.misuse]
    items = "".join(f"<li>{escape(line)}</li>" for line in told)
    return (
        '<section id="limits" aria-labelledby="limits-h"><h2 id="limits-h">Limits</h2>'
        f"<ul>{items}</ul></section>"
    )
