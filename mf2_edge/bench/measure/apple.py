"""Measure Core ML on an iPhone that is attached to a Mac.

`xcrun devicectl` lists the attached devices; coremltools' MLModelBenchmarker builds its runner app
with Xcode, sends it the model and times it there. It hands over every sample, so percentiles are
our own.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
from PIL import Image

from mf2_edge.bench.accuracy import model_of
from mf2_edge.bench.errors import BenchError, PhoneError, PhoneLostError
from mf2_edge.bench.estimate.devices import device_of_model
from mf2_edge.bench.measure.faces import frames
from mf2_edge.bench.report import DeviceInfo, Part, Report, percentiles, today
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import ArtifactSpec
from mf2_edge.extras import require


class Iphone(Part, frozen=True, kw_only=True):
    """One iPhone that devicectl lists."""

    identifier: str
    product: str
    """`iPhone13,2`."""
    name: str
    os: str
    connected: bool
    developer_mode: bool

    @property
    def info(self) -> DeviceInfo:
        """Under the name of the known device if it is one."""
        known = device_of_model(self.product)
        if known is not None:
            return DeviceInfo(name=known.name, model=known.model, soc=known.soc, os=self.os)
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in self.product.lower())
        return DeviceInfo(name=f"phone-{name}", model=self.product, os=self.os)


class Samples(Protocol):
    """The arguments of MLModelBenchmarker."""

    async def benchmark_load(self, iterations: int = 1) -> Any:
        """A measurement with `samples`, ms."""

    async def benchmark_predict(
        self, inputs: dict[str, Any] | None = None, iterations: int = 1, warmup: bool = False
    ) -> Any:
        """The same, of predictions."""


def attached_iphone() -> Iphone | None:
    """The connected iPhone; None without devicectl or iPhone.

    Raises PhoneError if one is listed that cannot be used: the message says what to do.
    """
    xcrun = shutil.which("xcrun")
    if xcrun is None:
        return None
    with TemporaryDirectory() as folder:
        listing = Path(folder) / "devices.json"
        done = subprocess.run(  # noqa: S603  (a list of arguments, no shell)
            [xcrun, "devicectl", "list", "devices", "-j", str(listing)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0 or not listing.is_file():
            raise PhoneError(
                f"xcrun devicectl: {done.stderr.strip() or done.returncode}; it comes with Xcode 15"
            )
        phones = read_devices(listing.read_bytes())
    usable = [phone for phone in phones if phone.connected]
    if not usable:
        return None
    if not usable[0].developer_mode:
        raise PhoneError(
            f"{usable[0].name}: switch on Settings, Privacy & Security, Developer Mode"
        )
    return usable[0]


def read_devices(listing: bytes) -> list[Iphone]:
    """The iPhones in what `devicectl list devices -j` wrote; PhoneError if it is not that."""
    try:
        devices = json.loads(listing)["result"]["devices"]
        phones = []
        for device in devices:
            hardware, properties = device["hardwareProperties"], device["deviceProperties"]
            if hardware.get("deviceType", "").lower() != "iphone":
                continue
            state = device.get("connectionProperties", {}).get("tunnelState", "")
            phones.append(
                Iphone(
                    identifier=str(device["identifier"]),
                    product=str(hardware["productType"]),
                    name=str(properties.get("name", hardware["productType"])),
                    os=f"iOS {properties.get('osVersionNumber', 'unknown')}",
                    connected=state.lower() == "connected",
                    developer_mode=properties.get("developerModeStatus", "") == "enabled",
                )
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PhoneError(f"devicectl's list of devices has another form: {error!r}") from error
    return phones


def measure_iphone(
    phone: Iphone, bundle: Bundle, artifacts: Sequence[ArtifactSpec], queries: int
) -> tuple[Report, ...]:
    """A report for each Core ML artifact, on all compute units.

    Raises BenchError if none is Core ML, MissingExtraError without coremltools, PhoneLostError if
    the phone vanished before any figure.
    """
    chosen = [artifact for artifact in artifacts if artifact.format == "coreml"]
    if not chosen:
        named = ", ".join(f"{a.format} {a.precision}" for a in artifacts)
        raise BenchError(
            f"{phone.name} is measured with Core ML, and the choice is {named}; make a Core ML "
            "file with `python -m exporters ... --to coreml:fp16`"
        )
    reports: list[Report] = []
    for artifact in chosen:
        try:
            with TemporaryDirectory() as folder:
                benchmarker = _benchmarker(phone, _unpacked(bundle, artifact, Path(folder)))
                reports.append(measure(benchmarker, phone.info, bundle, artifact, queries))
        except Exception as error:  # coremltools passes on whatever its app and Xcode raise
            if not reports:
                raise PhoneLostError(f"{phone.name}: {error}") from error
            sys.stderr.write(f"mf2-edge: {phone.name}: {error}; what was measured is kept\n")
            reports.append(_cut_short(phone.info, bundle, artifact, str(error)))
    return tuple(reports)


def measure(
    benchmarker: Samples, device: DeviceInfo, bundle: Bundle, artifact: ArtifactSpec, queries: int
) -> Report:
    """Time one model with an MLModelBenchmarker."""
    loaded, timed = asyncio.run(_timed(benchmarker, _inputs(bundle, artifact), queries))
    return Report(
        provenance="measured-device",
        date=today(),
        device=device,
        model=model_of(bundle, artifact),
        runtime="Core ML",
        compute_unit="all",
        network=percentiles(timed),
        load_ms=round(min(loaded), 3),
        method=f"coremltools MLModelBenchmarker, {len(timed)} predictions on the phone",
        notes=("thermal state: devicectl does not tell it",),
    )


async def _timed(
    benchmarker: Samples, inputs: dict[str, Any], queries: int
) -> tuple[list[float], list[float]]:
    loaded = await benchmarker.benchmark_load(iterations=1)
    timed = await benchmarker.benchmark_predict(inputs=inputs, iterations=queries, warmup=True)
    return list(loaded.samples), list(timed.samples)


def _inputs(bundle: Bundle, artifact: ArtifactSpec) -> dict[str, Any]:
    """A face for an image input; coremltools 9 makes up arrays, but no images."""
    size = bundle.manifest.input
    face = Image.fromarray(frames()[0][..., ::-1]).resize((size.width, size.height))
    if artifact.input == "image":
        return {"image": face}
    return {"image": np.asarray(face, np.float32)[None]}


def _benchmarker(phone: Iphone, package: Path) -> Samples:
    """The model on the phone, through coremltools; builds its runner app at first."""
    coremltools = require("coremltools", extra="export")
    remote = require("coremltools.models.ml_program.experimental.remote_device", extra="export")
    perf = require("coremltools.models.ml_program.experimental.perf_utils", extra="export")
    devices = remote.Device.get_connected_devices(remote.DeviceType.IPHONE)
    found = next(device for device in devices if device.identifier == phone.identifier)
    prepared = asyncio.run(found.prepare_for_model_debugging())
    benchmarker: Samples = perf.MLModelBenchmarker(
        coremltools.models.MLModel(str(package)), device=prepared
    )
    return benchmarker


def _unpacked(bundle: Bundle, artifact: ArtifactSpec, folder: Path) -> Path:
    with zipfile.ZipFile(bundle.path_of(artifact)) as archive:
        archive.extractall(folder)
    return next(folder.glob("*.mlpackage"))


def _cut_short(device: DeviceInfo, bundle: Bundle, artifact: ArtifactSpec, why: str) -> Report:
    return Report(
        provenance="measured-device",
        date=today(),
        device=device,
        model=model_of(bundle, artifact),
        runtime="Core ML",
        compute_unit="all",
        complete=False,
        method="coremltools MLModelBenchmarker",
        notes=(f"cut short: {why}",),
    )
