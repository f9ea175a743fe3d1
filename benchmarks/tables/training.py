"""Tables of training, its data and its ablations."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.report import RESULTS, load, measured
from distill.evaluation.reports.markdown import table, with_interval

SIZES = ("MACs", "parameters")
"""Figures of an ablation that no seed changes."""


def mfa_faults_table() -> str:
    """Answers lost and charged twice when MFA was built against a server with injected faults."""
    report = load("mfa-faults.json")
    return table(
        ("run", "kill -9", "faults", "lost", "held back", "charged twice", "billed", "recorded"),
        (
            (
                *(run["what"], run["kills"], f"{run['faults_injected']:,}", f"{run['lost']:,}"),
                *(f"{run['unanswered']:,}", f"{run['charged_twice']:,}"),
                *(f"${run['billed_usd']:.2f}", f"${run['recorded_usd']:.2f}"),
            )
            for run in report["runs"]
        ),
        f"{report['provenance']}: n = {report['n']:,} questions a run, {report['faults']:.0%} "
        f"faults, seed {report['seed']}, {report['date']}, {report['machine']}.",
    )


def scale_table() -> str:
    """Requirements of a full-scale run, each figure with its basis."""
    report = load("scale.json")
    speed, texts, disk = report["throughput"], report["descriptions"], report["shards"]
    basis = (
        f"measured: {texts['measured']:,} answers"
        if texts["measured"]
        else f"estimated: assumed tokens, labels of {texts['sampled']:,} faces"
    )
    price = f"{texts['model']}, published ({texts['source']}, {texts['date']})"
    rows = [
        ("faces", f"{report['faces']:,}, each seen {report['epochs']} times", "asked for"),
        *(
            (
                f"training, {run['what']}",
                f"{run['hours']:,.1f} hours at {run['faces_per_s']:,.1f} faces/s",
                f"{run['provenance']}: {run['basis']}",
            )
            for run in report["training"]
        ),
        (
            "shards on disk",
            f"{disk['gigabytes']:,.1f} GB",
            f"measured-host: {disk['bytes_a_face']:,} bytes a face, {disk['sampled']:,} faces",
        ),
        ("tokens", f"{texts['input_tokens']:,} in, {texts['output_tokens']:,} out", basis),
        *(
            (
                f"descriptions, {mode}",
                f"${usd:,.0f}, never more than ${texts['most_usd'][mode]:,.0f} without retries",
                price,
            )
            for mode, usd in texts["usd"].items()
        ),
    ]
    return table(
        ("", "needs", "basis"),
        rows,
        f"Throughput: recipe {report['recipe']}, {speed['device']}, processes: "
        f"{speed['processes']}, threads in each: {speed['threads']}, {speed['precision']}; "
        f"{speed['steps']} steps of {speed['faces']} faces, median {speed['step_s']:.3f} s "
        f"(quartiles {speed['quartiles_s'][0]:.3f} to {speed['quartiles_s'][1]:.3f}), of it "
        f"{speed['preparing_s']:.3f} s to wait for the faces ({speed['workers']} workers); "
        f"{speed['flops_a_face'] / 1e9:.2f} GFLOP a face, forwards and backwards: "
        f"{speed['share_of_peak']:.0%} of what a large matrix product reaches here; load average "
        f"before {speed['load']:.1f}; {report['date']}.",
    )


def teacher_table(file: str = "teacher.json") -> str:
    """Accuracy of an ensemble and its members, in one view and in all."""
    return _networks(
        [
            (
                f"{row['network']}, {_views(row['views'])}",
                [a for a in row["accuracy"] if "Spearman" not in a["metric"]],  # a table of its own
            )
            for row in load(file)
        ]
    )


def zero_shot_table() -> str:
    """Accuracy of MF² by its heads and by text."""
    return _networks([(f"by {row['by']}", row["accuracy"]) for row in load("zero-shot.json")])


def text_space_table() -> str:
    """Accuracy of each bundle with a text space, by its head and by text."""
    rows = [
        row
        for path in sorted(RESULTS.glob("*/text-space.json"))
        for row in json.loads(path.read_text())
    ]
    networks = _networks([(f"{row['bundle']}, by {row['by']}", row["accuracy"]) for row in rows])
    files = {f"{row['bundle']} {row['version']}, {row['sha256'][:12]}" for row in rows}
    return f"{networks} Files: {'; '.join(sorted(files))}."


def blendshapes_table() -> str:
    """Rank correlation of the ensemble's AU logits with MediaPipe's blendshapes, unit by unit."""
    report = load("teacher.json")[-1]
    [spec] = [a for a in report["accuracy"] if "Spearman" in a["metric"]]
    units = spec["labels"]
    found = next(iter(units.values()))["support"]
    return table(
        tuple(units),
        [[f"{unit['value']:.2f}" for unit in units.values()]],
        f"{spec['dataset']}, {spec['split']}: {found:,}; {spec['date']}, {spec['machine']}.",
    )


def ablation_table(plan: str) -> str:
    """The arms of an ablation: mean and standard deviation over the seeds."""
    report = load(f"{plan}-ablation.json")
    names = {"accuracy_rafdb": "accuracy, RAF-DB", "accuracy_ferplus": "accuracy, FER+"}
    variants = report["variants"]
    columns = [column for column in next(iter(variants.values())) if column not in SIZES]
    return table(
        ("", *(names.get(column, column) for column in columns)),
        ((name, *(_spread(arm[column]) for column in columns)) for name, arm in variants.items()),
        f"{report['seeds']} seeds, mean ± standard deviation; {_budget(report)}; "
        f"{report['date']}, {report['machine']}.",
    )


def pareto_table() -> str:
    """Networks for phones by backbone and size: accuracy of a small budget, size, latency."""
    report = load("front.json")
    head = ("", "multiply-adds", "parameters", "int8 .tflite", "int8 p50", "fp32 p50")
    return table(
        (*head, "RAF-DB", "FER+"),
        (
            (
                name,
                f"{one['MACs']['mean'] / 1e6:,.0f} M",
                f"{one['parameters']['mean'] / 1e6:.2f} M",
                f"{one['int8']['bytes'] / 1e6:.2f} MB",
                f"{one['int8']['p50_ms']:.2f} ms",
                f"{one['fp32']['p50_ms']:.2f} ms",
                _spread(one["accuracy_rafdb"]),
                _spread(one["accuracy_ferplus"]),
            )
            for name, one in report["variants"].items()
        ),
        f"Seeds: {report['seeds']}; {_budget(report)}; {report['date']}, {report['machine']}. "
        f"Latency: {report['rounds']} runs each in turns, {report['latency']}.",
    )


def rounding_table(name: str) -> str:
    """A recipe's network in floats, in integers made after training, and made in it."""
    report = load(f"{name}/rounding.json")
    columns = next(iter(report["rows"].values()))
    return table(
        ("", *(f"{one['dataset']} {_part(one)}: {one['metric']}" for one in columns)),
        (
            (what, *(with_interval(a["value"], a["low"], a["high"]) for a in accuracy))
            for what, accuracy in report["rows"].items()
        ),
        f"{measured(report)}, seed {report['seed']}.",
    )


