"""The host runner: real processes, a real bundle, and what the command line shows and keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from mf2_edge.bench.errors import ReportError
from mf2_edge.bench.estimate.graph_work import read_work
from mf2_edge.bench.measure.machine import energy_between, noise
from mf2_edge.bench.render.page import page
from mf2_edge.bench.render.table import Result
from mf2_edge.bench.report import Report, read_report
from mf2_edge.bundle.loader import load_bundle
from tests.bench.bench_command import main
from tests.helpers.make_tiny_bundle import FOLDER, HEADS, SIZE


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one quick run of both engines wrote."""
    folder = tmp_path_factory.mktemp("bench")
    command = ["--bundle", str(FOLDER), "--quick", "--json", str(folder / "all.json")]
    assert main([*command, "--html", str(folder / "a.html"), "--save", str(folder / "r")]) == 0
    return folder


@pytest.fixture(scope="module")
def reports(written: Path) -> tuple[Report, ...]:
    return msgspec.json.decode((written / "all.json").read_bytes(), type=tuple[Report, ...])


@pytest.mark.slow
def test_each_engine_is_measured_pinned_and_whole(reports: tuple[Report, ...]) -> None:
    assert [r.model.format for r in reports] == ["tflite", "executorch"]
    for report in reports:
        assert (report.provenance, report.device.name) == ("measured-host", "host")
        network = report.network
        assert network is not None
        assert network.p90 is not None
        assert network.p99 is not None
        assert 0 < network.p50 <= network.p90 <= network.p99
        assert 0 < network.queries <= 64
        assert report.conditions.pinned in (True, None)
        assert len(report.conditions.cpus) == 1
        assert {"predict", "detect", "align", "preprocess", "run", "decode"} <= set(report.stages)
        assert report.stages["predict"].p50 > report.stages["run"].p50
        assert report.load_ms is not None
        assert report.cold_start_ms is not None
        assert report.load_ms <= report.cold_start_ms
        assert report.roofline is not None
        assert report.roofline.limit in ("arithmetic", "memory")


@pytest.mark.slow
def test_files_lie_by_device_and_bear_the_bundles_hash(
    written: Path, reports: tuple[Report, ...]
) -> None:
    found = read_report(written / "r" / "host" / "tiny-tflite-fp32.json")
    assert found == reports[0]
    assert found.model.bundle_sha256 == load_bundle(FOLDER).manifest_sha256
    assert found.model.sha256 == load_bundle(FOLDER).select("tflite").sha256


def test_a_report_of_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"kind": "stages"}')
    with pytest.raises(ReportError, match=r"other\.json: .*expected a report of `mf2-edge bench`"):
        read_report(other)
    with pytest.raises(ReportError, match="cannot be read"):
        read_report(tmp_path / "none.json")


@pytest.mark.slow
def test_the_page_needs_no_network_and_can_be_read_aloud(
    written: Path, reports: tuple[Report, ...]
) -> None:
    html = (written / "a.html").read_text()
    assert not re.search("https?:", html)
    assert "<script" not in html
    assert "prefers-color-scheme: dark" in html
    assert html.count('scope="col"') == 11 + html.count('class="accuracy"') * 2
    assert 'role="img" aria-labelledby="front0-desk-t front0-desk-d"' in html
    assert "tflite fp32:" in html.split('<desc id="front0-phone-d">')[1].split("</desc>")[0]
    # Nothing of a report gets into the page as markup.
    odd = msgspec.structs.replace(reports[0], method="<script>alert(1)</script>")
    assert "<script" not in page([Result(load_bundle(FOLDER), (odd,))])


def test_wrong_wishes_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    for wish, said in (
        (["--device", "iphon-12"], "did you mean iphone-12?"),
        (["--format", "onnx"], "holds no onnx; it holds: tflite fp32, executorch fp32"),
        (["--precision", "int8"], "holds no int8; it holds"),
        (["--bundle", "/nowhere/b"], "cannot be read"),
    ):
        assert main(["--bundle", str(FOLDER), *wish]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--format", "caffe"])


def test_work_is_that_of_the_file() -> None:
    bundle = load_bundle(FOLDER)
    artifact = bundle.select("tflite")
    work = read_work(bundle.read(artifact), source="tiny")
    # One mean over the picture, then a linear layer from 3 colours to the labels of each head.
    heads, labels = len(HEADS), sum(map(len, HEADS.values()))
    assert (work.operators, work.plain) == (1 + heads, heads)
    assert (work.dense_macs, work.depthwise_macs) == (3 * labels, 0)
    assert work.moved == 3 * SIZE * SIZE + 3 + heads * 3 + labels
    assert work.weights == 2 + (3 + 1) * labels
    with pytest.raises(ValueError, match=r"x\.pte: not a \.tflite file"):
        read_work(b"1234ET12 and more", source="x.pte")
    with pytest.raises(ValueError, match="x: "):
        read_work(bundle.read(artifact)[:200], source="x")


def test_noise_is_named_and_quiet_is_quiet() -> None:
    quiet = list(np.full(8, 5.0))
    assert noise(load=0.1, steal_s=0, cpu_share=0.99, threads=1, round_medians=quiet) == ()
    loud = noise(
        load=3.0, steal_s=2.0, cpu_share=0.6, threads=1, round_medians=[5.0, 5.0, 9.0, 9.0, 12.0]
    )
    assert [line.split()[0] for line in loud] == ["load", "the", "had", "medians"]


def test_energy_is_unknown_where_the_counter_is() -> None:
    assert energy_between(None, 5) is None
    assert energy_between(5, 12) == 7


def test_the_schema_for_phones_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    phone = schema["$defs"]["Phone"]["required"]
    assert {"model", "os_version", "thermal_before", "thermal_after", "low_power_mode"} <= set(
        phone
    )
