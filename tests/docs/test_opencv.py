"""The display build of OpenCV in the place of the headless one, which the other tests have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.make_tiny_bundle import FOLDER

ROOT = Path(__file__).parents[2]
REPLAY = f"""
import sys
sys.modules["executorch"] = None  # one engine is enough
import cv2
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.verify import Outcome, each_check
assert cv2.__file__.startswith(sys.argv[1]), cv2.__file__
checks = list(each_check(load_bundle({str(FOLDER)!r})))
assert not [check for check in checks if check.outcome is Outcome.FAILED], checks
print(sum(check.outcome is Outcome.OK for check in checks))
"""


@pytest.mark.slow
def test_goldens_hold_with_opencv_python(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*pip, str(tmp_path), "opencv-python==5.0.0.93"], check=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    command = [sys.executable, "-c", REPLAY, str(tmp_path)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "libGL" in ran.stderr or "libxcb" in ran.stderr:
        pytest.skip("this machine lacks the display libraries that opencv-python needs")
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 5
