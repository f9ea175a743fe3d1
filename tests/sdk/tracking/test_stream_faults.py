"""Streams go on after a failed inference, and say which times they take."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mf2_edge.errors import TimestampError
from mf2_edge.stream import FaceStateStream


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
