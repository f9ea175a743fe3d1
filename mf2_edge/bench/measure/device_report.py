"""What the bench targets of the bindings write on a phone, and `--import` reads.

One file a run of the target: the phone, the state it was in, and for each artifact the time of
every single query, so that percentiles are computed here and in one way.
`mf2-edge bench --schema` prints the JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from mf2_edge.bench.report import Milliseconds, Part
from mf2_edge.bundle.schema import Positive, Sha256, Text

Thermal = Literal["nominal", "fair", "serious", "critical", "unknown"]
"""Apple's words; Android's status 0 is nominal, 1 and 2 fair, 3 serious, 4 and above critical."""

ComputeUnit = Literal["cpu", "gpu", "npu", "cpu+gpu", "cpu+npu", "all"]


Samples = Annotated[tuple[Milliseconds, ...], Meta(min_length=1)]


class Phone(Part, frozen=True, kw_only=True):
    """The phone and its state."""

    platform: Literal["ios", "android"]
    model: Annotated[str, Meta(min_length=1, max_length=80)]
    """As the system says it: `iPhone13,2`, `SM-S921B`."""
    soc: Text | None = None
    """`Build.SOC_MODEL`, where the system has it."""
    os_version: Text
    thermal_before: Thermal
    thermal_after: Thermal
    low_power_mode: bool
    battery_percent: Annotated[float, Meta(ge=0, le=100)] | None
    """Null where the system does not tell."""


class Run(Part, frozen=True, kw_only=True):
    """One artifact on one compute unit."""

    artifact_sha256: Sha256
    """As in the bundle's manifest."""
    compute_unit: ComputeUnit
    """Asked for; the system may run parts elsewhere."""
    threads: Positive | None = None
    runtime: Text
    """Engine and version."""
    load_ms: Milliseconds
    first_ms: Milliseconds
    """The first query after loading; not among the samples."""
    samples_ms: Samples
    """Every timed query of the network, in order, warm-up left out."""
    stages_ms: dict[str, Samples] = msgspec.field(default_factory=dict)
    """The same for `predict` and its stages, where measured."""
    peak_memory_mb: Annotated[float, Meta(ge=0)] | None = None


class DeviceReport(Part, frozen=True, kw_only=True):
    """A whole file."""

    kind: Literal["mf2-edge-device-report"]
    schema_version: Literal["1.0"]
    bundle: Text
    bundle_sha256: Sha256
    """Of the bytes of the `manifest.json` in the app."""
    date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}")]
    """ISO 8601."""
    phone: Phone
    runs: Annotated[tuple[Run, ...], Meta(min_length=1)]


def device_report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file."""
    return msgspec.json.schema(DeviceReport)
