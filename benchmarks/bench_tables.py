"""Tables of what the bench and `benchmarks.peers` measured, and of the cost model's error."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from mf2_edge.bench.accuracy import Judged
from mf2_edge.bench.cost_model import FEWEST, figures_of, fit_cost_model
from mf2_edge.bench.devices import known_devices
from mf2_edge.bench.published import published_figures
from mf2_edge.bench.report import Report, read_report
from mf2_edge.bench.table import HEAD, Line, lines_of
from mf2_edge.bundle import load_bundle

RESULTS = Path(__file__).parent / "results"


def saved_reports() -> list[Report]:
    """Every `results/<device>/<bundle>-<format>-<precision>.json`, device by device."""
    return [
        read_report(path)
        for path in sorted(RESULTS.glob("*/*.json"))
        if b'"mf2-edge-bench"' in path.read_bytes()[:200]
    ]


def reports_table() -> str:
    """All reports of files that ship; SystemExit names a report of a file that does not."""
    reports = saved_reports()
    if not reports:
        return "Not measured yet: `make bench`."
    lines: list[Line] = []
    for report in reports:
        model, bundle = report.model, load_bundle(report.model.bundle)
        shipped = {artifact.file: artifact.sha256 for artifact in bundle.manifest.artifacts}
        if shipped.get(model.file or "") != model.sha256:
            raise SystemExit(
                f"benchmarks/results/{report.device.name}: {model.file} was measured with sha256 "
                f"{(model.sha256 or 'none')[:12]}, which does not ship; run `make bench`"
            )
        lines += lines_of(bundle, [report])
    names = dict.fromkeys(judged.name for line in lines for judged in line.judged)
    rows = ["| device | file | " + " | ".join(HEAD[2:]) + " |", "|---" * len(HEAD) + "|"]
    for line in lines:
        found = {judged.name: judged for judged in line.judged}
        # Bundles are judged by protocols of their own: every cell has the same places.
        judged = tuple(found.get(name, Judged(name, None, None)) for name in names)
        first = (line.report.device.model, line.report.model.file or "")
        cells = (*first, *replace(line, judged=judged).cells[2:])
        rows.append("| " + " | ".join(cells) + " |")
    noise = dict.fromkeys(reason for r in reports for reason in r.conditions.noise)
    hashes = dict.fromkeys(f"{r.model.bundle} {r.model.bundle_sha256[:12]}" for r in reports)
    dates = ", ".join(dict.fromkeys(report.date for report in reports))
    rows += [
        "",
        f"Network alone, one face; {dates}; bundles {', '.join(hashes)}. Accuracy and points lost "
        f"against the teacher: {'; '.join(names)}.",
    ]
    return "\n".join([*rows, *(f"Noise: {reason}." for reason in noise)])


def peers_table() -> str:
    """How many times as fast as networks of published peers."""
    path = RESULTS / "host" / "peers.json"
    if not path.is_file():
        return "Not measured yet: `make peers`."
    report = json.loads(path.read_text())
    rows = ["| | beside | times as fast (quartiles of the rounds) |", "|---|---|---|"]
    rows += [
        f"| {row['ours']} | {row['peer']} | {row['times']:.2f} ({row['low']:.2f} to "
        f"{row['high']:.2f}) |"
        for row in report["times_faster"]
    ]
    rows += ["", "| | p50 ms | p90 ms |", "|---|---|---|"]
    rows += [
        f"| {name} | {times['p50']:.2f} | {times['p90']:.2f} |"
        for name, times in report["latency_ms"].items()
    ]
    noise = "; ".join(report["noise"])
    rows += [
        "",
        f"{report['provenance']}: {report['machine']}, {report['date']}; {report['what']}; "
        f"{report['rounds']} rounds of {report['queries_a_round']} queries"
        f"{'; ' + noise if noise else ''}.",
    ]
    return "\n".join(rows)


def cost_model_table() -> str:
    """The error of the cost model, device by device, with one network left out."""
    rows = [
        "| device | kind | unit | networks | median error | largest error | estimate times or by |",
        "|---|---|---|---|---|---|---|",
    ]
    for device in known_devices():
        own = [figure for figure in published_figures() if figure.device == device.name]
        for kind in dict.fromkeys((figure.format, figure.precision) for figure in own):
            figures = figures_of(device.name, *kind)
            if len(figures) < FEWEST:
                continue
            fitted = fit_cost_model(figures)
            worst = max(fitted.left_out, key=lambda each: each.error)
            rows.append(
                f"| {device.model} | {kind[0]} {kind[1]} | {fitted.compute_unit} | {len(figures)} "
                f"| {fitted.median_error:.0%} | {worst.error:.0%} ({worst.network}) "
                f"| {f'{fitted.factor:.2f}' if fitted.is_usable else 'no estimates'} |"
            )
    return "\n".join(rows)
