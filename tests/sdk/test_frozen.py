"""A program that PyInstaller froze finds its models and predicts."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import mf2_edge
from mf2_edge.__pyinstaller import hook_folders

ASTRONAUT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
PROGRAM = f"""
from multiprocessing import freeze_support
from mf2_edge import FaceStateAnalyzer
if __name__ == "__main__":
    freeze_support()
    [face] = FaceStateAnalyzer().predict({str(ASTRONAUT)!r})
    print(face.emotion.label)
"""
NOT_NEEDED = (
    *("torch", "tensorflow", "matplotlib", "pandas", "pyarrow", "scipy", "sklearn", "IPython"),
    *("onnx", "onnxruntime", "coremltools", "executorch", "av", "hypothesis", "pytest"),
)
"""What a development environment has beside the SDK, and what takes most of the time."""


def test_the_hook_lies_where_its_entry_point_says() -> None:
    [folder] = hook_folders()
    assert (Path(folder) / "hook-mf2_edge.py").is_file()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("PyInstaller") is None, reason="PyInstaller is not installed")
def test_a_frozen_program_predicts(tmp_path: Path) -> None:
    (tmp_path / "photo.py").write_text(PROGRAM)
    command = [
        *(sys.executable, "-m", "PyInstaller", "photo.py", "--onedir", "--noconfirm"),
        *("--additional-hooks-dir", hook_folders()[0], "--log-level", "ERROR"),
        *("--paths", str(Path(mf2_edge.__file__).parents[1])),
        *(part for name in NOT_NEEDED for part in ("--exclude-module", name)),
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    program = tmp_path / "dist" / "photo" / "photo"
    ran = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "happiness\n"
