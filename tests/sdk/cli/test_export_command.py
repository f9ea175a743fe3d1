"""`mf2-edge export`: a folder that an app takes as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

import mf2_edge
from mf2_edge.analyzer import FaceStateAnalyzer
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.cli.main import main
from mf2_edge.export.code import example
from mf2_edge.export.platforms import PLATFORMS, choose_export
from tests.helpers.make_tiny_bundle import EMOTIONS, FOLDER, UNITS

ASTRONAUT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"

Captured = pytest.CaptureFixture[str]

DETECTORS = {"yunet_n", "blazeface_short_range"}
ALWAYS = {"labels.json", "manifest.json", "model.json", "goldens.npz", "NOTICE", "SHA256SUMS"}


def export(bundle: str | Path, out: Path, *more: str) -> int:
    return main(["export", "--bundle", str(bundle), "--out", str(out), *more])


def sums(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


@pytest.mark.parametrize(
    ("platform", "own"),
    [
        ("android", {"tiny.tflite", *DETECTORS, "code"}),
        ("cpp", {"tiny.tflite", *DETECTORS, "code"}),
        ("python", {"tiny.tflite", "code"}),
    ],
)
def test_a_folder_is_whole_and_verified(
    platform: str, own: set[str], tmp_path: Path, capsys: Captured
) -> None:
    out = tmp_path / "new" / "app"
    assert export(FOLDER, out, "--platform", platform) == 0
    told = capsys.readouterr()
    assert {path.name for path in out.iterdir()} == ALWAYS | own
    assert {Path(line).name for line in told.out.splitlines()} == ALWAYS | own
    assert "weights under Apache-2.0" in told.err
    files = {p.relative_to(out).as_posix(): p for p in out.rglob("*") if p.is_file()}
    listed = sums(out)
    assert set(listed) == set(files) - {"SHA256SUMS"}
    assert all(sha256(files[name].read_bytes()).hexdigest() == listed[name] for name in listed)
    assert main(["verify", str(out)]) == 0
    assert "FAILED" not in capsys.readouterr().out
    labels = json.loads((out / "labels.json").read_text())
    assert labels["emotion"] == EMOTIONS
    assert list(labels["action_units"]) == UNITS
    assert labels["action_units"]["AU12"] == "lip corner puller"
    for name in files:  # no test, no generator, nothing built
        assert not {"tests", "test", "Tests", "stubs", "build"} & set(Path(name).parts)
        assert Path(name).suffix not in {".py", ".pyc"} or name == "code/face_state.py"


def test_what_was_changed_or_lost_is_told(tmp_path: Path, capsys: Captured) -> None:
    assert export(FOLDER, tmp_path, "--platform", "android") == 0
    labels, notice = tmp_path / "labels.json", tmp_path / "NOTICE"
    labels.write_text(labels.read_text().replace("AU12", "AU13"))
    notice.unlink()
    capsys.readouterr()
    assert main(["verify", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "labels.json (sha256 differs)" in told
    assert "NOTICE (No such file or directory)" in told


def test_several_formats_share_a_folder(tmp_path: Path) -> None:
    assert export(FOLDER, tmp_path, "--format", "pte", "tflite", "--no-code") == 0
    assert not (tmp_path / "code").exists()
    manifest = load_bundle(tmp_path).manifest
    assert [artifact.file for artifact in manifest.artifacts] == ["tiny.pte", "tiny.tflite"]
    assert FaceStateAnalyzer(tmp_path).predict(ASTRONAUT)


def test_the_licence_of_the_weights_goes_along(tmp_path: Path) -> None:
    assert main(["export", "--format", "pte", "--out", str(tmp_path)]) == 0
    assert "non-commercial" in (tmp_path / "LICENSE").read_text()
    assert "BlazeFace" in (tmp_path / "NOTICE").read_text()
    assert "Apache License" in (tmp_path / "code" / "mf2-edge" / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--platform", "ios"), "holds no mlpackage; it holds: tflite fp32, pte fp32"),
        (("--format", "onnx"), "holds no onnx; it holds"),
        (
            ("--format", "tflite", "--precision", "int8"),
            "no tflite of precision int8; it holds: tflite fp32",
        ),
        (("--format", "pte", "--platform", "web"), "the binding for web runs tflite, not pte"),
        ((), "expected --platform or --format"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    more: tuple[str, ...], message: str, tmp_path: Path, capsys: Captured
) -> None:
    assert export(FOLDER, tmp_path / "app", *more) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_a_damaged_model_is_not_handed_on(tmp_path: Path, capsys: Captured) -> None:
    damaged = Path(shutil.copytree(FOLDER, tmp_path / "tiny"))
    data = bytearray((damaged / "tiny.tflite").read_bytes())
    data[-1] ^= 1
    (damaged / "tiny.tflite").write_bytes(data)
    assert export(damaged, tmp_path / "app", "--format", "tflite") == 2
    assert "sha256" in capsys.readouterr().err
    assert not (tmp_path / "app").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("")
    assert export(FOLDER, tmp_path / "file", "--format", "tflite") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_it_replaces_nothing_of_the_user_s(tmp_path: Path, capsys: Captured) -> None:
    """A project's own files, and code of an export that was changed since."""
    for name in ("NOTICE", "SHA256SUMS", "code/face_state.py"):
        project = tmp_path / name.replace("/", "-")
        mine = project / name
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")
        assert export(FOLDER, project, "--platform", "python") == 2
        assert "expected another folder" in capsys.readouterr().err
        assert [path for path in project.rglob("*") if path.is_file()] == [mine]
    out = tmp_path / "out"
    for _ in range(2):
        assert export(FOLDER, out, "--platform", "python") == 0
    (out / "SHA256SUMS").unlink()  # as if the export had been interrupted
    assert export(FOLDER, out, "--platform", "python") == 0
    code = out / "code" / "face_state.py"
    code.write_text(code.read_text() + "# changed\n")
    assert export(FOLDER, out, "--platform", "python") == 2
    assert "no export wrote it as it is" in capsys.readouterr().err
    assert code.read_text().endswith("# changed\n")


