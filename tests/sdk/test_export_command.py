"""`mf2-edge export`: a model out of a bundle, with code that runs it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.cli.main import main
from mf2_edge.export.snippet import snippet
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.verify import GOLDEN_NAMES
from tests.helpers.exported import exported_more
from tests.helpers.make_tiny_bundle import EMOTIONS, FOLDER, UNITS

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def more() -> Bundle:
    return load_bundle(exported_more())


def export(bundle: Path, kind: str, out: Path, *more: str) -> int:
    return main(["export", "--bundle", str(bundle), "--format", kind, "--out", str(out), *more])


@pytest.mark.parametrize("kind", ["tflite", "pte"])
def test_what_is_written_and_listed(kind: str, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "new" / "app"
    assert export(FOLDER, kind, out) == 0
    told = capsys.readouterr()
    names = {f"tiny.{kind}", "labels.json", "manifest.json", "FaceState.kt"}
    assert {path.name for path in out.iterdir()} == names
    assert {Path(line).name for line in told.out.splitlines()} == names
    assert "weights under Apache-2.0" in told.err
    assert (out / f"tiny.{kind}").read_bytes() == (FOLDER / f"tiny.{kind}").read_bytes()
    labels = json.loads((out / "labels.json").read_text())
    assert labels["emotion"] == EMOTIONS
    assert list(labels["action_units"]) == UNITS
    assert labels["action_units"]["AU12"] == "lip corner puller"


def test_the_licence_of_the_weights_goes_along(tmp_path: Path) -> None:
    assert main(["export", "--format", "pte", "--out", str(tmp_path)]) == 0
    assert "non-commercial" in (tmp_path / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("kind", "more", "message"),
    [
        ("mlpackage", (), "holds no mlpackage; it holds: tflite fp32, pte fp32"),
        ("onnx", (), "holds no onnx; it holds"),
        ("tflite", ("--precision", "int8"), "no tflite of precision int8; it holds: tflite fp32"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    kind: str, more: tuple[str, ...], message: str, tmp_path: Path, capsys: Captured
) -> None:
    assert export(FOLDER, kind, tmp_path / "app", *more) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_a_damaged_model_is_not_handed_on(tmp_path: Path, capsys: Captured) -> None:
    damaged = Path(shutil.copytree(FOLDER, tmp_path / "tiny"))
    data = bytearray((damaged / "tiny.tflite").read_bytes())
    data[-1] ^= 1
    (damaged / "tiny.tflite").write_bytes(data)
    assert export(damaged, "tflite", tmp_path / "app") == 2
    assert "sha256" in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("")
    assert export(FOLDER, "tflite", tmp_path / "file") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_no_converter_is_needed(tmp_path: Path) -> None:
    code = (
        "import sys; from mf2_edge.cli.main import main\n"
        f"main(['export', '--format', 'tflite', '--out', {str(tmp_path)!r}])\n"
        "heavy = ('torch', 'coremltools', 'onnx', 'onnxruntime', 'litert_torch', 'cv2')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_python_code_answers_as_the_sdk_does(more: Bundle, tmp_path: Path) -> None:
    assert export(more.path, "onnx", tmp_path) == 0
    with np.load(more.path / "goldens.npz") as goldens:
        np.save(tmp_path / "face.npy", goldens["aligned"][0])
        heads = sorted(more.manifest.heads, key=lambda head: head.output)
        logits = [goldens[f"{GOLDEN_NAMES[head.name]}_logits"][:1] for head in heads]
    program = "import json, numpy; from face_state import *\n"
    program += "print(json.dumps(face_state(numpy.load('face.npy'))))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    emotion, units = json.loads(ran.stdout)
    expected, states, _ = Decoder(more.manifest).decode(logits)
    assert emotion == pytest.approx(dict(expected.scores), abs=1e-4)
    assert list(units) == list(states)
    for label, state in states.items():
        assert units[label] == [pytest.approx(state.score, abs=1e-4), state.present]


@pytest.mark.slow
def test_code_holds_the_numbers_of_the_manifest(more: Bundle) -> None:
    manifest = more.manifest
    tiny = load_bundle(FOLDER)
    artifacts = [(more, a) for a in more.manifest.artifacts]
    artifacts += [(tiny, a) for a in tiny.manifest.artifacts]
    for bundle, artifact in artifacts:
        manifest = bundle.manifest
        _, text = snippet(manifest, artifact, "model.file")
        assert re.findall(r"%\w+", text) == [], f"{artifact.format}: a value was forgotten"
        assert ", ".join(f'"{label}"' for label in manifest.head("emotion").labels) in text
        rows = re.findall(r'\("(AU\d+)", ([^()]+)\)', text)
        assert [label for label, _ in rows] == list(manifest.head("action_units").labels)
        for label, numbers in rows:
            fit = manifest.calibration.action_units[label]
            found = [float(number) for number in numbers.split(",")]
            assert found == [fit.scale, fit.bias]
        assert repr(manifest.calibration.emotion.temperature) in text
        assert ("MEAN" in text) == (artifact.input == "tensor")


@pytest.mark.slow
def test_kotlin_follows_the_layout_of_the_artifact(more: Bundle) -> None:
    _, last = snippet(more.manifest, more.select("tflite"), "m.tflite")
    assert "normalised(pixels[it / 3], it.mod(3))" in last
    tiny = load_bundle(FOLDER)
    _, first = snippet(tiny.manifest, tiny.select("executorch"), "m.pte")
    assert "normalised(pixels[it.mod(area)], it / area)" in first
    assert "longArrayOf(1, 3, HEIGHT.toLong(), WIDTH.toLong())" in first


@pytest.mark.slow
def test_an_mlpackage_is_unpacked_for_xcode(more: Bundle, tmp_path: Path, capsys: Captured) -> None:
    package = tmp_path / "mf2-edge-base-fp16.mlpackage"
    for _ in range(2):  # the second time it replaces what is there
        assert export(more.path, "mlpackage", tmp_path) == 0
        assert (package / "Manifest.json").is_file()
        assert (package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {
        package.name, "labels.json", "manifest.json", "FaceState.swift", "LICENSE"
    }  # fmt: skip
    assert 'forResource: "mf2-edge-base-fp16"' in (tmp_path / "FaceState.swift").read_text()
    shutil.rmtree(package)
    package.mkdir()
    (package / "thesis.txt").write_text("years of work")
    assert export(more.path, "mlpackage", tmp_path) == 2
    assert "is no .mlpackage" in capsys.readouterr().err
    assert (package / "thesis.txt").exists()
