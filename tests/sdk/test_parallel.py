"""Many frames on several cores: answers in order, equal to one at a time, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge import FaceStateAnalyzer, predict_many
from mf2_edge.parallel import map_ordered
from tests.helpers.samples import astronaut


def test_answers_equal_those_of_one_analyzer_in_order() -> None:
    empty = np.full((120, 160, 3), 90, np.uint8)
    frames = [astronaut(), empty, np.ascontiguousarray(astronaut()[:, ::-1]), empty, astronaut()]
    alone = FaceStateAnalyzer()
    wanted = [alone.predict(frame, color="rgb") for frame in frames]
    assert [len(faces) for faces in wanted] == [1, 0, 1, 0, 1]
    assert list(predict_many(frames, color="rgb", workers=3)) == wanted


def test_frames_are_taken_as_they_are_needed() -> None:
    taken = 0

    def frames() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    answers = map_ordered(lambda _, number: number, frames(), _nothing, workers=2)
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    assert taken <= 3 + 2 * 2


def test_an_error_comes_up_in_its_place() -> None:
    def halve(_: FaceStateAnalyzer, number: int) -> float:
        return 12 / number

    answers = map_ordered(halve, [1, 2, 0, 3], _nothing, workers=2)
    assert [next(answers), next(answers)] == [12, 6]
    with pytest.raises(ZeroDivisionError):
        next(answers)


def test_less_than_one_worker_is_refused() -> None:
    frames: list[NDArray[np.uint8]] = []
    with pytest.raises(ValueError, match="workers=0"):
        predict_many(frames, workers=0)


def _nothing() -> FaceStateAnalyzer:
    return cast("FaceStateAnalyzer", None)
