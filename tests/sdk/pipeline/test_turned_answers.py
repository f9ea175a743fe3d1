"""What the answers say of turned faces and of several people: as of the upright portrait."""

from __future__ import annotations

import numpy as np
import pytest

from mf2_edge import FaceState, FaceStateAnalyzer, Reason
from tests.helpers.streams import portrait


@pytest.fixture(scope="module")
def analyzer() -> FaceStateAnalyzer:
    return FaceStateAnalyzer()


@pytest.fixture(scope="module")
def upright(analyzer: FaceStateAnalyzer) -> FaceState:
    [face] = analyzer.predict(portrait(), color="rgb")
    return face


def is_like(face: FaceState, upright: FaceState, roll: float) -> bool:
    """Right emotion, nearly its score, and rolled by so many degrees; or a reason says why not."""
    if face.emotion.reason is not Reason.CONFIDENT:
        return True
    assert face.head_pose is not None
    assert upright.head_pose is not None
    off = (face.head_pose.roll - upright.head_pose.roll - roll + 180) % 360 - 180
    near = abs(face.emotion.score - upright.emotion.score) < 0.1
    return face.emotion.label == upright.emotion.label and near and abs(off) < 20


@pytest.mark.parametrize("quarters", range(4))
def test_a_turned_portrait(analyzer: FaceStateAnalyzer, upright: FaceState, quarters: int) -> None:
    turned = np.ascontiguousarray(np.rot90(portrait(), quarters))
    [face] = analyzer.predict(turned, color="rgb")
    assert face.emotion.reason is Reason.CONFIDENT
    assert is_like(face, upright, -90 * quarters)


def test_six_people_each_turned_another_way(
    analyzer: FaceStateAnalyzer, upright: FaceState
) -> None:
    head, side = np.array(portrait())[:256, 20:276], 256
    turns = [[0, 1, 2], [3, 0, 1]]
    rows = [np.hstack([np.rot90(head, turn) for turn in row]) for row in turns]
    faces = analyzer.predict(np.vstack(rows), color="rgb")
    assert len(faces) == 6
    for face in faces:
        column, row = (int(v // side) for v in (face.box.x + face.box.width / 2, face.box.y))
        assert is_like(face, upright, -90 * turns[row][column])


def test_an_upside_down_video_has_no_events(
    analyzer: FaceStateAnalyzer, upright: FaceState
) -> None:
    stream, turned = analyzer.stream(), np.ascontiguousarray(np.rot90(portrait(), 2))
    units = set()
    for time_ms in range(0, 400, 40):
        [face] = stream.update(turned, float(time_ms), color="rgb")
        assert is_like(face, upright, 180)
        units.add(face.present_units)
    assert len(units) == 1
