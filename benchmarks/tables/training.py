"""Tables of what training, its data and its ablations were measured to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
BUNDLES = Path(__file__).parents[2] / "mf2_edge" / "bundles"
SIZES = ("MACs", "parameters")
"""Figures of an ablation that no seed changes."""


def mfa_faults_table() -> str:
    """What was lost and charged twice when MFA was built against a server that misbehaves."""
    report = json.loads((RESULTS / "mfa-faults.json").read_text())
    rows = [
        "| run | kill -9 | faults | lost | held back | charged twice | billed | recorded |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {run['what']} | {run['kills']} | {run['faults_injected']:,} | {run['lost']:,} "
        f"| {run['unanswered']:,} | {run['charged_twice']:,} | ${run['billed_usd']:.2f} "
        f"| ${run['recorded_usd']:.2f} |"
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


def text_space_table() -> str:
    """Each bundle that was taught words, read by its head and by text."""
    reports = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*/text-space.json"))]
    rows = [row for report in reports for row in report]
    table = _networks([(f"{row['bundle']}, by {row['by']}", row["accuracy"]) for row in rows])
    files = {f"{row['bundle']} {row['version']}, {row['sha256'][:12]}" for row in rows}
    return f"{table} Files: {'; '.join(sorted(files))}."


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
    """The arms of a plan of `benchmarks.ablations`: mean and standard deviation over the seeds."""
    report = json.loads((RESULTS / f"{plan}-ablation.json").read_text())
    names = {"accuracy_rafdb": "accuracy, RAF-DB", "accuracy_ferplus": "accuracy, FER+"}
    variants = report["variants"]
    columns = [column for column in next(iter(variants.values())) if column not in SIZES]
    rows = [
        "| | " + " | ".join(names.get(column, column) for column in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for name, figures in variants.items():
        cells = (_spread(figures[column]) for column in columns)
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    seeds = f"{report['seeds']} seeds, mean ± standard deviation; {_budget(report)}"
    return "\n".join([*rows, "", f"{seeds}; {report['date']}, {report['machine']}."])


def front_table() -> str:
    """Networks for phones by backbone and size: accuracy of a small budget, size, latency."""
    report = json.loads((RESULTS / "front.json").read_text())
    rows = [
        "| | multiply-adds | parameters | int8 .tflite | int8 p50 | fp32 p50 | RAF-DB | FER+ |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {name} | {one['MACs']['mean'] / 1e6:,.0f} M | {one['parameters']['mean'] / 1e6:.2f} M "
        f"| {one['int8']['bytes'] / 1e6:.2f} MB | {one['int8']['p50_ms']:.2f} ms "
        f"| {one['fp32']['p50_ms']:.2f} ms | {_spread(one['accuracy_rafdb'])} "
        f"| {_spread(one['accuracy_ferplus'])} |"
        for name, one in report["variants"].items()
    ]
    where = (
        f"Seeds: {report['seeds']}; {_budget(report)}; {report['date']}, {report['machine']}. "
        f"Latency: {report['rounds']} runs each in turns, {report['latency']}."
    )
    return "\n".join([*rows, "", where])


def rounding_table(name: str) -> str:
    """A recipe's network in floats, in integers made after training, and made in it."""
    report = json.loads((RESULTS / name / "rounding.json").read_text())
    measured = next(iter(report["rows"].values()))
    heads = [f"{one['dataset']} {_part(one)}: {one['metric']}" for one in measured]
    rows = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for what, figures in report["rows"].items():
        cells = (f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for one in figures)
        rows.append(f"| {what} | " + " | ".join(cells) + " |")
    where = f"{report['provenance']}: {report['machine']}, {report['date']}, seed {report['seed']}."
    return "\n".join([*rows, "", where])


def answers_table() -> str:
    """The recipe of mf2-edge-m, and the same network without MF², in floats and integers."""
    manifest = json.loads((BUNDLES / "mf2-edge-m" / "manifest.json").read_text())
    alone = json.loads((RESULTS / "mf2-edge-m-answers.json").read_text())
    rows = {
        "MF² narrowed, taught its hidden states and the ensemble's answers": manifest["accuracy"],
        "the face network, taught a bundle's answers": alone,
    }
    return _networks(
        [
            (f"{name}, {numbers}", [a for a in accuracy if a["precision"] == numbers])
            for name, accuracy in rows.items()
            for numbers in ("fp32", "int8")
        ]
    )


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


def _networks(networks: list[tuple[str, list[dict[str, Any]]]]) -> str:
    """A row a network, a column a figure; where and how each was measured below."""
    columns = networks[0][1]
    heads = [f"{c['dataset']} {_part(c)}: {c['metric']}, n = {c['n']:,}" for c in columns]
    rows = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(columns)]
    for name, accuracy in networks:
        rows.append(f"| {name} | " + " | ".join(f"{a['value']:.3f}" for a in accuracy) + " |")
    return "\n".join([*rows, "", f"{columns[0]['date']}, {columns[0]['machine']}."])


def _spread(figure: dict[str, Any]) -> str:
    """Mean and standard deviation over the seeds; one seed has no deviation."""
    mean, deviation = figure["mean"], figure["std"]
    return f"{mean:.3f}" if deviation is None else f"{mean:.3f} ± {deviation:.3f}"


def _budget(report: dict[str, Any]) -> str:
    return ", ".join(f"{what}: {n}" for what, n in report["budget"].items() if n) + " steps"


def _part(column: dict[str, Any]) -> str:
    return str(column["split"].split(",")[0])


def _views(count: int) -> str:
    return "one view" if count == 1 else f"{count} views"
