"""The tables of the docs, made from the shipped manifest and the files in benchmarks/results.

    python -m benchmarks.tables [--check]

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`. `--check` changes nothing and exits
with 1 if a table is stale.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.tables import latency, models, training, wild
from distill.evaluation.reports import tables
from distill.evaluation.reports.schema import Evaluation, load_evaluation
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.io.atomic import replacing

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether a table is stale")
    options = parser.parse_args()
    stale = 0
    for name, (page, table) in TABLES.items():
        old = (ROOT / page).read_text()
        new = fill(old, name, table())
        if new == old:
            continue
        stale += 1
        if options.check:
            sys.stderr.write(f"{page}: table {name} is stale: run `python -m benchmarks.tables`\n")
        else:
            with replacing(ROOT / page) as partial:
                partial.write_text(new)
    return int(options.check and stale > 0)


def fill(text: str, name: str, table: str) -> str:
    """Put a table between its two marks; raises ValueError if the marks are missing."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    filled, count = pattern.subn(lambda marks: f"{marks[1]}{table}\n{marks[2]}", text)
    if count != 1:
        raise ValueError(f"expected one pair of marks {name}, found {count}")
    return filled


def accuracy_table() -> str:
    """What the manifest says was measured."""
    manifest = load_bundle(None).manifest
    rows = ["| data | protocol | metric | value | n |", "|---|---|---|---|---|"]
    for measured in manifest.accuracy:
        value = f"{measured.value:.3f}"
        if measured.low is not None and measured.high is not None:
            value += f" ({measured.low:.3f} to {measured.high:.3f})"
        rows.append(
            f"| {measured.dataset}, {measured.split} | {measured.protocol} | {measured.metric} "
            f"| {value} | {measured.n:,} |"
        )
    return "\n".join(rows)


def latency_table() -> str:
    """What `make bench` measured, with its conditions."""
    report = json.loads((RESULTS / "host" / "stages.json").read_text())
    rows = ["| stage | p50 ms | p90 ms |", "|---|---|---|"]
    for stage, values in report["stages"].items():
        rows.append(f"| {stage} | {values['p50_ms']:.2f} | {values['p90_ms']:.2f} |")
    rows += [
        "",
        f"{report['provenance']}: {report['machine']}; {report['runtime']}, one thread, "
        f"640x480 frame with one face, {report['date']}, bundle {report['bundle_sha256'][:12]}.",
    ]
    return "\n".join(rows)


def detector_table() -> str:
    """Recall of the detector by what was asked of it, a column a search."""
    report = json.loads((RESULTS / "detector-range.json").read_text())
    searches = list(dict.fromkeys(row["search"] for row in report["rows"]))
    cells: dict[tuple[str, float], dict[str, str]] = {}
    for row in report["rows"]:
        found = f"{row['found'] / row['n']:.0%} ({row['false_faces']}), {row['median_ms']:.0f} ms"
        cells.setdefault((row["what"], row["value"]), {})[row["search"]] = found
    rows = ["| | " + " | ".join(searches) + " |", "|---|" + "---|" * len(searches)]
    for (what, value), found_by in cells.items():
        rows.append(f"| {what}: {value:g} | " + " | ".join(found_by[s] for s in searches) + " |")
    rows += [
        "",
        f"n = {report['faces']} faces a cell, seed {report['seed']}, {report['date']}, "
        f"{report['machine']}.",
    ]
    return "\n".join(rows)


def evaluation_table(table: Callable[[Evaluation], str]) -> Callable[[], str]:
    """A table of what `make evaluate` measured on the file that runs by default."""

    def made() -> str:
        bundle = load_bundle(None).manifest
        which = f"evaluation-{bundle.artifacts[0].format}-{bundle.artifacts[0].precision}.json"
        evaluation = load_evaluation(RESULTS / bundle.name / which)
        return f"{table(evaluation)}\n\n{tables.conditions_line(evaluation)}"

    return made


def fuzz_table() -> str:
    """How many inputs each entry point was tried with, and what it answered."""
    report = json.loads((RESULTS / "fuzz.json").read_text())
    rows = [
        "| entry point | inputs | accepted | refused, by a typed error | findings |",
        "|---" * 5 + "|",
    ]
    for entry in report["entry_points"]:
        accepted, findings = entry["answers"].get("accepted", 0), len(entry["findings"])
        refused = entry["inputs"] - accepted - findings
        rows.append(
            f"| {entry['name']} | {entry['inputs']:,} | {accepted:,} | {refused:,} | {findings} |"
        )
    where = f"{report['provenance']}: {report['machine']}, {report['date']}, seed {report['seed']}."
    return "\n".join([*rows, "", where])


