"""The Swift package compiled by Swift 6: its XCTests, the goldens, real faces, bad input.

The compiler is that of bindings/swift/toolchain.sh, which makes a chroot on first use; where it
cannot be made, these tests skip with its reason. What is Apple's is type-checked against
declarations of our own (bindings/swift/Tests/AppleStubs): it does not run here.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from bindings.swift import fixtures
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.export.code import example
from tests.helpers.bindings.fuzz_cases import Round, check_rounds
from tests.helpers.bindings.replay import (
    DETECTORS,
    ROOT,
    broken_models,
    check_heads,
    check_stream,
    decisions,
    litert_library,
    report,
    write_report,
)

SWIFT: Final = ROOT / "bindings" / "swift"
CANNOT: Final = 77
"""Exit status of toolchain.sh where there is no compiler."""

OPTIONS: Final = (
    *("-c", "release", "-Xswiftc", "-enable-testing"),
    *("-Xswiftc", "-strict-concurrency=complete", "-Xswiftc", "-warnings-as-errors"),
)
BUILD: Final = ".build/release"

LEAST_TESTS: Final = 30
"""Of the XCTests, so that none can go unnoticed."""

ERROR: Final = {
    "no_model_json": "bundle",
    "no_json": "manifest",
    "unknown_key": "manifest",
    "no_file": "bundle",
    "other_manifest": "checksum",
    "damaged": "checksum",
    "truncated": "checksum",
}
"""Case of Mf2EdgeError that loading each broken model throws."""

pytestmark = pytest.mark.slow

Done = subprocess.CompletedProcess[str]
Replayed = tuple[dict[str, Any], list[dict[str, Any]]]


def run(*command: str | Path, bind: tuple[Path, ...] = ()) -> Done:
    """Run a command where the compiler is; it sees the repository and the folders of `bind`."""
    binds = [word for folder in bind for word in ("--bind", str(folder))]
    return subprocess.run(
        [str(SWIFT / "toolchain.sh"), *binds, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def built() -> None:
    """Package, tests and replay, compiled; skips where there is no compiler."""
    fixtures.write()
    done = run("swift", "build", "--build-tests", *OPTIONS)
    if done.returncode == CANNOT:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def library() -> Path:
    found = litert_library()
    if found is None:
        pytest.skip("ai-edge-litert is not installed")
    return found


def replay(model: Path, folder: Path, library: Path) -> Done:
    program = (f"{BUILD}/Replay", model, DETECTORS, folder, library)
    return run(*program, bind=(model, folder, DETECTORS, library.parent))


@pytest.fixture(scope="module")
def replayed(
    built: None, model: Path, library: Path, laid_out: tuple[Path, list[dict[str, Any]]]
) -> Replayed:
    """What the binding answers, and what the SDK does to the same crops."""
    folder, expected = laid_out
    done = replay(model, folder, library)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), expected


@pytest.mark.usefixtures("built")
def test_the_package_s_own_tests_pass() -> None:
    done = run("swift", "test", "--skip-build", *OPTIONS)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.findall(r"Executed (\d+) tests?, with 0 failures", done.stdout + done.stderr)
    assert max(map(int, counts)) >= LEAST_TESTS


def test_every_stage_reproduces_its_goldens(replayed: Replayed) -> None:
    made = report("swift", replayed[0], skipped={})
    write_report("swift", made)
    assert {stage["outcome"] for stage in made["stages"].values()} == {"passed"}, made


def test_real_faces_are_decided_as_in_python(replayed: Replayed) -> None:
    found, expected = replayed
    for ours, theirs in zip(found["states"], expected, strict=True):
        assert decisions(ours) == decisions(theirs)
        assert ours["score"] == pytest.approx(theirs["emotion"]["score"], abs=1e-6)
        assert ours["reason"] == theirs["emotion"]["reason"]
        assert ours["quality"] == pytest.approx(theirs["quality"]["overall"], abs=1e-3)


def test_every_head_is_decoded_and_smoothed_as_in_python(replayed: Replayed) -> None:
    check_heads(replayed[0]["heads"])


def test_a_stream_is_told_as_in_python(replayed: Replayed) -> None:
    check_stream(replayed[0]["stream"])


@pytest.mark.usefixtures("built")
def test_made_up_cases_are_answered_as_in_python(
    toy_model: Path, library: Path, fuzz_rounds: list[Round]
) -> None:
    def told(folder: Path) -> Any:
        done = replay(toy_model, folder, library)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    check_rounds("swift", fuzz_rounds, told)


@pytest.mark.usefixtures("built")
def test_bad_models_get_a_typed_error(model: Path, library: Path, tmp_path: Path) -> None:
    for name, broken in broken_models(model, tmp_path / "broken").items():
        done = replay(broken, tmp_path, library)
        assert done.returncode == 1, name
        assert done.stderr.startswith(f"{ERROR[name]}("), f"{name}: {done.stderr}"


@pytest.mark.usefixtures("built")
def test_a_library_that_is_none_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "libLiteRt.so").write_bytes(b"no library")
    done = replay(model, tmp_path, tmp_path / "libLiteRt.so")
    assert done.returncode == 1
    assert done.stderr.startswith("runtimeUnavailable("), done.stderr


@pytest.mark.usefixtures("built")
def test_what_is_apple_s_fits_declarations_of_our_own(tmp_path: Path) -> None:
    """Targets, the README but for SwiftUI, what `mf2-edge export` hands out, React Native."""
    readme = (SWIFT / "README.md").read_text()
    programs = []
    for number, block in enumerate(re.findall(r"```swift\n(.*?)```", readme, re.DOTALL)):
        if "import SwiftUI" not in block:
            programs.append(tmp_path / f"block{number}.swift")
            programs[-1].write_text(block)
    assert len(programs) == 3
    bundle = load_bundle("mf2-edge-m")
    artifact = bundle.select("coreml")
    name, text = example(bundle.manifest, artifact, "ios")
    programs.append(tmp_path / name)
    programs[-1].write_text(text)
    react_native = (ROOT / "examples/react-native/ios/FacesOfPicture.swift").read_text()
    programs.append(tmp_path / "FacesOfPicture.swift")
    programs[-1].write_text(text + react_native)
    check = ("Tests/AppleStubs/check.sh", BUILD)
    done = run(*check, *programs, bind=(tmp_path,))
    assert done.returncode == 0, done.stderr
    wrong = tmp_path / "wrong.swift"
    wrong.write_text("import MF2EdgeApple\nfunc wrong() { _ = VisionDetector(1) }\n")
    done = run(*check, wrong, bind=(tmp_path,))
    assert done.returncode == 1
    assert "argument passed to call that takes no arguments" in done.stderr
