"""Streams go on after a failed inference, and say which times they take."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge.errors import TimestampError
from mf2_edge.stream import FaceStateStream
from mf2_edge.tracking.tracker import Tracker
from mf2_edge.types import Box, Detection, Landmarks, Point


def stream_that_loses(track_id: int) -> Any:
    """A stream whose tracker reports a face gone of which no state was ever made."""
    stream: Any = FaceStateStream.__new__(FaceStateStream)
    stream._people, stream._events, stream._last_ms = {}, deque(), None
    stream._tracker = SimpleNamespace(update=lambda _image, _time: ([], [track_id]))
    return stream


def test_a_face_that_leaves_after_a_failed_inference_is_forgotten() -> None:
    assert stream_that_loses(7).update(np.zeros((8, 8, 3), np.uint8), 0.0) == []


@pytest.mark.parametrize("time_ms", [float("nan"), float("inf"), "1", None, 10**400])
def test_times_are_finite_numbers(time_ms: object) -> None:
    with pytest.raises(TimestampError, match="expected a finite number"):
        stream_that_loses(7).update(np.zeros((8, 8, 3), np.uint8), time_ms)


class OneFace:
    """Finds one face, which moves by two pixels a look; looks at no place outside the frame."""

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, _frame: object) -> list[Detection]:
        self.looks += 1
        x = 20.0 + 2 * self.looks
        points = {name: Point(x + 10, 40.0) for name in Landmarks.__slots__}
        return [Detection(Box(x, 30.0, 40.0, 40.0), 0.9, Landmarks(**points))]

    def follow(self, frame: NDArray[np.uint8], face: Detection) -> Detection:
        assert 0 < face.box.x < frame.shape[1]
        return self.detect(frame)[0]


EPOCH = [1.75e12 + 40 * t for t in range(12)]
JUMPS = {
    "to milliseconds since 1970": ([0.0, 40.0, 80.0, *EPOCH], [2]),
    "to the largest number": ([0.0, 40.0, 80.0, 1.7e308, 1.75e308, 1.79e308], [2]),
    "by next to nothing": ([*(t * 5e-324 for t in range(6)), 40.0, 80.0, 300.0], [1]),
}


@pytest.mark.parametrize(("times", "last"), JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_loses_a_face_at_most(times: list[float], last: list[int]) -> None:
    finder = OneFace()
    tracker = Tracker(finder, finder, detect_every_ms=200)
    frame = np.zeros((120, 300, 3), np.uint8)
    seen = [[track.id for track in tracker.update(frame, time)[0]] for time in times]
    assert seen[:3] == [[1]] * 3
    assert seen[-1] == last
    assert seen[3] == ([1] if last == [1] else [])
