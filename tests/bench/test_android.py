"""Android phones: the bench against a fake adb that vanishes, is locked, grows hot."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from mf2_edge.bench.errors import BenchError, PhoneError, PhoneLostError
from mf2_edge.bench.measure.adb import attached_phone
from mf2_edge.bench.measure.android import measure_android, read_turn
from mf2_edge.bench.report import Report
from mf2_edge.bundle.loader import load_bundle
from tests.bench.bench_command import main
from tests.helpers.make_tiny_bundle import FOLDER

FAKE = Path(__file__).parents[1] / "helpers" / "fake_adb.py"
PIXEL = {"ro.product.model": "Pixel 8", "ro.build.version.release": "15"}


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Attach a phone; called with what it is like."""
    adb = tmp_path / "bin" / "adb"
    adb.parent.mkdir()
    adb.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {FAKE} "$@"\n')
    adb.chmod(adb.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{adb.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_ADB", str(tmp_path / "phone.json"))

    def attach(**state: Any) -> None:
        whole = {"devices": {"R5": "device"}, "properties": PIXEL} | state
        (tmp_path / "phone.json").write_text(json.dumps(whole))

    return attach


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    file = tmp_path / "benchmark_model"
    file.write_bytes(b"\x7fELF")
    return file


def measured(runner: Path, rounds: int = 1) -> tuple[Report, ...]:
    found = attached_phone()
    assert found is not None
    bundle = load_bundle(FOLDER)
    return measure_android(
        found, found.info(), bundle, bundle.manifest.artifacts, runner,
        threads=1, queries=60, rounds=rounds, sleep=lambda _: None,
    )  # fmt: skip


def test_measures_under_the_phones_own_name(phone: Any, runner: Path) -> None:
    phone(us=1500)
    [report] = measured(runner)
    assert report.provenance == "measured-device"
    assert (report.device.name, report.device.os) == ("pixel-8", "Android 15")
    assert report.network is not None
    # The median of the timed line, not of the warm-up that is printed before it.
    assert (report.network.p50, report.network.queries) == (1.5, 60)
    assert (report.load_ms, report.cold_start_ms, report.peak_memory_mb) == (3.0, 7.5, 9.5)
    assert (report.conditions.battery_percent, report.conditions.low_power_mode) == (81, False)
    assert report.complete


def test_executorch_has_a_runner_of_its_own(phone: Any, tmp_path: Path) -> None:
    phone(us=2500)
    file = tmp_path / "executor_runner"
    file.write_bytes(b"\x7fELF")
    [report] = measured(file)
    assert report.model.format == "executorch"
    assert report.network is not None
    assert report.network.p50 == pytest.approx(2.5)


def test_a_phone_that_vanishes_leaves_what_was_measured(
    phone: Any, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nine commands before the first run: 3 of info, 2 of the lock, thermal, battery, saver, ...
    phone(vanishes_after=13)
    [report] = measured(runner, rounds=4)
    assert not report.complete
    assert report.network is not None
    assert 0 < report.network.queries < 60
    assert "vanished" in report.notes[0]
    assert "what was measured is kept" in capsys.readouterr().err


def test_a_phone_that_vanishes_before_any_figure(phone: Any, runner: Path) -> None:
    phone(vanishes_after=9)
    with pytest.raises(PhoneLostError, match=r"vanished .*plug it in again"):
        measured(runner)


def test_a_locked_phone_is_refused(phone: Any, runner: Path) -> None:
    phone(locked=True)
    with pytest.raises(PhoneError, match="unlock it, keep the screen on"):
        measured(runner)


def test_waits_for_a_hot_phone_and_says_that_it_throttled(phone: Any, runner: Path) -> None:
    phone(thermal=[3, 3, 0, 3])
    [report] = measured(runner)
    assert (report.conditions.thermal_before, report.conditions.thermal_after) == ("none", "severe")
    assert report.conditions.noise == ("thermal status severe at the end: throttled",)


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        ({"R5": "unauthorized"}, "unlock it and accept this computer's key"),
        ({"R5": "offline"}, "plug it in again"),
        ({"R5": "no permissions (missing udev rules?)"}, "let this user reach USB"),
        ({"R5": "device", "R6": "device"}, "several phones on adb: R5, R6; choose with --serial"),
    ],
)
def test_a_phone_that_cannot_be_used_says_what_to_do(
    phone: Any, devices: dict[str, str], said: str
) -> None:
    phone(devices=devices)
    with pytest.raises(PhoneError) as refused:
        attached_phone()
    assert said in str(refused.value)


def test_no_phone_is_no_error(phone: Any) -> None:
    phone(devices={})
    assert attached_phone() is None


def test_another_phone_is_not_measured_under_the_name_asked_for(
    phone: Any, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phone()
    command = ["--bundle", str(FOLDER), "--runner", str(runner), "--quick", "--device"]
    assert main([*command, "galaxy-s24"]) == 2
    assert "the phone attached is Pixel 8; expected Samsung Galaxy S24" in capsys.readouterr().err
    assert main([*command, "pixel-8"]) == 0
    shown = capsys.readouterr().out
    assert "measured-device" in shown
    assert "Pixel 8, tiny 1" in shown


def test_without_a_runner_it_says_which(phone: Any, capsys: pytest.CaptureFixture[str]) -> None:
    phone()
    assert main(["--bundle", str(FOLDER), "--device", "android"]) == 2
    assert "give --runner benchmark_model (LiteRT)" in capsys.readouterr().err


def test_a_runner_of_another_format(phone: Any, tmp_path: Path) -> None:
    phone()
    with pytest.raises(BenchError, match="no such file"):
        measured(tmp_path / "nowhere")


def test_output_without_a_figure_is_passed_on() -> None:
    with pytest.raises(PhoneError, match="but: Segmentation fault"):
        read_turn("INFO: STARTING!\nSegmentation fault\n", "tflite")
    with pytest.raises(PhoneError, match="but: nothing"):
        read_turn("", "executorch")