def test_no_converter_is_needed(tmp_path: Path) -> None:
    code = (
        "import sys; from mf2_edge.cli.main import main\n"
        f"main(['export', '--format', 'tflite', '--out', {str(tmp_path)!r}])\n"
        "heavy = ('torch', 'coremltools', 'onnx', 'onnxruntime', 'litert_torch', 'cv2')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_python_code_answers_as_the_sdk_does(tmp_path: Path) -> None:
    assert main(["export", "--platform", "python", "--out", str(tmp_path)]) == 0
    program = [sys.executable, str(tmp_path / "code" / "face_state.py"), str(ASTRONAUT)]
    ran = subprocess.run(program, capture_output=True, text=True, check=True)
    [face] = FaceStateAnalyzer().predict(ASTRONAUT)
    units = [unit for unit, state in face.action_units.items() if state.present]
    expected = f"{face.emotion.label} {face.emotion.score:.2f} {' '.join(units)}"
    assert ran.stdout.splitlines() == [f"{ASTRONAUT}: {expected}"]


def test_a_phone_gets_the_smallest_file_and_a_desk_the_first() -> None:
    manifest = load_bundle("mf2-edge-base").manifest
    of_format = [a for a in manifest.artifacts if a.format == "tflite"]
    assert choose_export(manifest, "tflite", "python") == of_format[0]
    for platform in ("android", "web"):
        chosen = choose_export(manifest, "tflite", platform)
        assert chosen == min(of_format, key=lambda artifact: artifact.bytes)
    assert choose_export(manifest, "tflite", "android", precision="fp32").precision == "fp32"


@pytest.mark.parametrize("name", ["ios", "android", "web", "cpp", "python"])
def test_every_platform_has_code_for_all_that_it_runs(name: str) -> None:
    bundle = load_bundle("mf2-edge-base")
    for kind in PLATFORMS[name].formats:
        artifact = choose_export(bundle.manifest, kind, name)
        _, code = example(bundle.manifest, artifact, name)
        assert bundle.manifest.license.name in code
        assert "research" in code


def test_an_mlpackage_is_unpacked_for_xcode(tmp_path: Path, capsys: Captured) -> None:
    package = tmp_path / "mf2-edge-base-fp16.mlpackage"
    for _ in range(2):  # the second time it replaces what is there, though it was not finished
        (tmp_path / "SHA256SUMS").unlink(missing_ok=True)
        assert export("mf2-edge-base", tmp_path, "--platform", "ios") == 0
        assert (package / "Manifest.json").is_file()
        assert (package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin").is_file()
    assert {path.name for path in tmp_path.iterdir()} == ALWAYS | {package.name, "LICENSE", "code"}
    assert 'forResource: "mf2-edge-base-fp16"' in (tmp_path / "code/FaceState.swift").read_text()
    assert (tmp_path / "code" / "MF2Edge" / "Package.swift").is_file()
    assert main(["verify", str(tmp_path)]) == 0
    weights = package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert main(["verify", str(tmp_path)]) == 1
    shutil.rmtree(package)
    package.mkdir()
    (package / "thesis.txt").write_text("years of work")
    assert export("mf2-edge-base", tmp_path, "--platform", "ios") == 2
    assert "thesis.txt: exists, and no export wrote it" in capsys.readouterr().err
    assert (package / "thesis.txt").exists()