def dfn_table() -> str:
    """DFN beside full fine-tuning and a linear probe: quality and cost, task by task."""
    report = load("dfn.json")
    titles = {"rafdb": "RAF-DB, 7 emotions", "ckplus": "CK+, human FACS codes"}
    names = {"dfn": "DFN", "full": "full fine-tuning", "probe": "linear probe"}
    rows = []
    for task in report["summary"]:
        for method, name in names.items():
            found = task["methods"][method]
            epoch = found["seconds_epoch"]
            rows.append(
                (
                    titles[task["task"]],
                    name,
                    ", ".join(f"{what} {value:.3f}" for what, value in found["figures"].items()),
                    f"{found['trainable']:,.0f}",
                    "" if epoch is None else f"{epoch:.2f}",
                    f"{found['training_mb']:,.0f}",
                    f"{found['peak_mb']:,.0f}",
                )
            )
    counts = {row["task"]: (row["learned_from"], row["judged"]) for row in report["runs"]}
    faces = "; ".join(
        f"{titles[task]}: {learned:,} faces, judged on {judged:,} others"
        for task, (learned, judged) in counts.items()
    )
    states = ", ".join(f"{task['hidden_states']['seconds']:.0f} s" for task in report["summary"])
    head = ("task", "method", "quality", "trained weights", "seconds an epoch")
    return table(
        (*head, "training memory, MB", "peak memory, MB"),
        rows,
        f"{faces}. Hidden states, once: {states}. Means of {report['seeds']} seeds; "
        f"{measured(report)}; MF² with sha256 {report['mf2_sha256'][:12]}.",
    )


def _networks(networks: list[tuple[str, list[dict[str, Any]]]]) -> str:
    """A row for each network, a column for each figure, and where they were measured."""
    columns = networks[0][1]
    return table(
        ("", *(f"{c['dataset']} {_part(c)}: {c['metric']}, n = {c['n']:,}" for c in columns)),
        ((name, *(f"{a['value']:.3f}" for a in accuracy)) for name, accuracy in networks),
        f"{columns[0]['date']}, {columns[0]['machine']}.",
    )


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
