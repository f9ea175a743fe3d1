"""Commands whose packages are missing name the extra that installs them."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from distill.__main__ import COMMANDS, PROGRAMS
from distill.mfa.cli import COMMANDS as MFA
from mf2_edge.extras import missing_extra

ROOT = Path(__file__).parents[2]

WITHOUT = """
import runpy, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "coremltools", "litert_torch"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["distill", "adapt", "--task", "x"], "torch is not installed"),
        (["distill", "explain", "photo.jpg"], "torch is not installed"),
        (["exporters.finder", "export", "--out", "o"], "torch is not installed"),
        (
            [
                "exporters",
                "n.pt",
                "--synthetic-faces",
                "--calibration",
                "c",
                "--results",
                "r",
                "--out",
                "o",
            ],
            "torch is not installed",
        ),
    ],
)
def test_a_missing_package_is_named_with_its_extra(command: list[str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "mf2-edge[" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["distill", "--help"],
        *(["distill", name, "--help"] for name in (*COMMANDS, *PROGRAMS)),
        *(["distill", "mfa", name, "--help"] for name in MFA),
        *(["exporters", *name, "--help"] for name in ([], ["update"], ["head"])),
        *(["exporters.finder", *name, "--help"] for name in ([], ["import"], ["export"])),
    ],
    ids=" ".join,
)
def test_help_needs_no_extra(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each in this process, where the modules of this project are not loaded yet."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("distill", "exporters", "torch"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sys.meta_path", [Missing(), *sys.meta_path])
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    assert ended.value.code == 0
    assert "usage: python -m" in capsys.readouterr().out


class Missing:
    """Finds no package that an extra installs."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name.partition(".")[0] in {"torch", "sklearn", "webdataset", "openai", "coremltools"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_modules_of_no_extra_are_nobody_elses_fault() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'x'", name="x")) is None
    told = missing_extra(ModuleNotFoundError("", name="sklearn.metrics"))
    assert told is not None
    assert "scikit-learn is not installed" in str(told)
