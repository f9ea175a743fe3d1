"""What engines print in C++ while they load: held back, sorted, and shown where it is wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mf2_edge.runtime.base import MOST_THREADS, check_threads
from tests.helpers.make_tiny_bundle import FOLDER

LOAD = f"""
import logging, sys
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.runtime.select import choose_artifact, open_artifact
if "log" in sys.argv:
    logging.basicConfig(stream=sys.stdout, level=logging.INFO)
bundle = load_bundle({str(FOLDER)!r})
open_artifact(bundle, choose_artifact(bundle, "litert", None), 1)
"""
PRINT = """
import os
from mf2_edge.runtime.native_output import held_back
with held_back():
    os.write(2, b"INFO: a notice\\nE0001 something is wrong\\n")
    {then}
"""


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_loading_a_model_prints_nothing_but_tells_the_logger() -> None:
    ran = run(LOAD, "log")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "INFO:mf2_edge.native:INFO: Created TensorFlow Lite XNNPACK delegate" in ran.stdout


def test_a_switch_shows_everything() -> None:
    assert "INFO: Created" in run(LOAD, MF2_EDGE_NATIVE_OUTPUT="1").stderr


def test_what_is_no_notice_is_passed_on() -> None:
    ran = run(PRINT.format(then="pass"))
    assert (ran.returncode, ran.stderr) == (0, "E0001 something is wrong\n")


def test_a_crash_is_not_silent() -> None:
    ran = run(PRINT.format(then="os.abort()"))
    assert ran.returncode == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in ran.stderr


@pytest.mark.parametrize("stderr", ["open", "closed"])
def test_no_temporary_folder_is_needed(tmp_path: Path, stderr: str) -> None:
    """TMPDIR leads nowhere, and memory files are not to be had either."""
    code = f"""
import os, tempfile
def refuse(*_): raise OSError("read-only")
os.memfd_create = tempfile.mkdtemp = tempfile.mkstemp = refuse
from mf2_edge.runtime import native_output
def none(): raise FileNotFoundError("no usable temporary directory")
native_output.TemporaryFile = none
{"os.close(2)" if stderr == "closed" else ""}
{LOAD}
print("loaded")
"""
    ran = run(code, TMPDIR=str(tmp_path / "nothing"))
    assert (ran.returncode, ran.stdout) == (0, "loaded\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_the_child_of_a_fork_has_the_real_stderr() -> None:
    ran = run(
        PRINT.format(
            then="""
    if os.fork() == 0:
        os.write(2, b"INFO: of the child\n")
        os._exit(0)
    os.wait()
"""
        )
    )
    assert "INFO: of the child\n" in ran.stderr
    assert "INFO: a notice" not in ran.stderr


@pytest.mark.parametrize("count", [0, -1, 1.5, MOST_THREADS + 1, 99_999_999_999_999])
def test_a_number_of_threads_that_no_machine_has(count: Any) -> None:
    with pytest.raises(ValueError, match=f"num_threads={count}: expected 1 to {MOST_THREADS}"):
        check_threads(count)
