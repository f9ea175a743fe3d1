"""Annotated pictures: the right size, the face left visible, nothing outside the picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge.io.draw import _arrange, _inside, _rows, draw
from mf2_edge.types import ActionUnit, Box, Emotion, FaceState, Reason, Status

UNITS = {
    f"AU{n}": ActionUnit("lip corner puller", 0.9, True, Reason.CONFIDENT) for n in range(1, 18)
}


def face(box: Box, units: int = 3, label: str = "happiness") -> FaceState:
    emotion = Emotion(label, label, {label: 0.9, "other": 0.1}, Reason.CONFIDENT)
    shown = dict(list(UNITS.items())[:units])
    return FaceState(box, None, 0.9, emotion, shown, Status.OK)


def grey(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), 128, np.uint8)


def changed(frame: NDArray[np.uint8], faces: list[FaceState]) -> NDArray[np.bool_]:
    """Where the picture of a frame that needs no enlarging was drawn on."""
    drawn = np.asarray(draw(frame, faces, color="rgb"))
    assert drawn.shape == frame.shape
    return np.asarray((drawn != frame).any(axis=2))


def test_no_face_no_mark() -> None:
    assert not changed(grey(800, 600), []).any()


def test_input_is_left_alone() -> None:
    frame = grey(800, 600)
    draw(frame, [face(Box(100, 100, 200, 200))])
    assert (frame == 128).all()


def test_box_is_marked_and_its_inside_left_visible() -> None:
    marks = changed(grey(1000, 800), [face(Box(400, 300, 200, 200))])
    assert marks[300, 400:430].all()  # the top left corner's arm
    assert marks[500, 570:600].all()
    assert not marks[315:485, 415:585].any()
    assert marks.mean() > 0.03  # and there is a panel


@pytest.mark.parametrize("size", [(48, 48), (64, 200), (320, 240), (200, 40)])
def test_small_frames_are_enlarged(size: tuple[int, int]) -> None:
    picture = draw(grey(*size), [face(Box(5, 5, 20, 20))])
    assert max(picture.size) == 720
    assert picture.width / picture.height == pytest.approx(size[0] / size[1], rel=0.02)


def test_panel_grows_with_the_picture() -> None:
    small = changed(grey(800, 800), [face(Box(300, 300, 100, 100))]).sum()
    large = changed(grey(3200, 3200), [face(Box(1200, 1200, 400, 400))]).sum()
    assert 10 < large / small < 22


def test_more_units_make_a_taller_panel() -> None:
    frame = grey(1200, 1000)
    few, many = (changed(frame, [face(Box(100, 100, 200, 200), n)]).sum() for n in (1, 12))
    assert many > 2 * few


@pytest.mark.parametrize(
    "box",
    [
        Box(0, 0, 90, 90),
        Box(720, 520, 80, 80),
        Box(-40, 250, 100, 100),
        Box(0, 0, 800, 600),
        Box(700, 560, 300, 300),
    ],
)
@pytest.mark.parametrize("units", [0, 3, 17])
def test_panels_stay_inside_the_picture(box: Box, units: int) -> None:
    faces = [face(box, units)]
    boxes = [_inside(box, 1.0, (800, 600))]
    (panel,) = _arrange(faces, boxes, (800, 600))
    assert panel.spot[0] >= 0
    assert panel.spot[1] >= 0
    assert panel.spot[0] + panel.image.width <= 800
    assert panel.spot[1] + panel.image.height <= 600


def test_panels_of_many_faces_cover_neither_faces_nor_each_other() -> None:
    boxes = [
        Box(80 + 300 * column, 60 + 420 * row, 110, 110) for column in range(4) for row in (0, 1)
    ]
    faces = [face(box) for box in boxes]
    inside = [_inside(box, 1.0, (1280, 960)) for box in boxes]
    panels = [
        (*panel.spot, panel.spot[0] + panel.image.width, panel.spot[1] + panel.image.height)
        for panel in _arrange(faces, inside, (1280, 960))
    ]
    rectangles = [*inside, *panels]
    for number, a in enumerate(rectangles):
        for b in rectangles[number + 1 :]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a, b)


def test_a_crowd_is_drawn_all_the_same() -> None:
    boxes = [Box(20 + 60 * (n % 20), 20 + 60 * (n // 20), 40, 40) for n in range(200)]
    assert changed(grey(1280, 720), [face(box) for box in boxes]).any()


def test_a_panel_says_what_cannot_be_judged() -> None:
    hidden = {label: ActionUnit("", 0.9, True, Reason.NOT_VISIBLE) for label in ("AU1", "AU12")}
    seen = hidden | {"AU12": ActionUnit("lip corner puller", 0.9, True, Reason.CONFIDENT, 0.8)}
    emotion = Emotion("neutral", "neutral", {"neutral": 1.0}, Reason.CONFIDENT)

    def words(units: dict[str, ActionUnit], brows: float) -> list[tuple[str, str]]:
        state = FaceState(
            *(Box(0, 0, 9, 9), None, 1.0, emotion, units, Status.OK),
            visibility={"brows": brows, "mouth": 0.9},
        )
        return [(row.label, row.words) for row in _rows(state, compact=False)][1:]

    assert words(seen, 0.2) == [("AU12", "marked lip corner puller"), ("", "hidden: brows")]
    assert words(hidden, 0.2) == [("", "cannot be judged: hidden, or no face")]
    assert words({}, 0.9) == [("", "no Action Unit present")]
