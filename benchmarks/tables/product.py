"""Tables of the product: accuracy, latency, detector, streams, damaged inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.report import RESULTS, load, measured
from distill.evaluation.reports import tables
from distill.evaluation.reports.markdown import table, with_interval
from distill.evaluation.reports.schema import Evaluation, load_evaluation
from mf2_edge.bundle.loader import load_bundle


def accuracy_table() -> str:
    """Accuracy as the default bundle's manifest states it."""
    rows = []
    for found in load_bundle(None).manifest.accuracy:
        value = with_interval(found.value, found.low, found.high)
        data = f"{found.dataset}, {found.split}"
        rows.append((data, found.protocol, found.metric, value, f"{found.n:,}"))
    return table(("data", "protocol", "metric", "value", "n"), rows)


def latency_table() -> str:
    """Latency by stage, as `make bench` measured it."""
    report = load("host/stages.json")
    return table(
        ("stage", "p50 ms", "p90 ms"),
        (
            (stage, f"{values['p50_ms']:.2f}", f"{values['p90_ms']:.2f}")
            for stage, values in report["stages"].items()
        ),
        f"{report['provenance']}: {report['machine']}; {report['runtime']}, one thread, "
        f"640x480 frame with one face, {report['date']}, bundle {report['bundle_sha256'][:12]}.",
    )


def detector_table() -> str:
    """Recall of the detector by size, turn and cut of a face, a column for each search."""
    report = load("detector-range.json")
    searches = list(dict.fromkeys(row["search"] for row in report["rows"]))
    cells: dict[tuple[str, float], dict[str, str]] = {}
    for row in report["rows"]:
        found = f"{row['found'] / row['n']:.0%} ({row['false_faces']}), {row['median_ms']:.0f} ms"
        cells.setdefault((row["what"], row["value"]), {})[row["search"]] = found
    return table(
        ("", *searches),
        (
            (f"{what}: {value:g}", *(found_by[search] for search in searches))
            for (what, value), found_by in cells.items()
        ),
        f"n = {report['faces']} faces a cell, seed {report['seed']}, {report['date']}, "
        f"{report['machine']}.",
    )


COMPARED = {
    "default": "default",
    "fast": "fast",
    "blazeface-adaptive": "before: adaptive",
    "blazeface-exhaustive": "before: exhaustive",
    "blazeface-single": "MediaPipe short range, one look more",
    "mediapipe-full-range": "MediaPipe full range",
    "opencv-yunet": "OpenCV YuNet",
}
"""Detectors of the recall table, by their names in benchmarks/detection."""


def recall_table() -> str:
    """Faces found the right way up, and frames with false faces, by detector."""
    reports = [load(f"detection/recall-{name}.json") for name in COMPARED]
    rows = [
        (cells[0]["what"], *(_recall_cell(cell) for cell in cells))
        for cells in zip(*(report["rows"] for report in reports), strict=True)
    ]
    first, faces = reports[0], sum(row["faces"] for row in reports[0]["rows"])
    frames = sum(row["frames"] for row in first["rows"] if not row["faces"])
    return table(
        ("", *COMPARED.values()),
        rows,
        "Faces found whose eyes are within 30 degrees of right, in brackets those found upside "
        "down if there were any; below, the frames without a face in which one was found. "
        f"{faces:,} faces, {frames} pictures without; seed {first['seed']}, {first['date']}, "
        f"{first['machine']}.",
    )


def _recall_cell(row: dict[str, Any]) -> str:
    if not row["faces"]:
        return f"{row['frames_with_false_faces']} of {row['frames']}"
    turned = f" ({row['upside_down'] / row['faces']:.0%})" if row["upside_down"] else ""
    return f"{row['right'] / row['faces']:.0%}{turned}"


def price_table() -> str:
    """CPU time as a ratio to `predict` of one near face with the detector before."""
    report = load("detection/price.json")
    cases = report["cases"]
    return table(
        ("", "near face", "no face", "six faces"),
        (
            (
                f"{what}, {name}",
                *(
                    f"{cases[f'{what} {name} {faces}']['ratio']:.2f}"
                    for faces in ("near", "nobody", "six")
                ),
            )
            for what in ("predict", "detect")
            for name in ("before", "default", "fast")
        ),
        f"1.00 is {cases['predict before near']['cpu_ms']:.1f} ms of CPU time; YuNet alone at "
        f"640x480: {cases['yunet network 640x480']['ratio']:.2f}. Median of {report['rounds']} "
        f"rounds, all cases in turn, {report['date']}, {report['machine']}.",
    )


def evaluation_table(render: Callable[[Evaluation], str]) -> Callable[[], str]:
    """A table of the evaluation of the default bundle's first file."""

    def rendered() -> str:
        bundle = load_bundle(None).manifest
        which = f"evaluation-{bundle.artifacts[0].format}-{bundle.artifacts[0].precision}.json"
        evaluation = load_evaluation(RESULTS / bundle.name / which)
        return f"{render(evaluation)}\n\n{tables.conditions_line(evaluation)}"

    return rendered


def fuzz_table() -> str:
    """Inputs tried at each entry point, and how they were answered."""
    report = load("fuzz.json")
    rows = []
    for entry in report["entry_points"]:
        accepted, findings = entry["answers"].get("accepted", 0), len(entry["findings"])
        refused = entry["inputs"] - accepted - findings
        counts = (f"{count:,}" for count in (entry["inputs"], accepted, refused))
        rows.append((entry["name"], *counts, findings))
    head = ("entry point", "inputs", "accepted", "refused, by a typed error", "findings")
    return table(head, rows, f"{measured(report)}, seed {report['seed']}.")


def stream_table() -> str:
    """Frames a second, memory over a long run, and the effect of smoothing."""
    report = load("stream.json")
    long, smoothing = report["endurance"], report["smoothing"]
    memory, costs = long["resident_mb"], long["p50_ms"]
    notes = [
        f"{long['minutes']:g} minutes of rendered video, {long['frames']:,} frames, "
        f"{long['faces']} faces coming and going: {memory[0]:g} MB resident after a tenth, "
        f"{memory[-1]:g} MB at the end; a frame took {costs[0]:g} ms in the first tenth, "
        f"{costs[-1]:g} ms in the last (medians).",
        f"Scores of a still face under camera noise change {smoothing['ratio']:.2f} times as much "
        f"from frame to frame as in single frames ({smoothing['frames']} frames).",
    ]
    if smile := smoothing["smile"]:
        notes.append(
            f"A smile that fades in within {smile['fade_ms']} ms between two real faces passes its "
            f"middle {smile['median_delay_ms']:g} ms later (median of {smile['pairs']} pairs, at "
            f"most {smile['largest_delay_ms']:g}); scores alone, without the tracker."
        )
    return table(
        ("frame", "faces", "found", "frames/s", "p50 ms", "p90 ms"),
        (
            (
                f"{row['width']}x{row['height']}",
                row["faces"],
                *(f"{row[key]:g}" for key in ("found", "fps", "p50_ms", "p90_ms")),
            )
            for row in report["throughput"]
        ),
        *notes,
        f"{report['provenance']}: {report['machine']}, {report['what']}, {report['date']}, bundle "
        f"{report['bundle_sha256'][:12]}.",
    )
