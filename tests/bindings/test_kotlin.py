"""The Kotlin binding on the JVM: goldens, real faces, a stream, bad input, and its own tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.helpers.bindings.fuzz_cases import Round, check_rounds
from tests.helpers.bindings.kotlin_compiler import (
    JNA,
    JUNIT,
    KOTLIN,
    compile_kotlin,
    missing_for_kotlin,
    run_java,
)
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

EXCEPTION: Final = {
    "no_model_json": "BundleException",
    "no_json": "ManifestException",
    "unknown_key": "ManifestException",
    "no_file": "BundleException",
    "other_manifest": "ChecksumException",
    "damaged": "ChecksumException",
    "truncated": "ChecksumException",
}
"""What loading each broken model throws."""

LEAST_TESTS: Final = 70
"""Of the tests in Kotlin, so that none can go unnoticed."""

MISSING: Final = missing_for_kotlin() or (
    None if litert_library() else "ai-edge-litert is not installed"
)

needs_kotlin = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

Replayed = tuple[dict[str, Any], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def jar() -> Path:
    """Core, engine and tests, as one module."""
    sources = [*(KOTLIN / "core" / "src").rglob("*.kt"), *(KOTLIN / "jvm").rglob("*.kt")]
    return compile_kotlin("core-and-tests", sources, [JNA, *JUNIT])


@pytest.fixture(scope="session")
def replayed(jar: Path, model: Path, laid_out: tuple[Path, list[dict[str, Any]]]) -> Replayed:
    """What the binding answers, and what the SDK does to the same crops."""
    folder, expected = laid_out
    return _replay(jar, model, folder), expected


def _replay(jar: Path, model: Path, folder: Path) -> Any:
    arguments = (model, DETECTORS, folder, litert_library())
    done = run_java("dev.mf2edge.ReplayKt", [jar, JNA], *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_generated_types_are_fresh() -> None:
    command = [sys.executable, "-m", "bindings.kotlin.generate_types", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_core_knows_no_platform() -> None:
    """So that it runs on Android and on the JVM alike."""
    allowed = re.compile(r"import (java\.(io|nio|security|util)|kotlin)\.")
    for file in (KOTLIN / "core" / "src" / "main").rglob("*.kt"):
        imports = re.findall(r"^import .*$", file.read_text(), re.MULTILINE)
        assert [line for line in imports if not allowed.match(line)] == [], file


@needs_kotlin
@pytest.mark.slow
def test_every_stage_reproduces_its_goldens(replayed: Replayed) -> None:
    made = report("kotlin", replayed[0], skipped={})
    write_report("kotlin", made)
    assert {stage["outcome"] for stage in made["stages"].values()} == {"passed"}, made


@needs_kotlin
@pytest.mark.slow
def test_real_faces_are_decided_as_in_python(replayed: Replayed) -> None:
    found, expected = replayed
    for ours, theirs in zip(found["states"], expected, strict=True):
        assert decisions(ours) == decisions(theirs)
        assert ours["score"] == pytest.approx(theirs["emotion"]["score"], abs=1e-6)
        assert ours["reason"] == theirs["emotion"]["reason"]
        assert ours["quality"] == pytest.approx(theirs["quality"]["overall"], abs=1e-3)


@needs_kotlin
@pytest.mark.slow
def test_every_head_is_decoded_and_smoothed_as_in_python(replayed: Replayed) -> None:
    check_heads(replayed[0]["heads"])


@needs_kotlin
@pytest.mark.slow
def test_a_stream_is_told_as_in_python(replayed: Replayed) -> None:
    check_stream(replayed[0]["stream"])


@needs_kotlin
@pytest.mark.slow
def test_made_up_cases_are_answered_as_in_python(
    jar: Path, toy_model: Path, fuzz_rounds: list[Round]
) -> None:
    check_rounds("kotlin", fuzz_rounds, lambda folder: _replay(jar, toy_model, folder))


@needs_kotlin
@pytest.mark.slow
def test_broken_models_get_their_exception(jar: Path, model: Path, tmp_path: Path) -> None:
    broken = broken_models(model, tmp_path)
    folders = (model, *broken.values())
    done = run_java("dev.mf2edge.LoadAll", [jar, JNA], litert_library(), *folders)
    assert done.returncode == 0, done.stderr
    expected = ["loaded", *(EXCEPTION[name] for name in broken)]
    assert done.stdout.split() == expected


@needs_kotlin
@pytest.mark.slow
def test_the_tests_in_kotlin_pass(jar: Path, model: Path) -> None:
    done = run_java(
        "org.junit.platform.console.ConsoleLauncher",
        [jar, JNA, *JUNIT],
        *("--scan-class-path", jar, "--disable-banner", "--disable-ansi-colors"),
        options=[f"-Dmf2edge.model={model}", f"-Dmf2edge.litert={litert_library()}"],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) tests successful", done.stdout)
    assert passed is not None, done.stdout
    assert int(passed[1]) >= LEAST_TESTS
