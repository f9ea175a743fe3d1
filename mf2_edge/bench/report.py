"""A report: one artifact on one device, how long it took, and how that is known.

The bench writes one file a report, and everything that shows a figure reads reports. A figure
without its provenance cannot be written down.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from msgspec import Meta

from mf2_edge.bench.errors import ReportError
from mf2_edge.bundle.schema import (
    ArtifactFormat,
    Count,
    Positive,
    PositiveNumber,
    Precision,
    Sha256,
    Text,
)
from mf2_edge.io.atomic import write_json

Provenance = Literal[
    "measured-device", "measured-host", "imported", "estimated", "published", "no-estimate"
]
"""`no-estimate`: the file runs there, and how long it takes is not known."""
Milliseconds = Annotated[float, Meta(ge=0, le=1e7)]

SCHEMA_VERSION: Final = "2.0"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: immutable, and closed to unknown keys."""


class Latency(Part, frozen=True, kw_only=True):
    """Times of many queries, ms; null where the tool does not report it."""

    p50: Milliseconds
    p90: Milliseconds | None = None
    p99: Milliseconds | None = None
    low: Milliseconds | None = None
    """Lower end of the interval of an estimated p50."""
    high: Milliseconds | None = None
    """Upper end of the interval of an estimated p50."""
    queries: Count = 0
    """How many were timed; 0 for an estimate."""


def percentiles(samples_ms: Sequence[float]) -> Latency:
    """p50, p90 and p99 of at least one sample, by linear interpolation."""
    p50, p90, p99 = (round(float(p), 4) for p in np.percentile(samples_ms, (50, 90, 99)))
    return Latency(p50=p50, p90=p90, p99=p99, queries=len(samples_ms))


class DeviceInfo(Part, frozen=True, kw_only=True):
    """What it ran on, or is estimated for."""

    name: Text
    """Name by which `--device` knows it; `host` for the machine of the bench."""
    model: Text
    """As the maker or the machine itself says it."""
    soc: Text | None = None
    """System on a chip, or CPU."""
    os: Text | None = None
    """Name and version of the system."""


class Model(Part, frozen=True, kw_only=True):
    """The very file that was measured."""

    bundle: Text
    version: Text
    bundle_sha256: Sha256
    """Of the bytes of `manifest.json`."""
    format: ArtifactFormat
    precision: Precision
    file: Text | None = None
    """Null for an estimate of a format that the bundle does not hold yet."""
    sha256: Sha256 | None = None
    bytes: Positive | None = None


class Conditions(Part, frozen=True, kw_only=True):
    """Under what it was measured; null is unknown."""

    thermal_before: Text | None = None
    thermal_after: Text | None = None
    low_power_mode: bool | None = None
    battery_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    cpus: tuple[Count, ...] = ()
    """To which the process was pinned."""
    pinned: bool | None = None
    """Whether every thread was found on those CPUs alone."""
    cpu_share: float | None = None
    """CPU time over elapsed time; well under the number of threads means that others ran."""
    noise: tuple[Text, ...] = ()
    """Why the figures may be too high."""


class Roofline(Part, frozen=True, kw_only=True):
    """What the machine can do, measured, and the share of it that the network reaches."""

    gflops: PositiveNumber
    """Of a float32 matrix product, on the same threads."""
    gbytes_s: PositiveNumber
    """Of a copy larger than the caches."""
    bound_ms: Milliseconds
    """Time in which the network's work could be done at these rates."""
    limit: Literal["arithmetic", "memory"]
    """Which of the two takes longer."""
    share: PositiveNumber
    """`bound_ms` over the measured p50."""


class Report(Part, frozen=True, kw_only=True):
    """One artifact on one device."""

    kind: Literal["mf2-edge-bench"] = "mf2-edge-bench"
    schema_version: Literal["2.0"] = SCHEMA_VERSION
    provenance: Provenance
    date: Text
    """Day, ISO 8601."""
    device: DeviceInfo
    model: Model
    runtime: Text
    """Engine and version."""
    compute_unit: Text
    """`cpu`, `gpu`, `npu`, or what the tool calls it."""
    threads: Positive | None = None
    network: Latency | None = None
    """The network alone; null where there is no estimate, or the phone was lost before a figure."""
    stages: dict[str, Latency] = {}
    """`predict` on a frame with one face, and its stages."""
    load_ms: Milliseconds | None = None
    """Open the file and make it ready."""
    cold_start_ms: Milliseconds | None = None
    """Load and first answer, in a fresh process."""
    peak_memory_mb: Annotated[float, Meta(ge=0)] | None = None
    """Most memory of the process, less what it held before the model was loaded."""
    energy_mj: Annotated[float, Meta(ge=0)] | None = None
    """Of the CPU package, a query, its idle power included."""
    roofline: Roofline | None = None
    conditions: Conditions = Conditions()
    complete: bool = True
    """False for what was measured before the phone vanished."""
    method: Text
    """How the figures were obtained."""
    notes: tuple[Text, ...] = ()


def write_reports(path: Path, reports: tuple[Report, ...]) -> None:
    """Write a JSON list; raises ReportError if the file cannot be written."""
    _write(path, reports)


def save_reports(folder: Path, reports: Sequence[Report]) -> list[Path]:
    """Write `<folder>/<device>/<bundle>-<format>-<precision>.json`, one report a file."""
    written = []
    for report in reports:
        model = report.model
        name = f"{model.bundle}-{model.format}-{model.precision}.json"
        path = folder / report.device.name / name
        _write(path, report)
        written.append(path)
    return written


def read_report(path: Path) -> Report:
    """Read one report that `save_reports` wrote; raises ReportError naming file and key."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ReportError(
            f"{path}: {error}; expected a report of `mf2-edge bench`: measure again"
        ) from error


def _write(path: Path, content: object) -> None:
    try:
        write_json(path, content)
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error})") from error


def today() -> str:
    """The day, ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()
