"""Settings of the whole suite, and how several processes share its tests (`pytest -n 2`)."""

from __future__ import annotations

import os
import re
import signal
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings

ROOT: Final = Path(__file__).parents[1]
IN_WORKER: Final = "PYTEST_XDIST_WORKER" in os.environ

if IN_WORKER:
    # A process for each core: more threads would only wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Shared machines pause at any time: a slow example says nothing about the code. What lands is
# judged by the same examples twice; new ones are tried at the desk.
settings.register_profile("patient", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("patient")

# A suite started in the background ignores Ctrl-C, and so would the commands that it interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

EXPORTS: Final = re.compile(r"\bexported_(fp32|more|int8)\b")
"""Helpers that run converters; a process keeps what they export."""

SHARED_BUILDS: Final = {
    "tests/bindings/test_web.py": "web",
    "tests/bindings/test_demo.py": "web",
    "tests/docs/test_wheel.py": "web",
    "tests/bindings/test_swift.py": "swift",
    "tests/bindings/test_swift_native.py": "swift",
    "tests/bindings/test_kotlin.py": "kotlin",
    "tests/bindings/test_kotlin_android.py": "kotlin",
}
"""Modules that build into one folder, by the name of their group."""

LONGEST: Final = (
    "exports",
    "tests/bindings/test_cpp.py",
    "kotlin",
    "swift",
    "web",
    "tests/distill/training/test_teacher.py",
    "tests/distill/training/test_qat.py",
)
"""Groups that take minutes, the longest first, so that no process is left alone with one."""


@cache
def group_of(module: str) -> str:
    """The group of a test module, a path from the root; one process runs a group's tests."""
    if EXPORTS.search((ROOT / module).read_text(encoding="utf-8")):
        return "exports"
    return SHARED_BUILDS.get(module, module)


def _rank(nodeid: str) -> int:
    group = group_of(nodeid.partition("::")[0])
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole groups, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition("::")[0])

    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first where several processes run the tests."""
    if IN_WORKER:
        items.sort(key=lambda item: _rank(item.nodeid))
