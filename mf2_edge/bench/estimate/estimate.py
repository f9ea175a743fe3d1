"""Estimates a bundle's latency on a device where it was not measured, by the cost model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mf2_edge.bench.accuracy import model_of
from mf2_edge.bench.errors import BenchError, NoEstimateError
from mf2_edge.bench.estimate.cost_model import (
    COVERAGE,
    FARTHEST,
    FEWEST,
    WORST,
    CostModel,
    figures_of,
    fit_cost_model,
)
from mf2_edge.bench.estimate.devices import Device, Platform
from mf2_edge.bench.estimate.graph_work import Work, network_work, read_work
from mf2_edge.bench.estimate.published import published_figures
from mf2_edge.bench.report import Latency, Model, Report, today
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, Precision

HOW_TO: Final = {
    "ios": "attach the iPhone to a Mac, or run the Swift bench target and --import its report",
    "android": "attach the phone by adb and give --runner, or run the Kotlin bench target and "
    "--import its report",
    "linux": "run `mf2-edge bench` on the device itself and copy its report",
}
"""The way to a measured figure, by platform."""

RUN_BY: Final[dict[Platform, tuple[ArtifactFormat, ...]]] = {
    "ios": ("coreml", "executorch"),
    "android": ("tflite", "executorch"),
    "linux": ("tflite", "executorch", "onnx"),
}
"""Formats that a platform's binding runs."""


def estimate(
    bundle: Bundle, artifacts: Sequence[ArtifactSpec], device: Device
) -> tuple[Report, ...]:
    """An estimate for each of `artifacts` for whose kind `device` has published figures.

    Those of other kinds that run on the device, and networks far from those published, are reported
    without a figure.

    Raises NoEstimateError if nothing was published for the device, or for none of the kinds of the
    artifacts; BenchError if the bundle has no .tflite, from which the work of the network is read.
    """
    kinds = _kinds(device)
    if not kinds:
        raise NoEstimateError(
            f"{device.model}: no estimate: it takes {FEWEST} published figures and a cost model "
            f"whose median error is {WORST:.0%} at most; {HOW_TO[device.platform]}"
        )
    matching = [a for a in artifacts if (a.format, a.precision) in kinds]
    if not matching:
        run = [a for a in artifacts if a.format in RUN_BY[device.platform]] or artifacts
        asked = ", ".join(f"{a.format} {a.precision}" for a in run)
        known = ", ".join(f"{kind} {precision}" for kind, precision in kinds)
        raise NoEstimateError(
            f"{device.model}: no cost model for {asked} of {bundle.manifest.name}; there is one "
            f"for {known}. For a figure: {HOW_TO[device.platform]}"
        )
    work = network_work(bundle)
    if work is None:
        raise BenchError(
            f"bundle {bundle.manifest.name} holds no .tflite, from which the work of its network "
            "is read; export one with `python -m exporters ... --to tflite`"
        )
    found = [_estimate(device, model_of(bundle, a), _work(bundle, a, work)) for a in matching]
    return (*found, *without_estimate(bundle, artifacts, device, kinds))


def without_estimate(
    bundle: Bundle,
    artifacts: Sequence[ArtifactSpec],
    device: Device,
    kinds: Sequence[tuple[ArtifactFormat, Precision]] = (),
) -> tuple[Report, ...]:
    """Files of formats that run on the device and are not of `kinds`, without a figure."""
    return tuple(
        _without(device, model_of(bundle, a), f"no cost model for {a.format} {a.precision}")
        for a in artifacts
        if a.format in RUN_BY[device.platform] and (a.format, a.precision) not in kinds
    )


def _without(device: Device, model: Model, why: str) -> Report:
    return Report(
        provenance="no-estimate",
        date=today(),
        device=device.info,
        model=model,
        runtime="not run",
        compute_unit="-",
        method=f"{why} on {device.model}",
        notes=(f"to measure: {HOW_TO[device.platform]}",),
    )


def _kinds(device: Device) -> list[tuple[ArtifactFormat, Precision]]:
    """Formats and precisions for which there is a model of the device that is right enough."""
    kinds = dict.fromkeys(
        (f.format, f.precision) for f in published_figures() if f.device == device.name
    )
    return [kind for kind in kinds if (model := _model(device, kind)) and model.is_usable]


def _model(device: Device, kind: tuple[ArtifactFormat, Precision]) -> CostModel | None:
    figures = figures_of(device.name, *kind)
    return fit_cost_model(figures) if len(figures) >= FEWEST else None


def _work(bundle: Bundle, artifact: ArtifactSpec, network: Work) -> Work:
    """Of the very file where it is a float .tflite; of the network for all others.

    The published networks' work is that of their float graphs, so 8-bit files are compared by it.
    """
    if artifact.format == "tflite" and artifact.precision == "fp32":
        return read_work(bundle.read(artifact), source=artifact.file)
    return network


def _estimate(device: Device, model: Model, work: Work) -> Report:
    figures = figures_of(device.name, model.format, model.precision)
    fitted = fit_cost_model(figures)
    if (reach := fitted.reach(work)) > FARTHEST:
        far = f"{reach:.0f} times beyond those fitted on in {', '.join(fitted.outside(work))}"
        return _without(device, model, f"no estimate: the network is {far}")
    ms, low, high = fitted.predict(work)
    notes = [f"to measure: {HOW_TO[device.platform]}"]
    interval = f"{COVERAGE:.0%} interval"
    if outside := fitted.outside(work):
        interval = "interval widened"
        notes.append(
            f"up to {reach:.1f} times beyond the networks fitted on, in {', '.join(outside)}: the "
            "interval reaches from the line to work in proportion, with the largest error"
        )
    worst = max(fitted.left_out, key=lambda each: each.error)
    return Report(
        provenance="estimated",
        date=today(),
        device=device.info,
        model=model,
        runtime="as published",
        compute_unit=fitted.compute_unit,
        network=Latency(p50=round(ms, 3), low=round(low, 3), high=round(high, 3)),
        method=f"cost model on {len(figures)} published networks; with one left out its median "
        f"error is {fitted.median_error:.0%}, its largest {worst.error:.0%} ({worst.network}); "
        f"{interval}",
        notes=tuple(notes),
    )


def left_out_table(device: Device) -> str:
    """Every published network of a device, and what the others predicted for it."""
    lines = []
    own = [figure for figure in published_figures() if figure.device == device.name]
    for kind in dict.fromkeys((figure.format, figure.precision) for figure in own):
        if (fitted := _model(device, kind)) is None:
            continue
        lines.append(
            f"{device.model}, {kind[0]} {kind[1]}: median error {fitted.median_error:.1%} with one "
            f"of {len(fitted.left_out)} networks left out"
            f"{'' if fitted.is_usable else '; not used: too wrong to estimate with'}"
        )
        lines += [
            f"  {each.network:<26}{each.published_ms:>8.3f} ms published{each.predicted_ms:>9.3f} "
            f"predicted{each.error:>7.0%}"
            for each in sorted(fitted.left_out, key=lambda each: each.error)
        ]
    return "\n".join(lines)
