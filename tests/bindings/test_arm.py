"""64-bit ARM: the last results of `make arm`; with MF2_EDGE_ARM set, the C++ binding in emulation.

The emulation takes an hour or more, so that the suite reads its results. They are of the bundles
that were shipped when it ran: a result of another bundle is skipped, and the skip says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.arm.__main__ import FORMATS, RESULTS, is_alike
from benchmarks.arm.emulator import CPUS, Emulator, EmulatorError, cache_folder, prepare
from mf2_edge.bundle.loader import list_bundles, load_bundle
from tests.bindings.test_cpp import STATUS
from tests.helpers.bindings.replay import (
    DETECTORS,
    ROOT,
    broken_models,
    check_stream,
    copy_model,
    decisions,
    lay_out,
    report,
)

CPP: Final = ROOT / "bindings" / "cpp"
CPU: Final = "cortex-a76"

emulated = [
    pytest.mark.skipif("MF2_EDGE_ARM" not in os.environ, reason="slow: run `make arm`"),
    pytest.mark.slow,
]


def result_of(name: str) -> dict[str, Any]:
    """The last result of the files that ship; skips if there is none."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"{name} was never run on ARM; run `make arm`")
    result: dict[str, Any] = json.loads(path.read_text())
    shipped = {a.file: a.sha256 for a in load_bundle(name).manifest.artifacts}
    if any(shipped.get(file["file"]) != file["sha256"] for file in result["files"]):
        pytest.skip(f"{name} changed since it ran on ARM on {result['date']}; run `make arm`")
    return result


@pytest.mark.parametrize("name", list_bundles())
def test_every_file_decides_on_arm_as_here(name: str) -> None:
    result = result_of(name)
    run = {file["file"]: {run["cpu"] for run in file["runs"]} for file in result["files"]}
    expected = [a.file for a in load_bundle(name).manifest.artifacts if a.format in FORMATS]
    assert run == {file: set(CPUS) for file in expected}
    assert is_alike(result), result


def test_a_result_that_is_not_alike_is_found() -> None:
    run = {"goldens": "OK", "emotion_agreement": 1.0, "au_agreement": 1.0}
    result = {"files": [{"runs": [run]}], "other_checks": [{"align": "OK"}]}
    assert is_alike(result)
    for changed in ({"goldens": "FAILED"}, {"emotion_agreement": 0.99}, {"au_agreement": 0.99}):
        assert not is_alike({**result, "files": [{"runs": [run, {**run, **changed}]}]})
    assert not is_alike({**result, "other_checks": [{"align": "FAILED"}]})
    assert not is_alike({**result, "files": []})


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def emulator() -> Emulator:
    try:
        return prepare(cache_folder())
    except EmulatorError as error:
        pytest.skip(f"ARM cannot be emulated here: {error}")


@pytest.fixture(scope="module")
def programs() -> Path:
    """The C++ binding's test programs for aarch64."""
    if shutil.which("aarch64-linux-gnu-g++") is None or shutil.which("cmake") is None:
        pytest.skip("not installed: g++-aarch64-linux-gnu, cmake")
    folder = CPP / "build" / "aarch64"
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={CPP / 'aarch64-linux-gnu.cmake'}"
    build = ("-DMF2_EDGE_TESTS=ON", "-DBUILD_SHARED_LIBS=ON")
    for command in (
        ("cmake", "-S", CPP, "-B", folder, *build, toolchain),
        ("cmake", "--build", folder, "-j", "2"),
    ):
        done = _run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def litert_of(emulator: Emulator) -> Path:
    """LiteRT's library of the aarch64 wheel."""
    return emulator.packages[0] / "ai_edge_litert" / "libLiteRt.so"


def emulate(emulator: Emulator, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the C++ binding, with LiteRT's library of the aarch64 wheel."""
    head, *rest = emulator.command(CPU, Path(arguments[0]), *arguments[1:])
    return _run(head, "-E", f"MF2_EDGE_LITERT={litert_of(emulator)}", *rest)


class TestCpp:
    """The C++ binding, cross-compiled."""

    pytestmark = emulated

    def test_goldens_and_faces_are_answered_as_in_python(
        self, emulator: Emulator, programs: Path, tmp_path: Path
    ) -> None:
        expected = lay_out(tmp_path)
        model = copy_model(tmp_path / "model")
        done = emulate(emulator, programs / "tests" / "replay", model, DETECTORS, tmp_path)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        made = report("cpp", found, skipped={})
        assert {stage["outcome"] for stage in made["stages"].values()} == {"passed"}, made
        for ours, theirs in zip(found["states"], expected, strict=True):
            assert decisions(ours) == decisions(theirs)
        check_stream(found["stream"])

    def test_bad_input_gets_a_status(
        self, emulator: Emulator, programs: Path, tmp_path: Path
    ) -> None:
        model = copy_model(tmp_path / "model")
        broken = broken_models(model, tmp_path)
        pairs = [part for name, path in broken.items() for part in (path, str(STATUS[name]))]
        done = emulate(emulator, programs / "tests" / "abi_test", model, *pairs)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_the_library_fits_pages_of_16_kb(self, programs: Path) -> None:
        [library] = programs.glob("libmf2_edge.so*")
        told = _run("aarch64-linux-gnu-readelf", "-lW", library).stdout
        loads = [line.split()[-1] for line in told.splitlines() if line.split()[:1] == ["LOAD"]]
        assert loads
        assert {int(each, 16) for each in loads} == {16384}
