"""The C++ binding: goldens, real faces and bad input under sanitizers; the quick start.

Built once into bindings/cpp/build/, which git ignores; later sessions build what has changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from mf2_edge.cli.main import main as mf2_edge_main
from tests.helpers.bindings.fuzz_cases import Round, check_rounds, compare
from tests.helpers.bindings.replay import (
    BUNDLE,
    DETECTORS,
    PORTRAIT,
    ROOT,
    TOY,
    broken_models,
    check_heads,
    check_stream,
    copy_detectors,
    decisions,
    lay_out,
    litert_library,
    report,
    write_report,
)

CPP: Final = ROOT / "bindings" / "cpp"
STATUS: Final = {
    "no_model_json": 4,
    "no_json": 5,
    "unknown_key": 5,
    "no_file": 4,
    "other_manifest": 6,
    "damaged": 6,
    "truncated": 6,
}
"""mf2_edge_status of each broken model."""

JOINED: Final = ("-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=9")
"""Sources compiled together, a third of the time; the quick start compiles each by itself."""

FUZZ_RUNS: Final = {"fuzz_model_spec": 20_000, "fuzz_abi": 400}


def _missing() -> str | None:
    compiler = shutil.which("clang++") or shutil.which("g++")
    tools = {"cmake": shutil.which("cmake"), "g++": compiler}
    absent = [name for name, path in tools.items() if path is None]
    if not Path("/usr/include/nlohmann/json.hpp").exists():
        absent.append("nlohmann-json3-dev")
    if absent:
        return f"not installed: {', '.join(absent)}"
    return None if litert_library() else "ai-edge-litert is not installed"


MISSING: Final = _missing()

pytestmark = [
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
    pytest.mark.slow,
]


def _run(*command: str | Path, **variables: str) -> str:
    environment = {**os.environ, "MF2_EDGE_LITERT": str(litert_library()), **variables}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def sanitized() -> Path:
    """The test programs under ASan and UBSan; with Clang, for its libFuzzer, if it is there."""
    folder = CPP / "build" / "sanitize"
    compilers = []
    if shutil.which("clang++") and list(Path("/usr/lib").glob("llvm-*/lib/clang/*/lib/*/*fuzzer*")):
        compilers = ["-DCMAKE_CXX_COMPILER=clang++", "-DCMAKE_C_COMPILER=clang"]
    _run(
        *("cmake", "-S", CPP, "-B", folder, "-DMF2_EDGE_TESTS=ON", "-DMF2_EDGE_SANITIZE=ON"),
        *("-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1", *JOINED, *compilers),
    )
    _run("cmake", "--build", folder, "-j", "2")
    return folder / "tests"


@pytest.fixture(scope="session")
def replayed(
    sanitized: Path, model: Path, laid_out: tuple[Path, list[dict[str, Any]]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the binding answers, and what the SDK does to the same crops."""
    folder, expected = laid_out
    return _replay(sanitized, model, folder), expected


