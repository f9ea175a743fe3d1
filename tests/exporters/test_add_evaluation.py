"""What was measured on an exported file goes onto its bundle's model card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from distill.evaluation.reports.schema import load_evaluation
from exporters.bundle.add_evaluation import main as add_evaluation
from mf2_edge.bundle.loader import Bundle, load_bundle
from tests.helpers.exported import NAME, VERSION, pressed

EVALUATION = (
    Path(__file__).parents[2] / "benchmarks/results/mf2-edge-base/evaluation-tflite-fp32.json"
)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(pressed().bundle)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _evaluation(path: Path, version: str, sha256: str) -> Path:
    """The evaluation of the shipped file, as if it were of another."""
    raw = json.loads(EVALUATION.read_text())
    path.write_text(json.dumps(raw | {"bundle": NAME, "version": version, "sha256": sha256}))
    return path


def test_an_evaluation_goes_onto_the_card(bundle: Bundle, tmp_path: Path) -> None:
    digest = bundle.manifest.artifacts[0].sha256
    measured = str(_evaluation(tmp_path / "evaluation.json", VERSION, digest))
    folder = tmp_path / NAME
    shutil.copytree(bundle.path, folder)
    before = _content(folder)
    assert add_evaluation([str(folder), "--evaluation", measured]) == 0
    card = (folder / "README.md").read_text()
    assert add_evaluation([str(folder), "--evaluation", measured]) == 0
    assert (folder / "README.md").read_text() == card, "twice is once"
    renewed = {"README.md": b"", "manifest.json": b""}
    assert _content(folder) | renewed == before | renewed
    evaluation = load_evaluation(EVALUATION)
    measured_file, *others = load_bundle(folder).manifest.artifacts
    assert {a.split: a.value for a in measured_file.accuracy if a.dataset == "FER+"} == {
        part.split: part.accuracy.value for part in evaluation.emotions if part.dataset == "FER+"
    }
    unmeasured = msgspec.structs.replace(measured_file, accuracy=())
    assert (unmeasured, *others) == bundle.manifest.artifacts
    for section in ("Accuracy, as measured", "Limits", "Files", "Licence and data"):
        assert card.count(f"\n## {section}\n") == 1
    accuracy = evaluation.emotions[0].accuracy
    assert f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})" in card
    for section in ("Worse conditions", "Fairness", "Beside a human rater"):
        assert f"## {section}" in card
    assert all(one.what in card for one in evaluation.slices[0].conditions)
    assert all(f"- {line}" in card for line in evaluation.cannot_be_measured)
    assert f"(sha256 {digest[:12]})" in card
    assert "Not measured: nothing at hand" not in card


def test_an_evaluation_of_another_version_or_file_is_refused(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = bundle.manifest.artifacts[0].sha256, "0" * 64
    folder, file = tmp_path / NAME, tmp_path / "evaluation.json"
    shutil.copytree(bundle.path, folder)
    before = _content(folder)
    for version, digest in ((VERSION, other), ("9.9.9", own)):
        _evaluation(file, version, digest)
        assert add_evaluation([str(folder), "--evaluation", str(file)]) == 2
        told = capsys.readouterr().err
        assert f"is of {NAME} {version}, a file with sha256 {digest}; the bundle is {NAME}" in told
    file.write_text("{}")
    assert add_evaluation([str(folder), "--evaluation", str(file)]) == 2
    assert "what `distill evaluate --bundle` writes" in capsys.readouterr().err
    assert _content(folder) == before
