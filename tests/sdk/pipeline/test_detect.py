"""Detect, on a real face: NASA's portrait of Eileen Collins, whole, turned, small and cut."""

from __future__ import annotations

from math import hypot

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mf2_edge.pipeline.blazeface import BlazeFace, iou, merge
from mf2_edge.pipeline.detect import BlazeFaceDetector, View
from mf2_edge.types import Box, Detection, Landmarks, Point
from tests.helpers.samples import astronaut

# Where a person sees them in the 512x512 portrait, within a few pixels.
RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = (202, 101), (246, 103), (224, 131), (223, 149)
FACE = Box(172, 71, 102, 102)


@pytest.fixture(scope="module")
def detector() -> BlazeFaceDetector:
    return BlazeFaceDetector()


def test_finds_the_one_face_and_its_landmarks(detector: BlazeFaceDetector) -> None:
    [face] = detector.detect(astronaut())
    assert iou(face.box, FACE) > 0.5
    assert face.score > 0.8
    _assert_near(face, RIGHT_EYE, LEFT_EYE, NOSE, MOUTH, tolerance=6)


def test_nobody_is_in_noise_or_an_even_frame(detector: BlazeFaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    assert detector.detect(np.full((480, 640, 3), 127, dtype=np.uint8)) == []


@pytest.mark.parametrize("angle", [-90, -45, -20, 20, 45, 90, 180])
def test_a_turned_face_has_turned_landmarks(detector: BlazeFaceDetector, angle: float) -> None:
    turn = np.asarray(cv2.getRotationMatrix2D((256, 256), angle, 1.0))
    turned = np.asarray(cv2.warpAffine(astronaut(), turn, (512, 512)), dtype=np.uint8)
    faces = detector.detect(turned)
    assert len(faces) >= 1
    points = [tuple(turn @ [*p, 1]) for p in (RIGHT_EYE, LEFT_EYE, NOSE, MOUTH)]
    _assert_near(faces[0], *points, tolerance=9)


@pytest.mark.parametrize("side", [26, 32, 48, 120])
def test_a_small_face_in_a_vga_frame_is_found(detector: BlazeFaceDetector, side: int) -> None:
    scale = side / FACE.width
    face = cv2.resize(
        astronaut()[40:220, 130:320], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    frame = np.full((480, 640, 3), 90, dtype=np.uint8)
    y, x = 100, 380
    frame[y : y + face.shape[0], x : x + face.shape[1]] = face
    [found] = detector.detect(frame)
    where = Box((FACE.x - 130) * scale + x, (FACE.y - 40) * scale + y, side, side)
    assert iou(found.box, where) > 0.4


@pytest.mark.parametrize(
    ("rows", "columns"), [(slice(95, 400), slice(None)), (slice(None), slice(195, 512))]
)
def test_a_face_partly_outside_the_frame_is_found(
    detector: BlazeFaceDetector, rows: slice, columns: slice
) -> None:
    part = np.ascontiguousarray(astronaut()[rows, columns])
    [face] = detector.detect(part)
    moved = Box(FACE.x - (columns.start or 0), FACE.y - (rows.start or 0), 102, 102)
    assert iou(face.box, moved) > 0.4


def test_several_faces_largest_first() -> None:
    face = astronaut()[20:320, 60:400]
    small = np.asarray(cv2.resize(face, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA))
    frame = np.full((480, 640, 3), 90, dtype=np.uint8)
    frame[100:400, 20:360] = face
    frame[50 : 50 + small.shape[0], 450 : 450 + small.shape[1]] = small
    faces = BlazeFaceDetector(search="exhaustive").detect(frame)
    assert [round(face.box.x) > 400 for face in faces] == [False, True]


def test_refine_finds_the_face_in_boxes_of_any_margin(detector: BlazeFaceDetector) -> None:
    for grow in (0.85, 1.0, 1.3, 1.8):
        side = FACE.width * grow
        box = Box(FACE.x + 51 - side / 2, FACE.y + 51 - side / 2, side, side)
        face = detector.refine(astronaut(), box)
        assert face is not None
        _assert_near(face, RIGHT_EYE, LEFT_EYE, NOSE, MOUTH, tolerance=6)


def test_refine_of_a_box_without_a_face_is_none(detector: BlazeFaceDetector) -> None:
    assert detector.refine(np.full((200, 200, 3), 60, dtype=np.uint8), Box(10, 10, 80, 80)) is None


def test_an_unknown_search_is_refused() -> None:
    with pytest.raises(ValueError, match="adaptive"):
        BlazeFaceDetector(search="everywhere")  # type: ignore[arg-type]


def test_merging_keeps_strangers_apart_and_weights_by_score() -> None:
    centres = np.array([[200, 0], [0, 0], [2, 0]], dtype=np.float64)
    points = np.stack([centres, np.full((3, 2), 50, np.float64), centres + 7], axis=1)
    scores = np.array([0.5, 0.9, 0.3], dtype=np.float64)
    merged = merge(points, scores, overlap=0.3)
    assert [score for _, score in merged] == pytest.approx([0.9, 0.5])
    assert merged[0][0] == pytest.approx(np.array([[0.5, 0], [50, 50], [7.5, 7]]))
    assert merged[1][0] == pytest.approx(np.array([[200, 0], [50, 50], [207, 7]]))
    assert merge(points[:0], scores[:0], overlap=0.3) == []


def test_of_overlapping_views_the_best_is_kept_whole() -> None:
    network = BlazeFace()
    kept = network.distinct([_detection(2, 0.3), _detection(0, 0.9), _detection(200, 0.5)])
    assert [(face.box.x, face.score) for face in kept] == [(0, 0.9), (200, 0.5)]


@given(
    x=st.floats(-500, 500),
    y=st.floats(-500, 500),
    side=st.floats(5, 2000),
    turn=st.floats(-3.1, 3.1),
    px=st.floats(0, 127),
    py=st.floats(0, 127),
)
def test_a_view_maps_there_and_back(
    x: float, y: float, side: float, turn: float, px: float, py: float
) -> None:
    view = View(Point(x, y), side, turn)
    point = view.to_frame(Point(px, py), 128)
    assert view.to_pixels(128) @ [point.x, point.y, 1] == pytest.approx((px, py), abs=1e-6)


def _assert_near(face: Detection, *points: tuple[float, ...], tolerance: float) -> None:
    assert face.landmarks is not None
    named = zip(("right_eye", "left_eye", "nose_tip", "mouth_center"), points, strict=True)
    for name, (x, y) in named:
        found = getattr(face.landmarks, name)
        assert hypot(found.x - x, found.y - y) < tolerance, (name, found)


def _detection(x: float, score: float) -> Detection:
    points = {name: Point(x, 0) for name in Landmarks.__slots__}
    return Detection(Box(x, 0, 50, 50), score, Landmarks(**points))
