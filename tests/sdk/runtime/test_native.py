"""What makes results at home in Python: types of OpenCV's pictures, short texts, tables."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge import (
    FaceState,
    FaceStateAnalyzer,
    VideoError,
    VideoSource,
    draw,
    predict_many,
    to_pandas,
)
from tests.helpers.make_tiny_bundle import FOLDER
from tests.helpers.samples import astronaut


@pytest.fixture(scope="module")
def analyzer() -> FaceStateAnalyzer:
    return FaceStateAnalyzer(FOLDER)


@pytest.fixture(scope="module")
def face(analyzer: FaceStateAnalyzer) -> FaceState:
    """Of a picture as OpenCV makes it, whose type mypy takes as it is."""
    picture = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    [face] = analyzer.predict(picture)
    assert draw(picture, [face]).size == draw(astronaut(), [face], color="rgb").size
    return face


def test_a_drawing_knows_the_order_of_colours(face: FaceState) -> None:
    rgb = astronaut()
    one = np.asarray(draw(rgb, [face], color="rgb"))
    other = np.asarray(draw(np.ascontiguousarray(rgb[..., ::-1]), [face]))
    assert (one == other).all()


def test_an_analyzer_says_what_it_runs(analyzer: FaceStateAnalyzer) -> None:
    assert repr(analyzer) == "<FaceStateAnalyzer tiny 1, tflite fp32>"


def test_texts_are_short_and_say_what_was_found(face: FaceState) -> None:
    text = repr(face)
    assert len(text) < 200
    assert face.emotion.label in text
    assert all(label in text for label in face.present_units)
    assert repr(face.emotion).startswith(f"<Emotion {face.emotion.label} ")
    for unit in face.action_units.values():
        assert len(repr(unit)) < 90
        assert ("present" in repr(unit)) == unit.present
    assert pickle.loads(pickle.dumps(face)) == face


def test_present_units_are_those_that_are_and_can_be_judged(face: FaceState) -> None:
    expected = [
        label for label, unit in face.action_units.items() if unit.present and unit.can_be_judged
    ]
    assert list(face.present_units) == expected


def test_a_notebook_shows_a_table_without_markup_of_ours(face: FaceState) -> None:
    html = face._repr_html_()
    assert html.count("<tr>") == 2 + len(face.action_units)
    assert "<table>" in html
    told = face.action_units["AU12"].reliability
    assert told is not None
    assert f"<td>{told}</td>" in html
    assert "&lt;FaceState" in html  # what is text stays text


def test_tables_have_a_row_a_face(face: FaceState) -> None:
    table = to_pandas([face])
    assert list(table["emotion"]) == [face.emotion.label]
    assert table["width"][0] == pytest.approx(face.box.width, abs=0.05)
    frames = to_pandas(iter([[face], [], [face, face]]))
    assert list(frames["frame"]) == [0, 2, 2]
    assert list(frames["face"]) == [0, 0, 1]
    assert to_pandas([]).empty


def test_progress_is_shown_and_answers_stay(capsys: pytest.CaptureFixture[str]) -> None:
    def frames() -> Iterator[NDArray[np.uint8]]:
        yield from [astronaut(), astronaut()]

    quiet = list(predict_many(frames(), workers=1, color="rgb", bundle=FOLDER))
    assert capsys.readouterr().err == ""
    pair = [astronaut()] * 2
    assert quiet == list(predict_many(pair, workers=1, color="rgb", bundle=FOLDER, progress=True))
    assert "2/2" in capsys.readouterr().err


def test_a_video_is_named_where_it_is_missing() -> None:
    with pytest.raises(VideoError, match="nowhere"):
        VideoSource("nowhere.mp4")
