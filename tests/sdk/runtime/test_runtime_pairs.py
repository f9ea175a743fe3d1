"""Every two runtimes in one process: in either order of loading, in turn, and in two threads.

In processes of their own, because what goes wrong between native libraries ends in a crash.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from mf2_edge.runtime.select import ENGINES

ROOT: Final = Path(__file__).parents[3]
NAMES: Final = ("finder", *(engine.name for engine in ENGINES if engine.is_installed))


def answers(names: tuple[str, ...]) -> Any:
    """What tests/helpers/runtime_pairs.py prints, run with Python's own trace of crashes."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.helpers.runtime_pairs", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_no_runtime_disturbs_another() -> None:
    if len(NAMES) < 3:
        pytest.skip(f"only {', '.join(NAMES)} installed; expected two runtimes at least")
    forth, back = answers(NAMES), answers(NAMES[::-1])
    for found in (forth, back):
        assert found["pairs"] == len(NAMES) ** 2
        assert found["differ"] == []
    assert forth["alone"] == back["alone"]
