"""A few hundred damaged inputs at each door; `python -m benchmarks.fuzz` tries many more."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import Door, doors


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", range(4), ids=("manifest", "image", "frame", "report"))
def test_a_door_answers_or_refuses_with_a_typed_error(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
    door = doors(1, tmp_path)[place]
    for _ in range(200):
        door.try_one()
    assert door.findings == []
    assert door.answers["accepted"] > 0
    assert len(door.answers) > 1, "nothing was refused"


def test_an_untyped_error_is_a_finding_and_its_input_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(given: bytes) -> None:
        raise ZeroDivisionError(given)

    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
    door = Door("door", iter([b"input"]), crash)
    door.try_one()
    assert [finding.split(":")[0] for finding in door.findings] == ["ZeroDivisionError"]
    assert (tmp_path / "kept" / "door-1").read_bytes() == b"input"
