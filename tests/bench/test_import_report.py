"""Reports written on phones: taken in, checked against the bundle, never taken on trust."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mf2_edge.bench.errors import ReportError
from mf2_edge.bench.estimate.devices import find_device
from mf2_edge.bench.measure.import_report import import_report
from mf2_edge.bundle.loader import load_bundle
from tests.bench.bench_command import main
from tests.helpers.make_tiny_bundle import FOLDER

BUNDLE = load_bundle(FOLDER)


def device_report() -> dict[str, Any]:
    """As a bench target writes it."""
    return {
        "kind": "mf2-edge-device-report",
        "schema_version": "1.0",
        "bundle": "tiny",
        "bundle_sha256": BUNDLE.manifest_sha256,
        "date": "2026-01-02T03:04:05Z",
        "phone": {
            "platform": "ios",
            "model": "iPhone13,2",
            "os_version": "17.4",
            "thermal_before": "nominal",
            "thermal_after": "serious",
            "low_power_mode": True,
            "battery_percent": 55.0,
        },
        "runs": [
            {
                "artifact_sha256": BUNDLE.select("tflite").sha256,
                "compute_unit": "cpu",
                "runtime": "LiteRT 2.1",
                "load_ms": 4.0,
                "first_ms": 3.0,
                "samples_ms": [1.0, 2.0, 3.0, 4.0, 5.0],
            }
        ],
    }


def write(folder: Path, content: object) -> Path:
    path = folder / "report.json"
    path.write_text(json.dumps(content))
    return path


def test_figures_are_counted_here_and_marked(tmp_path: Path) -> None:
    [report] = import_report(write(tmp_path, device_report()), BUNDLE, None)
    assert report.provenance == "imported"
    assert (report.device.name, report.device.os) == ("iphone-12", "iOS 17.4")
    assert report.network is not None
    assert (report.network.p50, report.network.queries) == (3.0, 5)
    assert report.cold_start_ms == 7.0
    assert report.conditions.low_power_mode is True
    assert report.conditions.noise == (
        "thermal state serious at the end: throttled",
        "low-power mode was on",
    )


def test_a_phone_that_nobody_listed_keeps_its_own_name(tmp_path: Path) -> None:
    content = device_report()
    content["phone"]["model"] = "Röd/../Phone 9"
    [report] = import_report(write(tmp_path, content), BUNDLE, None)
    assert report.device.model == "Röd/../Phone 9"
    assert set(report.device.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bundle_sha256": "0" * 64}, "measured with bundle tiny, manifest 000000000000"),
        ({"kind": "mf2-edge-bench"}, "expected a report of the Swift or Kotlin bench target"),
        ({"schema_version": "2.0"}, "Invalid enum value '2.0'"),
        ({"runs": []}, "at `$.runs`"),
        ({"surprise": 1}, "unknown field `surprise`"),
    ],
)
def test_foreign_reports_say_what_was_expected(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ReportError) as refused:
        import_report(write(tmp_path, device_report() | change), BUNDLE, None)
    assert said in str(refused.value)


def test_another_device_or_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, device_report())
    with pytest.raises(ReportError, match="measured on iPhone 12; expected Pixel 8"):
        import_report(path, BUNDLE, find_device("pixel-8"))
    content = device_report()
    content["runs"][0]["artifact_sha256"] = "1" * 64
    with pytest.raises(ReportError, match=r"which is none of tiny\.tflite, tiny\.pte"):
        import_report(write(tmp_path, content), BUNDLE, None)
    with pytest.raises(ReportError, match="cannot be read"):
        import_report(tmp_path / "nowhere.json", BUNDLE, None)


def test_the_command_line_takes_it_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, device_report())
    command = ["--bundle", str(FOLDER), "--import", str(path), "--require-measured"]
    assert main([*command, "--device", "iphone", "--save", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "iPhone 12, tiny 1" in shown
    assert "imported" in shown
    assert (tmp_path / "iphone-12" / "tiny-tflite-fp32.json").is_file()


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_report_with_any_part_replaced_is_taken_in_or_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    content = device_report()
    part: Any = content
    while True:
        keys = sorted(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(part[key], dict | list) and part[key] and data.draw(st.booleans()):
            part = part[key]
            continue
        part[key] = data.draw(JUNK)
        break
    try:
        reports = import_report(write(tmp_path, content), BUNDLE, None)
    except ReportError:
        return  # any other error fails the test
    assert all(report.network is not None and report.network.p50 > 0 for report in reports)
    assert all("/" not in report.device.name for report in reports)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "junk.json"
    path.write_bytes(junk)
    with pytest.raises(ReportError, match=r"junk\.json"):
        import_report(path, BUNDLE, None)
