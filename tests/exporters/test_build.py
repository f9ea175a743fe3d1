"""The exporter, from a checkpoint to a bundle that the SDK runs."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

import mf2_edge
from distill.training.checkpoint import CheckpointError, load_network, save_network
from exporters.__main__ import main
from exporters.bundle import build
from exporters.bundle.convert import Conversion
from exporters.bundle.metadata import load_metadata
from exporters.bundle.staging import new_folder
from exporters.checks import parity
from exporters.checks.faces import FaceSet, load_faces, synthetic_faces
from exporters.checks.goldens import golden_faces
from exporters.checks.run import here
from exporters.errors import ConversionError, PackError
from exporters.formats.registry import FORMATS
from exporters.formats.spec import Export
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import MANIFEST, Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec, CalibrationSpec, Manifest
from mf2_edge.cli.main import main as command_line
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.verify import Outcome, verify_bundle
from tests.helpers.exported import (
    NAME,
    VERSION,
    calibration,
    exported_fp32,
    lively_network,
    toy_recipe,
)

pytestmark = pytest.mark.slow

PORTRAIT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_fp32().bundle)


@pytest.fixture
def no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand over the session's artifacts instead of converting again; compare on 8 faces."""

    def copy(
        checkpoint: Path,
        export: Export,
        manifest: Manifest,
        artifact: ArtifactSpec,
        folder: Path,
        *,
        partial: bool,
    ) -> Conversion:
        shutil.copy(exported_fp32().bundle / artifact.file, folder)
        return Conversion({}, 0.0)

    def few(faces: FaceSet) -> FaceSet:
        return replace(faces, images=faces.images[:8])

    monkeypatch.setattr(build, "convert", copy)
    monkeypatch.setattr(build, "load_faces", lambda *place: few(load_faces(*place)))
    monkeypatch.setattr(build, "synthetic_faces", lambda *size: few(synthetic_faces(*size)))
    monkeypatch.setattr(parity, "MIN_FACES", 8)


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


# Refusals


