"""Reports as one table of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mf2_edge.bench.accuracy import Judged, accuracy_of
from mf2_edge.bench.estimate.published import Figure
from mf2_edge.bench.report import Latency, Report
from mf2_edge.bundle.loader import Bundle

HEAD: Final = (
    "format", "precision", "p50 ms", "p90 ms", "p99 ms", "cold start ms", "load ms", "peak MB",
    "file MB", "unit", "provenance",
)  # fmt: skip

NONE: Final = "-"
"""What is not known."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the bench has of one bundle on one device."""

    bundle: Bundle
    reports: tuple[Report, ...]

    def lines(self) -> list[Line]:
        """A line a report."""
        return lines_of(self.bundle, self.reports)


@dataclass(frozen=True, slots=True)
class Line:
    """A report as the table and the page show it."""

    report: Report
    judged: tuple[Judged, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """In the order of HEAD."""
        report = self.report
        latency = report.network
        size = report.model.bytes
        return (
            report.model.format,
            report.model.precision,
            _p50(latency),
            _ms(latency.p90 if latency else None),
            _ms(latency.p99 if latency else None),
            _ms(report.cold_start_ms, 0),
            _ms(report.load_ms, 0),
            _ms(report.peak_memory_mb, 1),
            "no file" if size is None else f"{size / 1e6:.2f}",
            report.compute_unit,
            report.provenance + ("" if report.complete else ", cut short"),
        )


def lines_of(bundle: Bundle, reports: Sequence[Report]) -> list[Line]:
    """Reports with the accuracy that the manifest has for their file or its precision."""
    return [Line(r, accuracy_of(bundle.manifest, r.model.file, r.model.precision)) for r in reports]


def by_device(results: Sequence[Result]) -> dict[str, list[Line]]:
    """The lines of each device, by the name of its model."""
    devices: dict[str, list[Line]] = {}
    for result in results:
        for line in result.lines():
            devices.setdefault(line.report.device.model, []).append(line)
    return devices


def latency_rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The head, then a row a line; columns of which nothing is known are left out."""
    rows: list[tuple[str, ...]] = [("bundle", "file", *HEAD[2:])]
    for line in lines:
        form, precision, *rest = line.cells
        rows.append((line.report.model.bundle, f"{form} {precision}", *rest))
    held = [n for n in range(len(rows[0])) if any(row[n] != NONE for row in rows[1:])]
    return [tuple(row[n] for n in held) for row in rows]


def accuracy_rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The head, then a row a metric; a column the files of a bundle that have the same figures.

    Points lost against the teacher stand in brackets, and the precision in which the network was
    measured where it is another than the file's. No rows where the manifests have no accuracy.
    """
    columns: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for line in lines:
        model = line.report.model
        told = tuple((judged.name, _figure(judged)) for judged in line.judged)
        columns.setdefault((model.bundle, told), []).append(f"{model.format} {model.precision}")
    metrics = dict.fromkeys(name for _, told in columns for name, _ in told)
    if not metrics:
        return []
    head = [f"{name}, {_kinds(kinds)}" for (name, _), kinds in columns.items()]
    values = [dict(told) for _, told in columns]
    rows = [(metric, *(told.get(metric, NONE) for told in values)) for metric in metrics]
    return [("accuracy", *head), *rows]


def _kinds(kinds: Sequence[str]) -> str:
    """`int8` for files that are all of one precision, else each format with its precision."""
    precisions = dict.fromkeys(kind.rpartition(" ")[2] for kind in kinds)
    return ", ".join(precisions) if len(kinds) > 1 else kinds[0]


def _figure(judged: Judged) -> str:
    lost = "" if judged.points_lost is None else f" ({judged.points_lost:+.1f})"
    other = "" if judged.precision is None else f" in {judged.precision}"
    return f"{judged.value:.3f}{lost}{other}"


def text_tables(results: Sequence[Result]) -> str:
    """Latency and accuracy of each device's files, and how each row was obtained."""
    parts = []
    for name, lines in by_device(results).items():
        bundles = {line.report.model.bundle: line.report.model.version for line in lines}
        told = [name, *(f"{bundle} {version}" for bundle, version in bundles.items())]
        parts.append(f"{', '.join(told)}\n{_aligned(latency_rows(lines))}")
        for bundle in bundles:
            own = [line for line in lines if line.report.model.bundle == bundle]
            if accuracy := accuracy_rows(own):
                parts.append(_aligned(accuracy))
        parts.append("\n".join(dict.fromkeys(note for line in lines for note in row_notes(line))))
    return "\n\n".join([*parts, teachers(results)])


def teachers(results: Sequence[Result]) -> str:
    """Against which teacher points are lost, a bundle after the other."""
    named = {
        result.bundle.manifest.name: teacher.name
        for result in results
        if (teacher := result.bundle.manifest.teacher) is not None
    }
    if not named:
        return "points lost against a teacher: not measured"
    return "; ".join(f"{bundle}: points lost against {name}" for bundle, name in named.items())


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def published_table(figures: Sequence[Figure]) -> str:
    """Latencies of other networks on the device, as others published them."""
    lines = ["other networks, published by others (network@pixels, device, ms, source):"]
    lines += [
        f"  {f.network:<26}{f.device}, {f.format} {f.precision}, {f.compute_unit:<6}{f.ms:>8.3f}  "
        f"{f.source}"
        for f in figures
    ]
    return "\n".join(lines)


def row_notes(line: Line) -> list[str]:
    """Method, stages, limits and noise of a row, a line each."""
    report = line.report
    label = f"{report.model.bundle} {report.model.format} {report.model.precision}"
    if report.provenance == "no-estimate":
        return [f"{label}: {report.method}", *report.notes]
    told = [f"{label}: {report.provenance}, {report.date}, {report.runtime}: {report.method}"]
    if report.stages:
        stages = ", ".join(f"{name} {each.p50:.2f}" for name, each in report.stages.items())
        told.append(f"{label}: stages, p50 ms: {stages}")
    if (roofline := report.roofline) is not None:
        told.append(
            f"{label}: reaches {roofline.share:.0%} of the {roofline.limit} bound "
            f"({roofline.bound_ms:.2f} ms at {roofline.gflops:.0f} Gflop/s and "
            f"{roofline.gbytes_s:.1f} GB/s, both measured)"
        )
    if report.energy_mj is not None:
        told.append(f"{label}: {report.energy_mj:.1f} mJ a query (whole CPU package)")
    if report.conditions.pinned is False:
        told.append(f"{label}: NOISE: threads left the CPUs they were bound to")
    told += [f"{label}: NOISE: {reason}" for reason in report.conditions.noise]
    ways = [note for note in report.notes if note.startswith("to measure")]  # of the device
    told += [f"{label}: {note}" for note in report.notes if note not in ways]
    return told + ways


def _p50(latency: Latency | None) -> str:
    if latency is None:
        return NONE
    if latency.low is None or latency.high is None:
        return _ms(latency.p50)
    return f"~{_ms(latency.p50)} [{_ms(latency.low)}, {_ms(latency.high)}]"


def _ms(value: float | None, digits: int = 2) -> str:
    return NONE if value is None else f"{value:.{digits}f}"
