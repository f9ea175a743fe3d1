"""Tables of what the bench and `benchmarks.peers` measured, and of the cost model's error."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.report import RESULTS, load, measured
from distill.evaluation.reports.markdown import table
from mf2_edge.bench.accuracy import Judged
from mf2_edge.bench.estimate.cost_model import FEWEST, figures_of, fit_cost_model
from mf2_edge.bench.estimate.devices import known_devices
from mf2_edge.bench.estimate.published import published_figures
from mf2_edge.bench.render.table import HEAD, Line, accuracy_rows, lines_of
from mf2_edge.bench.report import Report, read_report
from mf2_edge.bundle.loader import list_bundles, load_bundle

CHOSEN = {
    "RAF-DB": ("RAF-DB (basic), validation", ": accuracy"),
    "FER+ test": ("FER+, test", ": accuracy"),
    "CK+ F1": ("CK+, 5 folds", ": mean F1"),
}
"""Figures that stand in README, by the names of their columns there."""


def saved_reports() -> list[Report]:
    """Every `results/<device>/<bundle>-<format>-<precision>.json`, device by device."""
    return [
        read_report(path)
        for path in sorted(RESULTS.glob("*/*.json"))
        if b'"mf2-edge-bench"' in path.read_bytes()[:200]
    ]


def files_table() -> str:
    """What a reader chooses a file by: size, latency and accuracy of each that was measured."""
    lines, rows = saved_lines(), []
    for line in lines:
        cells = dict(zip(HEAD, line.cells, strict=True))
        judged = (_value(line.judged, *of) for of in CHOSEN.values())
        figures = (cells["file MB"], cells["p50 ms"], cells["p90 ms"], *judged)
        rows.append((line.report.model.file, *figures, cells["provenance"]))
    machines = dict.fromkeys(line.report.device.model for line in lines)
    what = "RAF-DB validation and FER+ test: accuracy; CK+: mean F1 of 17 units, out of fold"
    return table(
        ("file", "MB", "p50 ms", "p90 ms", *CHOSEN, "provenance"),
        rows,
        f"{what}. {'; '.join(machines)}, one face; {_stamp(lines)}.",
    )


def reports_table() -> str:
    """All that was measured of files that ship."""
    lines = saved_lines()
    rows = [
        (line.report.device.model, line.report.model.file or "", *line.cells[2:]) for line in lines
    ]
    noise = dict.fromkeys(reason for line in lines for reason in line.report.conditions.noise)
    return table(
        ("device", "file", *HEAD[2:]),
        rows,
        f"Network alone, one face; {_stamp(lines)}.",
        *(f"Noise: {reason}." for reason in noise),
    )


def files_accuracy_table() -> str:
    """Accuracy of the files that were measured, a row a metric."""
    head, *rows = accuracy_rows(saved_lines())
    return table(head, rows, "`in fp32`: of the network in that precision, not of the file.")


def arm_table() -> str:
    """Every file on emulated ARM processors beside this machine, a row a file and processor."""
    found = [RESULTS / "arm" / f"{name}.json" for name in list_bundles()]
    reports = [load(f"arm/{path.name}") for path in found if path.is_file()]
    rows = [
        (
            file["file"],
            run["cpu"],
            f"{report['faces']['n']:,}",
            run["goldens"].split()[0],
            f"{run['max_logit_difference']:.2g}",
            f"{run['emotion_agreement']:.2%}",
            f"{run['au_agreement']:.2%}",
        )
        for report in reports
        for file in report["files"]
        for run in file["runs"]
    ]
    head = ("file", "processor", "faces", "goldens", "logits differ by", "emotion", "units")
    told = [
        f"{report['bundle']} {report['bundle_sha256'][:12]}: {report['provenance']}, "
        f"{report['machine']}, {report['date']}, faces of {report['faces']['of']}."
        for report in reports
    ]
    return table(head, rows, *told)


def instructions_table() -> str:
    """Instructions of an inference on ARM, of files that ship and of peers."""
    report = load("arm/instructions.json")
    shipped = {a.sha256 for name in list_bundles() for a in load_bundle(name).manifest.artifacts}
    rows = [
        (
            row["network"],
            row["file"] if row["sha256"] in shipped else "",
            f"{row['instructions'] / 1e6:.1f}",
        )
        for row in report["rows"]
    ]
    return table(
        ("network", "file that ships", "million instructions"),
        rows,
        f"{report['what']}; {measured(report)}.",
    )


def saved_lines() -> list[Line]:
    """A line a saved report; SystemExit names a report of a file that does not ship."""
    lines: list[Line] = []
    for report in saved_reports():
        model, bundle = report.model, load_bundle(report.model.bundle)
        shipped = {artifact.file: artifact.sha256 for artifact in bundle.manifest.artifacts}
        if shipped.get(model.file or "") != model.sha256:
            raise SystemExit(
                f"benchmarks/results/{report.device.name}: {model.file} was measured with sha256 "
                f"{(model.sha256 or 'none')[:12]}, which does not ship; run `make bench`"
            )
        lines += lines_of(bundle, [report])
    return lines


def _stamp(lines: list[Line]) -> str:
    """When, and of which bundles."""
    reports = [line.report for line in lines]
    hashes = dict.fromkeys(f"{r.model.bundle} {r.model.bundle_sha256[:12]}" for r in reports)
    dates = ", ".join(dict.fromkeys(report.date for report in reports))
    return f"{dates}; bundles {', '.join(hashes)}"


def _value(judged: Sequence[Judged], data: str, metric: str) -> str:
    """The figure of that metric on that data set's part, as its name begins."""
    for one in judged:
        if one.name.startswith(data) and metric in one.name:
            return f"{one.value:.3f}" + (f" in {one.precision}" if one.precision else "")
    return "-"


def peers_table() -> str:
    """How many times as fast as networks of published peers."""
    if not (RESULTS / "host" / "peers.json").is_file():
        return "Not measured yet: `make peers`."
    report = load("host/peers.json")
    ratios = table(
        ("", "beside", "times as fast (quartiles of the rounds)"),
        (
            (
                row["ours"],
                row["peer"],
                f"{row['times']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
            )
            for row in report["times_faster"]
        ),
    )
    noise = "; ".join(report["noise"])
    latencies = table(
        ("", "p50 ms", "p90 ms"),
        (
            (name, f"{times['p50']:.2f}", f"{times['p90']:.2f}")
            for name, times in report["latency_ms"].items()
        ),
        f"{measured(report)}; {report['what']}; {report['rounds']} rounds of "
        f"{report['queries_a_round']} queries{'; ' + noise if noise else ''}.",
    )
    return f"{ratios}\n\n{latencies}"


def cost_model_table() -> str:
    """The error of the cost model, device by device, with one network left out."""
    rows = []
    for device in known_devices():
        own = [figure for figure in published_figures() if figure.device == device.name]
        for kind in dict.fromkeys((figure.format, figure.precision) for figure in own):
            figures = figures_of(device.name, *kind)
            if len(figures) < FEWEST:
                continue
            fitted = fit_cost_model(figures)
            worst = max(fitted.left_out, key=lambda each: each.error)
            rows.append(
                (
                    *(device.model, f"{kind[0]} {kind[1]}", fitted.compute_unit, len(figures)),
                    f"{fitted.median_error:.0%}",
                    f"{worst.error:.0%} ({worst.network})",
                    f"{fitted.factor:.2f}" if fitted.is_usable else "no estimates",
                )
            )
    head = ("device", "kind", "unit", "networks", "median error", "largest error")
    return table((*head, "estimate times or by"), rows)