def _replay(programs: Path, model: Path, folder: Path) -> Any:
    done = subprocess.run(
        [programs / "replay", model, DETECTORS, folder],
        capture_output=True,
        text=True,
        env={**os.environ, "MF2_EDGE_LITERT": str(litert_library())},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_generated_types_are_fresh() -> None:
    command = [sys.executable, "-m", "bindings.cpp.generate_types", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_stage_reproduces_its_goldens(
    replayed: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    made = report("cpp", replayed[0], skipped={})
    write_report("cpp", made)
    assert {stage["outcome"] for stage in made["stages"].values()} == {"passed"}, made


def test_real_faces_are_decided_as_in_python(
    replayed: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    found, expected = replayed
    for ours, theirs in zip(found["states"], expected, strict=True):
        assert decisions(ours) == decisions(theirs)
        assert ours["score"] == pytest.approx(theirs["emotion"]["score"], abs=1e-6)
        assert ours["reason"] == theirs["emotion"]["reason"]
        assert ours["quality"] == pytest.approx(theirs["quality"]["overall"], abs=1e-3)


def test_every_head_is_decoded_and_smoothed_as_in_python(
    replayed: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    check_heads(replayed[0]["heads"])


def test_a_stream_is_told_as_in_python(
    replayed: tuple[dict[str, Any], list[dict[str, Any]]],
) -> None:
    check_stream(replayed[0]["stream"])


def test_made_up_cases_are_answered_as_in_python(
    sanitized: Path, toy_model: Path, fuzz_rounds: list[Round]
) -> None:
    check_rounds("cpp", fuzz_rounds, lambda folder: _replay(sanitized, toy_model, folder))


def test_a_difference_is_found(sanitized: Path, toy_model: Path, fuzz_rounds: list[Round]) -> None:
    made = fuzz_rounds[0]
    found = _replay(sanitized, toy_model, made.folder)
    assert compare(found, made) == []
    unit = next(iter(found["heads"]["answers"][7]["action_units"].values()))
    unit["present"] = not unit["present"]
    found["states"][3]["score"] += 1e-5
    found["stages"]["align"]["max_difference"] = 1.0
    assert [line.split(":")[0] for line in compare(found, made)] == ["align", "answers", "crop 3"]


def test_a_pte_is_decided_as_in_python_on_executorch(model: Path, tmp_path: Path) -> None:
    """Through the C ABI; tests/helpers/bindings/cpp_executorch.py says why from within Python."""
    found = find_spec("executorch")
    if found is None or not found.submodule_search_locations:
        pytest.skip("executorch is not installed")
    package, build = (
        Path(next(iter(found.submodule_search_locations))),
        CPP / "build" / "executorch",
    )
    platform = next((package / "backends" / "qualcomm").glob("*.so"), None)
    if platform is None:
        pytest.skip("this wheel of executorch has no library to link")
    _run(
        *("cmake", "-S", CPP, "-B", build, "-DBUILD_SHARED_LIBS=ON", "-DMF2_EDGE_EXECUTORCH=ON"),
        *(f"-DCMAKE_PREFIX_PATH={package / 'share/cmake'}",),
        *(f"-DCMAKE_CXX_STANDARD_LIBRARIES={platform}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1", *JOINED),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    _run("cmake", "--build", build, "-j", "2")
    expected = lay_out(tmp_path, "executorch")
    library = next(build.glob("libmf2_edge.*"))
    command = [
        sys.executable,
        "-m",
        "tests.helpers.bindings.cpp_executorch",
        library,
        model,
        tmp_path / "crops.bin",
    ]
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "MF2_EDGE_LITERT": str(litert_library())},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for ours, theirs in zip(json.loads(done.stdout), expected, strict=True):
        assert decisions(ours) == decisions(theirs)


def test_bad_input_gets_a_status(sanitized: Path, model: Path, tmp_path: Path) -> None:
    broken = broken_models(model, tmp_path)
    pairs = [part for name, path in broken.items() for part in (path, str(STATUS[name]))]
    _run(sanitized / "abi_test", model, *pairs)


@pytest.mark.parametrize("target", FUZZ_RUNS)
def test_fuzzing_finds_no_crash(target: str, sanitized: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(TOY, tmp_path / "model"))
    copy_detectors(model)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for folder in (TOY, BUNDLE):
        shutil.copy(folder / "model.json", corpus / folder.name)
    # A small sound frame, box and landmarks, one of each call.
    for kind in range(4):
        (corpus / f"call{kind}").write_bytes(bytes([kind | 0b1111000]) + bytes(range(256)) * 16)
    program = sanitized / target
    runs = FUZZ_RUNS[target]
    uses_libfuzzer = b"libFuzzer" in program.read_bytes()
    command: list[str | Path] = [str(runs), *sorted(corpus.iterdir())]
    if uses_libfuzzer:
        limits = ("-seed=1", "-max_len=65536", "-rss_limit_mb=0")
        command = [f"-runs={runs}", *limits, corpus]
    said = _run(program, *command, MF2_EDGE_MODEL=str(model))
    done = re.search(r"Done (\d+) runs", said)
    assert done is not None, said
    assert int(done[1]) >= runs
    print(f"{target}: {done[1]} inputs")  # noqa: T201 - how much was tried


def test_a_detector_that_asks_for_gigabytes_is_refused(
    sanitized: Path, model: Path, tmp_path: Path
) -> None:
    detectors = Path(shutil.copytree(DETECTORS, tmp_path / "detectors"))
    file = detectors / "blazeface_short_range" / "detector.json"
    spec = json.loads(file.read_text())
    spec |= {"input_size": 1024, "anchor_layers": [{"stride": 1, "per_cell": 64}] * 32}
    file.write_text(json.dumps(spec))
    done = subprocess.run(
        [sanitized / "replay", model, detectors, tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MF2_EDGE_LITERT": str(litert_library())},
    )
    assert done.returncode == 1
    assert "detector.json: $.anchor_layers: more than 100000 anchors" in done.stderr


def test_the_quick_start_ends_at_a_face(tmp_path: Path) -> None:
    """Each command of the README, its paths in a temporary folder."""
    if not Path("/usr/include/stb/stb_image.h").exists():
        pytest.skip("libstb-dev is not installed")
    build, installed, photo = CPP / "build" / "release", tmp_path / "installed", tmp_path / "photo"
    _run("cmake", "-S", CPP, "-B", build)
    _run("cmake", "--build", build, "-j", "2")
    _run("cmake", "--install", build, "--prefix", installed)
    model = tmp_path / "model"
    assert mf2_edge_main(["export", "--platform", "cpp", "--out", str(model)]) == 0
    _run("cmake", "-S", model / "code", "-B", tmp_path / "code")  # it is whole
    _run("cmake", "-S", CPP / "examples", "-B", photo, f"-DCMAKE_PREFIX_PATH={installed}")
    _run("cmake", "--build", photo)
    said = _run(photo / "photo", PORTRAIT, model)
    assert "happiness" in said
    if shutil.which("pkg-config"):
        moved = installed.rename(tmp_path / "moved")
        [found] = moved.rglob("mf2_edge.pc")
        flags = _run("pkg-config", "--cflags", "--libs", found).split()
        linked = tmp_path / "linked"
        _run("g++", "-std=c++17", CPP / "examples" / "photo.cpp", "-o", linked, *flags)
        assert _run(linked, PORTRAIT, model) == said
    assert "AU12 lip corner puller" in said


def test_the_blocks_of_the_readme_compile(tmp_path: Path) -> None:
    blocks = re.findall(r"```cpp\n(.*?)```", (CPP / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    program = tmp_path / "blocks.cpp"
    program.write_text(
        '#include <cstdio>\n#include "mf2_edge/stream.hpp"\n'
        "int main() {\nmf2_edge::Frame frame;\ndouble timestamp_ms = 0;\n"
        f"{''.join(blocks)}}}\n"
    )
    _run("g++", "-std=c++17", "-fsyntax-only", "-I", CPP / "include", program)


def test_the_readme_shows_the_example() -> None:
    readme, example = (CPP / "README.md").read_text(), (CPP / "examples/photo.cpp").read_text()
    block = re.findall(r"```cpp\n(.*?)```", readme, re.DOTALL)[0]
    calls = set(re.findall(r"mf2_edge::\w+|analyzer\.\w+|face\.[\w.]+", block))
    assert calls <= set(re.findall(r"mf2_edge::\w+|analyzer\.\w+|face\.[\w.]+", example))
