"""Updates of a bundle that exists: evaluation, metadata, teacher."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from distill.config import load_recipe
from distill.evaluation.reports.schema import load_evaluation
from distill.networks.architectures import build_network
from distill.networks.export_net import network_size
from exporters.__main__ import main
from exporters.bundle.metadata import CONFIGS, card_spec, load_metadata
from exporters.bundle.model_card import model_card
from mf2_edge.bundle.loader import Bundle, list_bundles, load_bundle
from mf2_edge.bundle.schema import SizeSpec
from tests.helpers.exported import NAME, VERSION, exported_fp32
from tests.helpers.make_tiny_bundle import FOLDER as TINY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
RECIPES = ROOT / "distill" / "configs"
EVALUATION = RESULTS / "mf2-edge-base" / "evaluation-tflite-fp32.json"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_fp32().bundle)


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
    assert main(["update", str(folder), "--evaluation", measured]) == 0
    card = (folder / "README.md").read_text()
    assert main(["update", str(folder), "--evaluation", measured]) == 0
    assert (folder / "README.md").read_text() == card, "twice is once"
    renewed = {"README.md": b"", "manifest.json": b"", "model.json": b""}
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
    assert all(one.what in card for part in evaluation.slices for one in part.conditions)
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
        assert main(["update", str(folder), "--evaluation", str(file)]) == 2
        told = capsys.readouterr().err
        assert f"is of {NAME} {version}, a file with sha256 {digest}; the bundle is {NAME}" in told
    file.write_text("{}")
    assert main(["update", str(folder), "--evaluation", str(file)]) == 2
    assert "what `distill evaluate --bundle` writes" in capsys.readouterr().err
    assert _content(folder) == before


# Metadata


@pytest.mark.parametrize("name", list_bundles())
def test_a_shipped_bundle_states_its_metadata_and_its_size(name: str) -> None:
    manifest, metadata = load_bundle(name).manifest, load_metadata(CONFIGS / f"{name}.toml")
    assert manifest.version == metadata.version
    assert manifest.card == card_spec(metadata)
    recipe = load_recipe(RECIPES / f"{name}.toml")
    if manifest.head("action_units").labels != recipe.action_units:
        return  # it was trained by the recipe of an earlier release
    size = network_size(build_network(recipe), recipe.alignment)
    assert manifest.size == SizeSpec(parameters=size.parameters, multiply_adds=size.macs)


def test_metadata_are_renewed_and_all_else_stays(tmp_path: Path) -> None:
    shipped, folder = load_bundle("mf2-edge-base"), tmp_path / "mf2-edge-base"
    shutil.copytree(shipped.path, folder)
    manifest = folder / "manifest.json"
    before = manifest.read_text()
    manifest.write_text(before.replace(shipped.manifest.description, "Something else."))
    assert main(["update", str(folder), "--metadata"]) == 0
    assert manifest.read_text() == before
    card = (folder / "README.md").read_text()
    assert "forbidden in the European Union" in card
    assert f"`{shipped.manifest.artifacts[0].file}`" in card


def test_reliability_is_told_in_manifest_and_card(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(TINY, folder)
    figure = {"f1": 0.81, "recall": 0.77, "n": 800, "support": 90, "data": "faces of the test"}
    unit, other = load_bundle(folder).manifest.head("action_units").labels[:2]
    file = tmp_path / "reliability.json"
    file.write_text(json.dumps({"action_units": {unit: {"world": figure}}}))
    assert main(["update", str(folder), "--reliability", str(file)]) == 0
    told = load_bundle(folder).manifest.reliability_of(unit)
    assert told is not None
    assert told.world is not None
    assert (told.world.f1, told.world.n, told.laboratory) == (0.81, 800, None)
    assert load_bundle(folder).manifest.reliability_of(other) is None
    metadata = load_metadata(CONFIGS / "mf2-edge-base.toml")
    card = model_card(metadata, load_bundle(folder).manifest)
    assert f"| {unit} | world | 0.810 | 0.770 | 90 | 800 | faces of the test |" in card
    assert "told only with `include_experimental=True` or `--experimental`: AU14" in card
    before = _content(folder)
    file.write_text(json.dumps({"action_units": {"AU11": {"world": figure}}}))
    assert main(["update", str(folder), "--reliability", str(file)]) == 2
    file.write_text(json.dumps({"action_units": {unit: {"world": figure | {"f1": 2}}}}))
    assert main(["update", str(folder), "--reliability", str(file)]) == 2
    assert _content(folder) == before


def test_what_only_an_export_can_make_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mf2-edge-m"
    shutil.copytree(load_bundle("mf2-edge-m").path, folder)
    assert main(["update", str(folder), "--metadata"]) == 2
    assert "export it again" in capsys.readouterr().err
    assert main(["update", str(tmp_path / "nothing"), "--metadata"]) == 2


def test_an_update_must_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["update", str(tmp_path)])
