"""iPhones: devicectl's list, and coremltools' own measuring class with a stand-in for the phone.

The list is written from the fields that coremltools 9 reads of `devicectl list devices`; nobody has
recorded one from a Mac yet.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from mf2_edge.bench.errors import BenchError, PhoneError
from mf2_edge.bench.measure.apple import (
    Iphone,
    attached_iphone,
    measure,
    measure_iphone,
    read_devices,
)
from mf2_edge.bundle.loader import load_bundle
from tests.bench.bench_command import main
from tests.helpers.make_tiny_bundle import FOLDER


def device(**change: Any) -> dict[str, Any]:
    """One device of the list."""
    whole = {
        "identifier": "5B7A9E10-0000-4000-8000-000000000001",
        "deviceProperties": {
            "name": "Test phone",
            "osVersionNumber": "17.4",
            "osBuildUpdate": "21E219",
            "developerModeStatus": "enabled",
        },
        "hardwareProperties": {
            "deviceType": "iPhone",
            "productType": "iPhone13,2",
            "udid": "00008101-000000000000001E",
        },
        "connectionProperties": {"tunnelState": "connected", "transportType": "wired"},
    }
    for key, value in change.items():
        part, name = key.split("__")
        whole[part] = {**whole[part], name: value}  # type: ignore[dict-item]
    return whole


def listing(*devices: dict[str, Any]) -> bytes:
    return json.dumps({"info": {"outcome": "success"}, "result": {"devices": devices}}).encode()


PHONE = read_devices(listing(device()))[0]


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stand-in for `xcrun` that writes a list where `-j` says; called with the list."""
    xcrun = tmp_path / "xcrun"
    xcrun.write_text(
        f"#!{sys.executable} -IS\nimport shutil, sys\nassert sys.argv[1:5] == "
        '["devicectl", "list", "devices", "-j"]\n'
        f"shutil.copy({str(tmp_path / 'list.json')!r}, sys.argv[5])\n"
    )
    xcrun.chmod(xcrun.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return (tmp_path / "list.json").write_bytes


def test_a_connected_phone_is_found(mac: Any) -> None:
    watch = device(hardwareProperties__deviceType="appleWatch")
    away = device(connectionProperties__tunnelState="unavailable", deviceProperties__name="Away")
    mac(listing(watch, away, device()))
    found = attached_iphone()
    assert found is not None
    assert (found.name, found.info.name, found.info.os) == ("Test phone", "iphone-12", "iOS 17.4")


def test_no_phone_is_no_error(mac: Any) -> None:
    mac(listing(device(connectionProperties__tunnelState="disconnected")))
    assert attached_iphone() is None


def test_developer_mode_is_asked_for(mac: Any) -> None:
    mac(listing(device(deviceProperties__developerModeStatus="disabled")))
    with pytest.raises(PhoneError, match="Test phone: switch on Settings"):
        attached_iphone()


@pytest.mark.parametrize("junk", [b"", b"[]", b'{"result": {}}', b'{"result": {"devices": [1]}}'])
def test_another_form_of_the_list_is_told(junk: bytes) -> None:
    with pytest.raises(PhoneError, match="has another form"):
        read_devices(junk)


def test_every_sample_counts() -> None:
    """Through coremltools' MLModelBenchmarker itself; only the model behind it is a stand-in."""
    perf: Any = pytest.importorskip("coremltools.models.ml_program.experimental.perf_utils")
    base: Any = perf.MLModelBenchmarker

    class Remote:
        """As coremltools' wrapper of a model on a phone: a query takes 1, 2, 3, ... ms."""

        load_duration_in_nano_seconds = 7_000_000
        last_predict_duration_in_nano_seconds = 0

        def make_state_if_needed(self) -> None:
            return None

        async def predict(self, inputs: dict[str, Any], state: object) -> dict[str, Any]:
            assert inputs["image"].shape == (1, 112, 112, 3)
            self.last_predict_duration_in_nano_seconds += 1_000_000
            return {}

    class Benchmarker(base):  # type: ignore[misc]
        def __init__(self) -> None:
            self._loaded_model = Remote()

        async def benchmark_load(self, iterations: int = 1) -> Any:
            nanoseconds = self._loaded_model.load_duration_in_nano_seconds
            return self.Measurement.from_samples([nanoseconds / 1e6] * iterations)

    bundle = load_bundle(FOLDER)
    report = measure(Benchmarker(), PHONE.info, bundle, bundle.select("tflite"), 11)
    assert report.provenance == "measured-device"
    assert report.device.model == "iPhone 12"
    assert report.network is not None
    # The first, warm-up, query of 1 ms is not among the 2 to 12 ms.
    assert (report.network.p50, report.network.queries) == (7.0, 11)
    assert report.load_ms == 7.0


def test_a_bundle_without_core_ml_says_how_to_make_one(
    mac: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = load_bundle(FOLDER)
    with pytest.raises(BenchError, match="--to coreml:fp16"):
        measure_iphone(PHONE, bundle, bundle.manifest.artifacts, 8)
    mac(listing(device(hardwareProperties__productType="iPhone16,1")))
    assert main(["--bundle", str(FOLDER), "--device", "iphone-13"]) == 2
    said = capsys.readouterr().err
    assert "the phone attached is iPhone 15 Pro; expected iPhone 13" in said


def test_an_unlisted_iphone_keeps_its_own_name() -> None:
    odd = Iphone(
        identifier="x", product="iPhone99,1", name="n", os="iOS 30", connected=True,
        developer_mode=True,
    )  # fmt: skip
    assert (odd.info.name, odd.info.model) == ("phone-iphone99-1", "iPhone99,1")
