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
    "format", "precision", "unit", "p50 ms", "p90 ms", "p99 ms", "cold start ms", "load ms",
    "peak MB", "file MB", "accuracy", "points lost", "provenance",
)  # fmt: skip

FIGURES: Final = HEAD.index("accuracy")
"""How many columns come before those of accuracy."""

NOT_MEASURED: Final = "not measured"


@dataclass(frozen=True, slots=True)
class Result:
    """What the bench has of one bundle on one device."""

    bundle: Bundle
    reports: tuple[Report, ...]
    missing: tuple[str, ...] = ()
    """Files that run there and of which nothing is known, a line each."""

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
            report.compute_unit,
            _p50(latency),
            _ms(latency.p90 if latency else None),
            _ms(latency.p99 if latency else None),
            _ms(report.cold_start_ms, 0),
            _ms(report.load_ms, 0),
            _ms(report.peak_memory_mb, 1),
            "no file" if size is None else f"{size / 1e6:.2f}",
            _joined([None if j.value is None else f"{j.value:.3f}" for j in self.judged]),
            _joined(
                [None if j.points_lost is None else f"{j.points_lost:+.1f}" for j in self.judged]
            ),
            report.provenance + ("" if report.complete else ", cut short"),
        )


def lines_of(bundle: Bundle, reports: Sequence[Report]) -> list[Line]:
    """Reports with the accuracy that the manifest has for their file or its precision."""
    return [Line(r, accuracy_of(bundle.manifest, r.model.file, r.model.precision)) for r in reports]


def text_table(result: Result) -> str:
    """The table, what its columns mean, and how each row was obtained."""
    lines = result.lines()
    rows = [HEAD, *(line.cells for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    text = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    first = result.reports[0]
    text.insert(0, f"{first.device.model}, {first.model.bundle} {first.model.version}")
    text.append("")
    if lines[0].judged:
        names = "; ".join(judged.name for judged in lines[0].judged)
        text.append(f"accuracy, points lost: {names}")
        teacher = result.bundle.manifest.teacher
        text.append(f"points lost against: {teacher.name if teacher else 'no teacher measured'}")
    for line in lines:
        text += row_notes(line.report)
    text += result.missing
    return "\n".join(text)


def published_table(figures: Sequence[Figure]) -> str:
    """Latencies of other networks on the device, as others published them."""
    lines = ["other networks, published by others (network@pixels, device, ms, source):"]
    lines += [
        f"  {f.network:<26}{f.device}, {f.format} {f.precision}, {f.compute_unit:<6}{f.ms:>8.3f}  "
        f"{f.source}"
        for f in figures
    ]
    return "\n".join(lines)


def row_notes(report: Report) -> list[str]:
    """Method, stages, limits and noise of a row, a line each."""
    label = f"{report.model.format} {report.model.precision}"
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
    told += [f"{label}: {note}" for note in report.notes]
    return told


def _p50(latency: Latency | None) -> str:
    if latency is None:
        return "-"
    if latency.low is None or latency.high is None:
        return _ms(latency.p50)
    return f"~{_ms(latency.p50)} [{_ms(latency.low)}, {_ms(latency.high)}]"


def _ms(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _joined(values: list[str | None]) -> str:
    if not any(values):
        return NOT_MEASURED
    return " / ".join(value or "-" for value in values)
