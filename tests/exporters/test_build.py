"""The exporter, from a checkpoint to a bundle that the SDK runs."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

import mf2_edge
from exporters.checks.goldens import golden_faces
from exporters.checks.run import here
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import CalibrationSpec
from mf2_edge.cli.main import main as command_line
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.verify import Outcome, verify_bundle
from tests.helpers.exported import (
    NAME,
    VERSION,
    calibration,
    exported_fp32,
    toy_recipe,
)

pytestmark = pytest.mark.slow

PORTRAIT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_fp32().bundle)


# The bundle


def test_the_bundle_holds_what_it_should(bundle: Bundle) -> None:
    assert {path.name for path in bundle.path.iterdir()} == {
        "LICENSE",
        "README.md",
        "goldens.npz",
        "manifest.json",
        "mf2-edge-base-fp32.pte",
        "mf2-edge-base-fp32.tflite",
        "model.json",
    }
    checks = verify_bundle(bundle)
    assert [check.outcome for check in checks] == [Outcome.OK] * len(checks)
    assert {check.name.split()[0] for check in checks} >= {"preprocess", "model", "decode"}


@pytest.mark.parametrize("runtime", ["litert", "executorch"])
def test_the_bundle_answers_as_the_network_does(bundle: Bundle, runtime: Any) -> None:
    # The first face of the goldens is this very face, cut out by what BlazeFace finds.
    analyzer = FaceStateAnalyzer(
        bundle, runtime=runtime, include_experimental=True, detector=BlazeFaceDetector()
    )
    (face,) = analyzer.predict(PORTRAIT)
    with np.load(bundle.path / "goldens.npz") as goldens:
        expected = dict(zip(face.emotion.scores, goldens["emotion_scores"][0], strict=True))
        units = goldens["au_scores"][0]
    assert dict(face.emotion.scores) == pytest.approx(expected, abs=1e-4)
    assert [unit.score for unit in face.action_units.values()] == pytest.approx(units, abs=1e-4)


def test_the_manifest_records_what_was_made(bundle: Bundle) -> None:
    manifest, recipe = bundle.manifest, toy_recipe(exported_fp32().folder)
    assert (manifest.name, manifest.version) == (NAME, VERSION)
    assert [a.format for a in manifest.artifacts] == ["tflite", "executorch"]
    assert [a.layout for a in manifest.artifacts] == ["NHWC", "NCHW"]
    for artifact in manifest.artifacts:
        data = (bundle.path / artifact.file).read_bytes()
        assert (artifact.bytes, artifact.sha256) == (len(data), sha256(data).hexdigest())
        assert artifact.parity is not None
        assert artifact.parity.images == 256
        assert artifact.parity.max_abs_difference <= 1e-4
        assert artifact.parity.psnr_db is not None
        assert artifact.parity.psnr_db > 80
        assert artifact.parity.engine in (f"litert on {here()}", f"executorch on {here()}")
        assert artifact.parity.data.startswith("256 real faces of toyfaces (split valid)")
        assert set(artifact.minimum_os) == {"android", "ios"}
    assert manifest.alignment == recipe.alignment
    assert manifest.preprocessing == recipe.preprocessing
    assert manifest.head("emotion").labels == recipe.emotions
    assert manifest.head("action_units").labels == recipe.action_units
    assert manifest.calibration == msgspec.convert(calibration(recipe), CalibrationSpec)
    assert [terms.terms for terms in manifest.license.data] == [
        d.terms for d in recipe.data.values()
    ]


def test_the_manifest_says_where_the_weights_come_from(bundle: Bundle) -> None:
    origin = bundle.manifest.provenance
    assert origin.data == {
        f"{name}.tar": sha256(name.encode()).hexdigest()
        for name in toy_recipe(exported_fp32().folder).data
    }
    assert origin.tools["torch"] == torch.__version__
    assert {"litert-torch", "executorch", "numpy", "python"} <= set(origin.tools)
    assert "stage toy" in origin.training_config


def test_no_path_of_this_machine_is_written(bundle: Bundle) -> None:
    for file in ("manifest.json", "README.md", "LICENSE"):
        assert str(exported_fp32().folder) not in (bundle.path / file).read_text()


def test_the_model_card_shows_figures_and_terms(bundle: Bundle) -> None:
    card = (bundle.path / "README.md").read_text()
    figure = "| toy \\| set | valid | fp32 | accuracy | 0.1250 | 0.0224 to 0.4709 | 8 | invented |"
    assert figure in card
    assert "Intervals: 95 % Wilson score interval." in card
    assert "| fear | 0.5000 | 0.0945 to 0.9055 |  | 2 |" in card
    assert "Article 5(1)(f) of Regulation (EU) 2024/1689" in card
    assert "Not measured: nothing at hand says the age" in card
    assert "AU12 (lip corner puller)" in card
    assert bundle.manifest.license.name in (bundle.path / "LICENSE").read_text()
    for terms in bundle.manifest.license.data:
        assert f"| {terms.name} | {terms.terms} |" in card
        assert f"- {terms.name}: {terms.terms}" in (bundle.path / "LICENSE").read_text()


def test_info_says_what_the_model_is_for_and_what_not(
    bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["info", "--bundle", str(bundle.path)]) == 0
    told = capsys.readouterr().out
    assert "  use           Research on facial state" in told
    assert "  not for       Inferring emotions of people at work or in education" in told
    assert "  limit         It describes what a face shows" in told
    assert "accuracy 0.125 [0.0224, 0.4709] (fp32; n=8; invented)" in told


def test_goldens_are_small_and_varied(bundle: Bundle) -> None:
    assert (bundle.path / "goldens.npz").stat().st_size < 600_000
    faces = golden_faces(bundle.manifest.alignment)
    with np.load(bundle.path / "goldens.npz") as goldens:
        assert np.array_equal(goldens["aligned"], faces)
        logits = goldens["emotion_logits"]
    distances = np.abs(logits[:, None] - logits[None]).max(axis=2)[~np.eye(len(faces), dtype=bool)]
    assert distances.min() > 0.01, "two goldens test the same thing"
