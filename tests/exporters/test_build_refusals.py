"""What leaves no bundle, or the old one: failures, bad input, full disks."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from distill.training.checkpoint import CheckpointError, load_network, save_network
from exporters.__main__ import main
from exporters.bundle import build
from exporters.bundle.convert import Conversion
from exporters.bundle.metadata import load_metadata
from exporters.bundle.staging import new_folder
from exporters.checks import parity
from exporters.checks.faces import FaceSet, load_faces, synthetic_faces
from exporters.errors import ConversionError, PackError
from exporters.formats.registry import FORMATS
from exporters.formats.spec import Export
from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec, Manifest
from tests.helpers.exported import (
    NAME,
    calibration,
    exported_fp32,
    lively_network,
    toy_recipe,
)

pytestmark = pytest.mark.slow


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


def test_a_bundle_takes_the_place_of_an_older_one_and_nothing_stays_beside_it(
    tmp_path: Path,
) -> None:
    for text in ("old", "new"):
        with new_folder(tmp_path / "b", MANIFEST, "bundle") as folder:
            (folder / MANIFEST).write_text(text)
    assert (tmp_path / "b" / MANIFEST).read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


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
