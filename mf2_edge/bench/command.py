"""What the bench does with its options: measure, import or estimate; then show and keep."""

# ruff: noqa: T201 - printing is what a command line is for

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mf2_edge.bench.estimate.devices import Device
    from mf2_edge.bench.render.table import Result
    from mf2_edge.bench.report import Report
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import ArtifactSpec

_EXIT_CUT_SHORT: Final = 1


def run(arguments: argparse.Namespace) -> int:
    """Do what the options say; returns 0, or 1 if a phone vanished before all was measured.

    Raises Mf2EdgeError for everything that the user can put right.
    """
    from mf2_edge.bench.errors import BenchError, NoEstimateError
    from mf2_edge.bench.estimate.devices import HOST, find_device
    from mf2_edge.bench.estimate.estimate import without_estimate
    from mf2_edge.bench.measure.device_report import device_report_schema
    from mf2_edge.bench.render.table import Result
    from mf2_edge.io.outputs import check_outputs

    if arguments.schema:
        print(json.dumps(device_report_schema(), indent=1))
        return 0
    names = arguments.devices or [HOST]
    devices = {name: None if name == HOST else find_device(name) for name in names}
    if arguments.errors:
        return _print_errors([device for device in devices.values() if device is not None])
    if arguments.imported is not None and (len(devices) > 1 or len(arguments.bundles or ()) > 1):
        raise BenchError("--import reads the report of one device and one bundle; give one of each")
    chosen = _chosen(arguments, local=HOST in devices)
    outputs = filter(None, (arguments.json, arguments.html))
    read = filter(None, (arguments.imported, arguments.runner))
    files = [file for bundle, _ in chosen for file in bundle.files()]
    check_outputs(outputs, [*read, *files])
    results: list[Result] = []
    refused: list[NoEstimateError] = []
    for name, device in devices.items():
        for bundle, artifacts in chosen:
            try:
                reports = _reports(arguments, bundle, artifacts, name, device)
            except NoEstimateError as error:
                refused.append(error)
                assert device is not None  # this machine is measured
                reports = without_estimate(bundle, artifacts, device)
            results.append(Result(bundle, reports))
    if refused and all(report.network is None for each in results for report in each.reports):
        raise refused[0]
    _keep(arguments, [result for result in results if result.reports])
    whole = all(report.complete for result in results for report in result.reports)
    return 0 if whole else _EXIT_CUT_SHORT


def _chosen(
    arguments: argparse.Namespace, *, local: bool
) -> list[tuple[Bundle, list[ArtifactSpec]]]:
    """The bundles asked for with their artifacts of the format and precision asked for.

    A bundle without any is left out as long as another has some.
    """
    from mf2_edge.bundle.loader import list_bundles, load_bundle
    from mf2_edge.errors import BundleError

    asked = arguments.bundles
    if asked is None:
        asked = [None] if local or arguments.imported is not None else list_bundles()
    found, lacking = [], []
    for bundle in map(load_bundle, asked):
        try:
            found.append((bundle, _choose(bundle, arguments)))
        except BundleError as error:
            lacking.append(error)
    if not found:
        raise lacking[0]
    return found


def _choose(bundle: Bundle, arguments: argparse.Namespace) -> list[ArtifactSpec]:
    """The artifacts of the format and precision asked for; BundleError lists what there is."""
    found = [
        artifact
        for artifact in bundle.manifest.artifacts
        if arguments.format in (None, artifact.format)
        and arguments.precision in (None, artifact.precision)
    ]
    if not found:
        from mf2_edge.errors import BundleError

        held = ", ".join(f"{a.format} {a.precision}" for a in bundle.manifest.artifacts)
        wanted = " ".join(filter(None, (arguments.format, arguments.precision)))
        raise BundleError(f"bundle {bundle.manifest.name} holds no {wanted}; it holds: {held}")
    return found


