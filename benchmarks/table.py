"""The tables of the docs, made from the shipped manifest and the files in benchmarks/results.

    python -m benchmarks.table [--check]

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
from typing import Any

from benchmarks import bench_tables, models
from distill.judging import tables
from distill.judging.report import Evaluation, load_evaluation
from mf2_edge.atomic import replacing
from mf2_edge.bundle import load_bundle

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"

SIZES = ("MACs", "parameters")
"""Figures of an ablation that no seed changes."""


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
            sys.stderr.write(f"{page}: table {name} is stale: run `python -m benchmarks.table`\n")
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


def mfa_faults_table() -> str:
    """What was lost and charged twice when MFA was built against a server that misbehaves."""
    report = json.loads((RESULTS / "mfa-faults.json").read_text())
    rows = [
        "| run | kill -9 | faults | lost | held back | charged twice | bill | books |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {run['what']} | {run['kills']} | {run['faults_injected']:,} | {run['lost']:,} "
        f"| {run['unanswered']:,} | {run['charged_twice']:,} | ${run['billed_usd']:.2f} "
        f"| ${run['booked_usd']:.2f} |"
        for run in report["runs"]
    ]
    rows += [
        "",
        f"{report['provenance']}: n = {report['n']:,} questions a run, {report['faults']:.0%} "
        f"faults, seed {report['seed']}, {report['date']}, {report['machine']}.",
    ]
    return "\n".join(rows)


def scale_table() -> str:
    """What a full-scale run would need, each figure with its basis."""
    report = json.loads((RESULTS / "scale.json").read_text())
    speed, texts, disk = report["throughput"], report["descriptions"], report["shards"]
    rows = [
        "| | needs | basis |",
        "|---|---|---|",
        f"| faces | {report['faces']:,}, each seen {report['epochs']} times | asked for |",
    ]
    rows += [
        f"| phase 1, {run['what']} | {run['hours']:,.1f} hours at {run['faces_per_s']:,.1f} "
        f"faces/s | {run['provenance']}: {run['basis']} |"
        for run in report["training"]
    ]
    basis = (
        f"measured: {texts['measured']:,} answers"
        if texts["measured"]
        else f"estimated: assumed tokens, labels of {texts['sampled']:,} faces"
    )
    price = f"{texts['model']}, published ({texts['source']}, {texts['date']})"
    rows += [
        f"| shards on disk | {disk['gigabytes']:,.1f} GB | measured-host: {disk['bytes_a_face']:,} "
        f"bytes a face, {disk['sampled']:,} faces |",
        f"| tokens | {texts['input_tokens']:,} in, {texts['output_tokens']:,} out | {basis} |",
    ]
    rows += [
        f"| descriptions, {mode} | ${usd:,.0f}, never more than ${texts['most_usd'][mode]:,.0f} "
        f"without retries | {price} |"
        for mode, usd in texts["usd"].items()
    ]
    rows += [
        "",
        f"Throughput: recipe {report['recipe']}, {speed['device']}, processes: "
        f"{speed['processes']}, threads in each: {speed['threads']}, {speed['precision']}; "
        f"{speed['steps']} steps of {speed['faces']} faces, median {speed['step_s']:.3f} s "
        f"(quartiles {speed['quartiles_s'][0]:.3f} to {speed['quartiles_s'][1]:.3f}), of it "
        f"{speed['preparing_s']:.3f} s to prepare the faces; load average before "
        f"{speed['load']:.1f}; {report['date']}.",
    ]
    return "\n".join(rows)


def teacher_table() -> str:
    """What the ensemble and its members reach, seen once and in all views."""
    report = json.loads((RESULTS / "teacher.json").read_text())
    return _networks(
        [
            (
                f"{row['network']}, {_views(row['views'])}",
                [a for a in row["accuracy"] if "Spearman" not in a["metric"]],  # a table of its own
            )
            for row in report
        ]
    )


def zero_shot_table() -> str:
    """MF² read by its heads and by text."""
    report = json.loads((RESULTS / "zero-shot.json").read_text())
    return _networks([(f"by {row['by']}", row["accuracy"]) for row in report])


def blendshapes_table() -> str:
    """Rank correlation of the ensemble's AU logits with MediaPipe's blendshapes, unit by unit."""
    report = json.loads((RESULTS / "teacher.json").read_text())[-1]
    [spec] = [a for a in report["accuracy"] if "Spearman" in a["metric"]]
    units = spec["labels"]
    rows = ["| " + " | ".join(units) + " |", "|" + "---|" * len(units)]
    rows.append("| " + " | ".join(f"{unit['value']:.2f}" for unit in units.values()) + " |")
    found = next(iter(units.values()))["support"]
    where = f"{spec['dataset']}, {spec['split']}: {found:,}"
    return "\n".join([*rows, "", f"{where}; {spec['date']}, {spec['machine']}."])


def ablation_table(plan: str) -> str:
    """The arms of a plan of `benchmarks.ablation`: mean and standard deviation over the seeds."""
    report = json.loads((RESULTS / f"{plan}-ablation.json").read_text())
    names = {"accuracy_rafdb": "accuracy, RAF-DB", "accuracy_ferplus": "accuracy, FER+"}
    variants = report["variants"]
    columns = [column for column in next(iter(variants.values())) if column not in SIZES]
    rows = [
        "| | " + " | ".join(names.get(column, column) for column in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, figures in variants.items():
        cells = (f"{figures[c]['mean']:.3f} ± {figures[c]['std']:.3f}" for c in columns)
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    budget = ", ".join(f"{what}: {steps}" for what, steps in report["budget"].items() if steps)
    seeds = f"{report['seeds']} seeds, mean ± standard deviation; {budget} steps"
    return "\n".join([*rows, "", f"{seeds}; {report['date']}, {report['machine']}."])


def evaluation_table(table: Callable[[Evaluation], str]) -> Callable[[], str]:
    """A table of what `make evaluate` measured on the file that runs by default."""

    def made() -> str:
        bundle = load_bundle(None).manifest
        which = f"evaluation-{bundle.artifacts[0].format}-{bundle.artifacts[0].precision}.json"
        evaluation = load_evaluation(RESULTS / bundle.name / which)
        return f"{table(evaluation)}\n\n{tables.conditions_line(evaluation)}"

    return made


def dfn_table() -> str:
    """DFN beside full fine-tuning and a linear probe: quality and cost, task by task."""
    report = json.loads((RESULTS / "dfn.json").read_text())
    titles = {
        "rafdb": "RAF-DB, 7 emotions",
        "ckplus": "CK+, human FACS codes",
    }
    names = {"dfn": "DFN", "full": "full fine-tuning", "probe": "linear probe"}
    rows = [
        "| task | method | quality | trained weights | seconds an epoch | training memory, MB "
        "| peak memory, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for task in report["summary"]:
        for method, name in names.items():
            found = task["methods"][method]
            quality = ", ".join(f"{what} {value:.3f}" for what, value in found["figures"].items())
            epoch = found["seconds_epoch"]
            rows.append(
                f"| {titles[task['task']]} | {name} | {quality} | {found['trainable']:,.0f} "
                f"| {'' if epoch is None else f'{epoch:.2f}'} | {found['training_mb']:,.0f} "
                f"| {found['peak_mb']:,.0f} |"
            )
    counts = {row["task"]: (row["learned_from"], row["judged"]) for row in report["runs"]}
    faces = "; ".join(
        f"{titles[task]}: {learned:,} faces, judged on {judged:,} others"
        for task, (learned, judged) in counts.items()
    )
    states = ", ".join(f"{task['hidden_states']['seconds']:.0f} s" for task in report["summary"])
    return "\n".join(
        [
            *rows,
            "",
            f"{faces}. Hidden states, once: {states}. Means of {report['seeds']} seeds; "
            f"{report['provenance']}: {report['machine']}, {report['date']}; MF² with sha256 "
            f"{report['mf2_sha256'][:12]}.",
        ]
    )


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


def _networks(networks: list[tuple[str, list[dict[str, Any]]]]) -> str:
    """A row a network, a column a figure; where and how each was measured below."""
    columns = networks[0][1]
    heads = [f"{c['dataset']} {_part(c)}: {c['metric']}, n = {c['n']:,}" for c in columns]
    rows = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(columns)]
    for name, accuracy in networks:
        rows.append(f"| {name} | " + " | ".join(f"{a['value']:.3f}" for a in accuracy) + " |")
    return "\n".join([*rows, "", f"{columns[0]['date']}, {columns[0]['machine']}."])


def _part(column: dict[str, Any]) -> str:
    return str(column["split"].split(",")[0])


def _views(count: int) -> str:
    return "one view" if count == 1 else f"{count} views"


TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "accuracy": ("README.md", accuracy_table),
    "latency": ("README.md", latency_table),
    "bench": ("README.md", bench_tables.reports_table),
    "peers": ("docs/bench.md", bench_tables.peers_table),
    "cost-model": ("docs/bench.md", bench_tables.cost_model_table),
    "detector": ("docs/detector.md", detector_table),
    "mfa-faults": ("docs/mfa.md", mfa_faults_table),
    "teacher": ("docs/training.md", teacher_table),
    "zero-shot": ("docs/training.md", zero_shot_table),
    "ablation": ("docs/training.md", partial(ablation_table, "mf2")),
    "blendshapes": ("docs/training.md", blendshapes_table),
    "dfn": ("docs/adapt.md", dfn_table),
    "scale": ("docs/scale.md", scale_table),
    "stream": ("docs/stream.md", stream_table),
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
