"""Accuracy beside latency: of that precision, and points lost against the teacher."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from benchmarks.tables.latency import saved_reports
from exporters.__main__ import main
from exporters.bundle.update import load_teacher
from mf2_edge.bench.accuracy import accuracy_of
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.bundle.schema import TeacherSpec
from tests.helpers.make_tiny_bundle import FOLDER

ROOT = Path(__file__).parents[2]
TEACHER = ROOT / "benchmarks" / "results" / "teacher.json"


def test_points_lost_are_those_of_the_same_faces_and_protocol() -> None:
    manifest = load_bundle(FOLDER).manifest
    [own] = manifest.accuracy
    better = msgspec.structs.replace(own, value=own.value + 0.02)
    other = msgspec.structs.replace(better, n=own.n + 1)
    for accuracy, lost in (((better,), 2.0), ((other,), None), ((), None)):
        teacher = TeacherSpec(name="t", accuracy=accuracy)
        taught = msgspec.structs.replace(manifest, teacher=teacher)
        [judged] = accuracy_of(taught, "tiny.tflite", "fp32")
        assert judged.value == own.value
        assert judged.points_lost == (lost if lost is None else pytest.approx(lost))


def test_a_precision_that_was_not_measured_has_the_accuracy_of_another_and_says_so() -> None:
    manifest = load_bundle(FOLDER).manifest
    [own] = manifest.accuracy
    [judged] = accuracy_of(manifest, "tiny.tflite", "int8")
    assert (judged.value, judged.precision) == (own.value, "fp32")
    [judged] = accuracy_of(manifest, "tiny.tflite", "fp32")
    assert (judged.value, judged.precision) == (own.value, None)
    bare = msgspec.structs.replace(manifest, accuracy=())
    assert accuracy_of(bare, "tiny.tflite", "fp32") == ()


def test_what_was_measured_on_the_file_itself_goes_first() -> None:
    manifest = load_bundle(FOLDER).manifest
    [own] = manifest.accuracy
    measured = msgspec.structs.replace(own, value=0.25)
    artifact = msgspec.structs.replace(manifest.artifacts[0], accuracy=(measured,))
    manifest = msgspec.structs.replace(manifest, artifacts=(artifact, *manifest.artifacts[1:]))
    found = {file: accuracy_of(manifest, file, "fp32") for file in (artifact.file, "another.pte")}
    assert [judged.value for [judged] in found.values()] == [0.25, own.value]


def test_the_command_writes_the_teacher_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(FOLDER, folder)
    before = json.loads((folder / "manifest.json").read_text())
    assert main(["update", str(folder), "--teacher", str(TEACHER)]) == 0
    once = (folder / "manifest.json").read_bytes()
    after = json.loads(once)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {"teacher"}
    assert load_bundle(folder).manifest.teacher == load_teacher(TEACHER)
    assert main(["update", str(folder), "--teacher", str(TEACHER)]) == 0
    assert (folder / "manifest.json").read_bytes() == once


def test_a_file_of_something_else_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(FOLDER, folder)
    for content, said in (("{}", "expected what `distill teacher` writes"), ("[]", "no row")):
        (tmp_path / "t.json").write_text(content)
        assert main(["update", str(folder), "--teacher", str(tmp_path / "t.json")]) == 2
        assert said in capsys.readouterr().err
    assert (folder / "manifest.json").read_bytes() == (FOLDER / "manifest.json").read_bytes()


@pytest.mark.parametrize("bundle", list_bundles())
def test_a_bundle_that_names_a_teacher_has_that_of_the_results_file(bundle: str) -> None:
    assert load_bundle(bundle).manifest.teacher in (None, load_teacher(TEACHER))


def test_saved_reports_are_of_files_that_ship() -> None:
    """`make bench` measures a new file; the old one's figures may not stand beside it."""
    for report in saved_reports():
        shipped = {a.sha256 for a in load_bundle(report.model.bundle).manifest.artifacts}
        assert report.model.sha256 in shipped
        assert (report.device.name == "host") == (report.provenance == "measured-host")