def test_wrong_weights_leave_no_bundle(
    no_conversion: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The session's artifacts are not those of this checkpoint."""
    recipe = toy_recipe(tmp_path)
    other = tmp_path / "other.pt"
    save_network(lively_network(recipe, seed=1), recipe, "toy", other)
    parent = tmp_path / "bundles"
    old = parent / NAME
    shutil.copytree(exported_fp32().bundle, old)
    before = _content(old)

    assert main(exported_fp32().arguments(old, checkpoint=other)) == 2
    assert "mf2-edge-base-fp32.tflite differs from the network" in capsys.readouterr().err
    assert _content(old) == before
    assert list(parent.iterdir()) == [old]

    shutil.rmtree(old)
    assert main(exported_fp32().arguments(old, checkpoint=other)) == 2
    assert list(parent.iterdir()) == []


def test_a_bundle_is_replaced_by_a_sound_one(no_conversion: None, tmp_path: Path) -> None:
    old = tmp_path / NAME
    shutil.copytree(exported_fp32().bundle, old)
    (old / "left-over").write_text("from an older version")
    assert main(exported_fp32().arguments(old, version="2")) == 0
    assert load_bundle(old).manifest.version == "2"
    assert not (old / "left-over").exists()
    assert list(tmp_path.iterdir()) == [old]
    assert old.stat().st_mode & 0o777 == 0o755


def test_one_failure_does_not_keep_the_others_from_being_judged(
    no_conversion: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_tflite(
        checkpoint: Path,
        export: Export,
        manifest: Manifest,
        artifact: ArtifactSpec,
        folder: Path,
        *,
        partial: bool,
    ) -> Conversion:
        if artifact.format == "tflite":
            raise ConversionError("no such kernel")
        shutil.copy(exported_fp32().bundle / artifact.file, folder)
        return Conversion({}, 0.0)

    monkeypatch.setattr(build, "convert", no_tflite)
    assert main(exported_fp32().arguments(tmp_path / "b" / NAME)) == 2
    told = capsys.readouterr().err
    assert "1 of 2 artifacts failed, so no bundle was written" in told
    assert "passed  mf2-edge-base-fp32.pte" in told
    assert "failed  mf2-edge-base-fp32.tflite: no such kernel" in told
    assert list((tmp_path / "b").iterdir()) == []


def test_ctrl_c_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(
        checkpoint: Path,
        export: Export,
        manifest: Manifest,
        artifact: ArtifactSpec,
        folder: Path,
        *,
        partial: bool,
    ) -> Conversion:
        (folder / artifact.file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "convert", interrupted)
    assert main(exported_fp32().arguments(tmp_path / "b" / NAME)) == 130
    assert "interrupted, nothing was written" in capsys.readouterr().err
    assert list((tmp_path / "b").iterdir()) == []


def test_a_full_disk_leaves_nothing(
    no_conversion: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file may grow beyond 100 kB here, which the system reports as it does a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    arguments = exported_fp32().arguments(tmp_path / "b" / NAME)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        assert main(arguments) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in capsys.readouterr().err
    assert list((tmp_path / "b").iterdir()) == []


def test_a_missing_converter_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without coremltools, in the converter's own process."""
    (tmp_path / "coremltools.py").write_text("raise ImportError('no such package')")
    monkeypatch.syspath_prepend(tmp_path)  # the process gets this one's path
    few = synthetic_faces(112, 112)
    monkeypatch.setattr(build, "load_faces", lambda *_: replace(few, images=few.images[:8]))
    monkeypatch.setattr(parity, "MIN_FACES", 8)
    assert main([*exported_fp32().arguments(tmp_path / "b" / NAME), "--to", "coreml:fp16"]) == 2
    told = capsys.readouterr().err
    assert "coremltools cannot be imported" in told
    assert "pip install 'mf2-edge[export]'" in told
    assert list((tmp_path / "b").iterdir()) == []


def test_a_folder_that_is_no_bundle_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(PackError, match="exists and is no bundle"),
        new_folder(tmp_path, MANIFEST, "bundle"),
    ):
        pytest.fail("got in")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out": "elsewhere"}, "folder elsewhere; expected the same"),
        ({"to": "gguf"}, "--to gguf with --precision fp32: not made here; .* tflite:fp32, "),
        ({"to": "gguf:fp16"}, "--to gguf:fp16: not made here; expected some of tflite:fp32, "),
        ({"to": "executorch", "precision": "fp16"}, "executorch with --precision fp16: not made"),
        ({"to": "tflite", "precision": "int8"}, "int8 needs the network in integers"),
        ({"to": "tflite:int8"}, "int8 needs the network in integers"),
        ({"to": "coreml", "ios": "12"}, "iOS 12: expected a deployment target of 15, 16"),
        ({"to": "executorch:fp64"}, "executorch:fp64: not made here; expected some of"),
        ({"calibration": "results.json"}, "calibration that `distill calibrate` writes"),
        ({"results": "missing.json"}, "No such file"),
        ({"metadata": "bad.toml"}, "unknown field `mood`"),
        ({"checkpoint": "results.json"}, "not a PyTorch checkpoint"),
        ({"checkpoint": "other.pt"}, "another architecture"),
        ({"calibration": "partial.json"}, "differ in \\['AU43'\\]"),
        ({"faces": "missing"}, "not a folder of aligned faces"),
    ],
)
def test_bad_input_is_refused_before_any_conversion(
    changes: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(build, "convert", lambda *_: pytest.fail("converted"))
    monkeypatch.chdir(_bad_files(tmp_path))
    assert main(exported_fp32().arguments(Path(NAME), **changes)) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not Path(NAME).exists()


def test_faces_must_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = exported_fp32().arguments(Path(NAME))
    place = arguments.index("--faces")
    with pytest.raises(SystemExit) as refusal:
        main(arguments[:place] + arguments[place + 2 :])
    assert refusal.value.code == 2
    assert "--faces --synthetic-faces is required" in capsys.readouterr().err


def test_synthetic_faces_are_owned_up_to(no_conversion: None, tmp_path: Path) -> None:
    arguments = exported_fp32().arguments(tmp_path / NAME)
    place = arguments.index("--faces")
    assert main([*arguments[:place], *arguments[place + 2 :], "--synthetic-faces"]) == 0
    figures = load_bundle(tmp_path / NAME).manifest.artifacts[0].parity
    assert figures is not None
    assert "256 synthetic pictures, no real faces" in figures.data


def test_wrong_checkpoints_raise_checkpoint_errors(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train one first"):
        load_network(tmp_path / "none.pt")


def test_help_loads_no_framework() -> None:
    code = (
        "import sys; from exporters.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'litert_torch', 'executorch', 'cv2') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert ran.stdout.splitlines()[-1] == "[]"


def test_metadata_of_shipped_bundles_are_readable() -> None:
    shipped = Path(build.__file__).parent / "configs"
    for file in shipped.glob("*.toml"):
        metadata = load_metadata(file)
        assert metadata.name == file.stem
        assert set(metadata.minimum_os) <= {row.format for row in FORMATS.values()}


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _bad_files(folder: Path) -> Path:
    """Files that are each wrong in one way."""
    good, recipe = exported_fp32().folder, toy_recipe(folder)
    (folder / "results.json").write_bytes((good / "results.json").read_bytes())
    shipped = (Path(build.__file__).parent / "configs" / f"{NAME}.toml").read_text()
    (folder / "bad.toml").write_text('mood = "good"\n' + shipped)
    partial = calibration(recipe)
    units = partial["action_units"]
    assert isinstance(units, dict)
    del units["AU43"]
    (folder / "partial.json").write_bytes(msgspec.json.encode(partial))
    fewer = msgspec.structs.replace(recipe, emotions=recipe.emotions[:7])
    network = lively_network(recipe, seed=0)
    save_network(network, fewer, "toy", folder / "other.pt")
    return folder