def stream_table() -> str:
    """Frames a second, the long run, and what smoothing does."""
    report = json.loads((RESULTS / "stream.json").read_text())
    rows = ["| frame | faces | found | frames/s | p50 ms | p90 ms |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {row['width']}x{row['height']} | {row['faces']} | {row['found']:g} | {row['fps']:g} "
        f"| {row['p50_ms']:g} | {row['p90_ms']:g} |"
        for row in report["throughput"]
    ]
    long, calm = report["endurance"], report["calm"]
    memory, costs = long["resident_mb"], long["p50_ms"]
    lines = [
        f"{long['minutes']:g} minutes of rendered video, {long['frames']:,} frames, "
        f"{long['faces']} faces coming and going: {memory[0]:g} MB resident after a tenth, "
        f"{memory[-1]:g} MB at the end; a frame took {costs[0]:g} ms in the first tenth, "
        f"{costs[-1]:g} ms in the last (medians).",
        f"A still face under camera noise trembles {calm['ratio']:.2f} times as much as in single "
        f"frames ({calm['frames']} frames).",
    ]
    if smile := calm["smile"]:
        lines.append(
            f"A smile that fades in within {smile['fade_ms']} ms between two real faces passes its "
            f"middle {smile['median_delay_ms']:g} ms later (median of {smile['pairs']} pairs, at "
            f"most {smile['largest_delay_ms']:g}); scores alone, without the tracker."
        )
    lines.append(
        f"{report['provenance']}: {report['machine']}, {report['what']}, {report['date']}, bundle "
        f"{report['bundle_sha256'][:12]}."
    )
    return "\n".join([*rows, "", "\n".join(lines)])


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "accuracy": ("README.md", accuracy_table),
    "latency": ("README.md", latency_table),
    "bench": ("README.md", latency.files_table),
    "reports": ("docs/bench.md", latency.reports_table),
    "peers": ("docs/bench.md", latency.peers_table),
    "cost-model": ("docs/bench.md", latency.cost_model_table),
    "detector": ("docs/detector.md", detector_table),
    "mfa-faults": ("docs/mfa.md", training.mfa_faults_table),
    "wild-counts": ("docs/mfa-wild.md", wild.counts_table),
    "wild-agreement": ("docs/mfa-wild.md", wild.agreement_table),
    "wild-humans": ("docs/mfa-wild.md", wild.humans_table),
    "wild-emotions": ("docs/mfa-wild.md", wild.emotions_table),
    "wild-groups": ("docs/mfa-wild.md", wild.groups_table),
    "wild-rates": ("docs/mfa-wild.md", wild.rates_table),
    "teacher": ("docs/training.md", training.teacher_table),
    "zero-shot": ("docs/training.md", training.zero_shot_table),
    "ablation": ("docs/training.md", partial(training.ablation_table, "mf2")),
    "bundle-teacher": (
        "docs/training.md",
        partial(training.ablation_table, "bundle-teacher"),
    ),
    "front": ("docs/training.md", training.front_table),
    "unseen": ("docs/training.md", partial(training.ablation_table, "unseen")),
    "rounding": ("docs/training.md", partial(training.rounding_table, "mf2-edge-s")),
    "answers": ("docs/training.md", training.answers_table),
    "blendshapes": ("docs/training.md", training.blendshapes_table),
    "text-space": ("docs/adapt.md", training.text_space_table),
    "dfn": ("docs/adapt.md", training.dfn_table),
    "scale": ("docs/scale.md", training.scale_table),
    "stream": ("docs/stream.md", stream_table),
    "fuzz": ("CONTRIBUTING.md", fuzz_table),
    "shipped": ("docs/models.md", models.shipped_table),
    "published": ("docs/models.md", models.published_table),
    "parity": ("docs/export.md", models.parity_table),
    "emotions": ("docs/evaluation.md", evaluation_table(tables.emotions_table)),
    "emotion-labels": ("docs/evaluation.md", evaluation_table(tables.labels_table)),
    "confusions": ("docs/evaluation.md", evaluation_table(tables.confusion_tables)),
    "unit-means": ("docs/evaluation.md", evaluation_table(tables.unit_means_table)),
    "units": ("docs/evaluation.md", evaluation_table(tables.units_table)),
    "slices": ("docs/evaluation.md", evaluation_table(tables.slices_table)),
    "properties": ("docs/evaluation.md", evaluation_table(tables.properties_table)),
    "raters": ("docs/evaluation.md", evaluation_table(tables.raters_table)),
    "not-measured": ("docs/evaluation.md", evaluation_table(tables.missing_list)),
}
"""By the name of its marks: the page and what makes the table."""

if __name__ == "__main__":
    sys.exit(main())
