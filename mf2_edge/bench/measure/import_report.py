"""Take in what a bench target measured on a phone: check it against the bundle, then count."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Final

import msgspec

from mf2_edge.bench.accuracy import model_of
from mf2_edge.bench.errors import ReportError
from mf2_edge.bench.estimate.devices import Device, device_of_model
from mf2_edge.bench.measure.device_report import DeviceReport, Phone, Run
from mf2_edge.bench.report import Conditions, DeviceInfo, Latency, Report, percentiles
from mf2_edge.bundle.loader import Bundle

_EXPECTED: Final = "expected a report of the Swift or Kotlin bench target (docs/bench.md)"
_LARGEST: Final = 64 << 20


def import_report(path: Path, bundle: Bundle, asked: Device | None) -> tuple[Report, ...]:
    """The reports in a file written on a phone, one a run, as `imported`.

    `asked` is the device of `--device`; None takes the phone's own word.

    Raises ReportError: unreadable, of something else, of another bundle or device, of a file that
    the bundle does not hold, or without a usable figure.
    """
    found = _read(path)
    if found.bundle_sha256 != bundle.manifest_sha256:
        raise ReportError(
            f"{path}: measured with bundle {found.bundle}, manifest {found.bundle_sha256[:12]}; "
            f"expected {bundle.manifest.name}, manifest {bundle.manifest_sha256[:12]}. Give the "
            "bundle that was in the app with --bundle, or measure again"
        )
    known = device_of_model(found.phone.model)
    if asked is not None and known != asked:
        raise ReportError(
            f"{path}: measured on {known.model if known else found.phone.model}; expected "
            f"{asked.model}: leave --device out, or name the device it was measured on"
        )
    device = _info(found.phone, known)
    return tuple(_report(path, found, run, device, bundle) for run in found.runs)


def _read(path: Path) -> DeviceReport:
    try:
        if path.stat().st_size > _LARGEST:
            raise ReportError(f"{path}: larger than {_LARGEST >> 20} MiB; {_EXPECTED}")
        return msgspec.json.decode(path.read_bytes(), type=DeviceReport)
    except OSError as error:
        raise ReportError(f"{path}: cannot be read ({error.strerror}); {_EXPECTED}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"{path}: {error}; {_EXPECTED}") from error


def _info(phone: Phone, known: Device | None) -> DeviceInfo:
    """Named after the known device; an unknown phone bears its model's name."""
    system = f"{'iOS' if phone.platform == 'ios' else 'Android'} {phone.os_version}"
    if known is not None:
        return msgspec.structs.replace(known.info, os=system)
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in phone.model.lower())
    return DeviceInfo(name=f"phone-{name}", model=phone.model, soc=phone.soc, os=system)


def _report(
    path: Path, found: DeviceReport, run: Run, device: DeviceInfo, bundle: Bundle
) -> Report:
    artifact = next((a for a in bundle.manifest.artifacts if a.sha256 == run.artifact_sha256), None)
    if artifact is None:
        held = ", ".join(a.file for a in bundle.manifest.artifacts)
        raise ReportError(
            f"{path}: measured a file with sha256 {run.artifact_sha256[:12]}, which is none of "
            f"{held}; the app holds another file than the bundle"
        )
    phone = found.phone
    hot = phone.thermal_after in ("serious", "critical")
    noise = [f"thermal state {phone.thermal_after} at the end: throttled"] if hot else []
    if phone.low_power_mode:
        noise.append("low-power mode was on")
    return Report(
        provenance="imported",
        date=found.date[:10],
        device=device,
        model=model_of(bundle, artifact),
        runtime=run.runtime,
        compute_unit=run.compute_unit,
        threads=run.threads,
        network=_latency(path, run.samples_ms),
        stages={name: _latency(path, samples) for name, samples in run.stages_ms.items()},
        load_ms=run.load_ms,
        cold_start_ms=run.load_ms + run.first_ms,
        peak_memory_mb=run.peak_memory_mb,
        conditions=Conditions(
            thermal_before=phone.thermal_before,
            thermal_after=phone.thermal_after,
            low_power_mode=phone.low_power_mode,
            battery_percent=phone.battery_percent,
            noise=tuple(noise),
        ),
        method=f"{path.name}, written on the device; percentiles computed here",
    )


def _latency(path: Path, samples: tuple[float, ...]) -> Latency:
    latency = percentiles(samples)
    if not isfinite(latency.p50) or latency.p50 <= 0:
        raise ReportError(f"{path}: median of {latency.p50} ms; expected times above zero")
    return latency
