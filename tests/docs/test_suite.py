"""How the suite is shared between processes: tests/conftest.py names modules that are there."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import LONGEST, SHARED_BUILDS, group_of

ROOT = Path(__file__).parents[2]


def test_every_group_has_modules() -> None:
    modules = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    groups = [group_of(module) for module in modules]
    assert set(SHARED_BUILDS) <= set(modules)
    assert set(LONGEST) <= set(groups)
    assert groups.count("exports") > 5
    assert groups.count("web") == 3
    assert group_of("tests/sdk/pipeline/test_align.py") == "tests/sdk/pipeline/test_align.py"