def _reports(
    arguments: argparse.Namespace,
    bundle: Bundle,
    artifacts: list[ArtifactSpec],
    name: str,
    device: Device | None,
) -> tuple[Report, ...]:
    from mf2_edge.bench.errors import BenchError
    from mf2_edge.bench.estimate.estimate import HOW_TO, estimate
    from mf2_edge.bench.measure.host import FULL, QUICK, measure_host
    from mf2_edge.bench.measure.import_report import import_report

    effort = QUICK if arguments.quick else FULL
    if arguments.imported is not None:
        # `iphone` and the like stand for whichever phone wrote the report.
        asked = None if _takes_any(name) else device
        return import_report(arguments.imported, bundle, asked)
    if device is None:
        return measure_host(bundle, artifacts, arguments.threads, effort)
    measured = _attached(arguments, bundle, artifacts, name, device)
    if measured is not None:
        return measured
    if arguments.require_measured:
        raise BenchError(
            f"{device.model}: nothing is attached to measure on, and --require-measured refuses "
            f"an estimate; {HOW_TO[device.platform]}"
        )
    return estimate(bundle, artifacts, device)


def _attached(
    arguments: argparse.Namespace,
    bundle: Bundle,
    artifacts: list[ArtifactSpec],
    name: str,
    device: Device,
) -> tuple[Report, ...] | None:
    """Measured on the attached phone; None if there is none of the platform."""
    from mf2_edge.bench.errors import BenchError
    from mf2_edge.bench.measure.adb import attached_phone
    from mf2_edge.bench.measure.android import measure_android
    from mf2_edge.bench.measure.apple import attached_iphone, measure_iphone
    from mf2_edge.bench.measure.host import FULL, QUICK

    effort = QUICK if arguments.quick else FULL
    if device.platform == "android" and (phone := attached_phone(arguments.serial)) is not None:
        info = phone.info()
        _check_model(name, device, info.name, info.model)
        if arguments.runner is None:
            raise BenchError(
                f"{info.model} is attached; give --runner benchmark_model (LiteRT) or "
                "executor_runner (ExecuTorch), built for it (docs/bench.md)"
            )
        return measure_android(
            phone, info, bundle, artifacts, arguments.runner,
            threads=arguments.threads, queries=effort.queries, rounds=min(effort.rounds, 8),
        )  # fmt: skip
    if device.platform == "ios" and (iphone := attached_iphone()) is not None:
        _check_model(name, device, iphone.info.name, iphone.info.model)
        return measure_iphone(iphone, bundle, artifacts, effort.queries)
    return None


def _check_model(asked: str, device: Device, found: str, model: str) -> None:
    """A phone is never measured under another one's name."""
    from mf2_edge.bench.errors import PhoneError

    if not _takes_any(asked) and found != device.name:
        raise PhoneError(
            f"the phone attached is {model}; expected {device.model}: attach that one, or give "
            f"--device {'iphone' if device.platform == 'ios' else 'android'} for whichever is there"
        )


def _takes_any(asked: str) -> bool:
    from mf2_edge.bench.estimate.devices import ANY_OF, HOST

    return asked == HOST or asked.lower() in ANY_OF


def _keep(arguments: argparse.Namespace, results: list[Result]) -> None:
    from mf2_edge.bench.estimate.published import published_figures
    from mf2_edge.bench.render.page import write_page
    from mf2_edge.bench.render.table import published_table, text_tables
    from mf2_edge.bench.report import save_reports, write_reports

    reports = tuple(report for result in results for report in result.reports)
    told = [each for each in reports if each.network is not None]
    kinds = {(each.device.name, each.model.format, each.model.precision) for each in told}
    published = [
        figure
        for figure in published_figures()
        if (figure.device, figure.format, figure.precision) in kinds
    ]
    # The files first: who reads the tables may go before their end.
    if arguments.json is not None:
        write_reports(arguments.json, reports)
    if arguments.html is not None:
        write_page(arguments.html, results, published)
    if arguments.save is not None:
        for path in save_reports(arguments.save, told):
            print(f"mf2-edge: wrote {path}", file=sys.stderr)
    print(text_tables(results))
    if published:
        print("\n" + published_table(published))


def _print_errors(devices: list[Device]) -> int:
    from mf2_edge.bench.estimate.devices import known_devices
    from mf2_edge.bench.estimate.estimate import left_out_table

    tables = map(left_out_table, devices or known_devices())
    print("\n\n".join(filter(None, tables)) or "no cost model: nothing published to fit on")
    return 0
