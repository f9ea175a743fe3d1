"""Head pose of known turns, and quality of pictures that get worse."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.report import RESULTS
from mf2_edge import FaceStateAnalyzer
from mf2_edge.pipeline.pose import HEAD, head_pose
from mf2_edge.pipeline.quality import LOW, face_quality, with_visibility
from mf2_edge.types import Box, FaceQuality, HeadPose, Landmarks, Point, Reason
from tests.helpers.streams import portrait, scene

ANGLES = st.floats(-60, 60)


def turn(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Camera axes: x right, y down, z away. Yaw to the head's left, pitch up, roll clockwise."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def seen(rotation: NDArray[np.float64], scale: float = 1.0) -> Landmarks:
    """The average head under a far camera."""
    points = {name: scale * (rotation @ np.array(place))[:2] for name, place in HEAD.items()}
    return Landmarks(**{name: Point(x + 300, y + 200) for name, (x, y) in points.items()})


@given(ANGLES, ANGLES, st.floats(-170, 170), st.floats(0.1, 5))
def test_known_turns_are_found(yaw: float, pitch: float, roll: float, scale: float) -> None:
    found = head_pose(seen(turn(yaw, pitch, roll), scale))
    assert found is not None
    assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_signs_are_what_the_words_say() -> None:
    """Turned to its own left, the nose moves to the viewer's right; looking up, it rises."""
    front, left = seen(turn(0, 0, 0)), seen(turn(30, 0, 0))
    up, tipped = seen(turn(0, 30, 0)), seen(turn(0, 0, 30))
    middle = (front.left_eye.x + front.right_eye.x) / 2
    assert left.nose_tip.x > (left.left_eye.x + left.right_eye.x) / 2
    assert front.nose_tip.x == pytest.approx(middle)
    assert up.nose_tip.y - up.left_eye.y < front.nose_tip.y - front.left_eye.y
    assert tipped.left_eye.y > tipped.right_eye.y


def test_landmarks_in_one_place_have_no_pose() -> None:
    assert head_pose(Landmarks(*[Point(3, 3)] * 6)) is None
    assert head_pose(Landmarks(*[Point(float("nan"), 3)] * 6)) is None


def test_the_portrait_looks_into_the_camera() -> None:
    [face] = FaceStateAnalyzer().predict(scene((120, 60)), color="rgb")
    pose, quality = face.head_pose, face.quality
    assert pose is not None
    assert quality is not None
    assert max(abs(pose.yaw), abs(pose.pitch), abs(pose.roll)) < 15
    assert quality.overall > 0.6
    assert face.to_dict()["head_pose"]["yaw"] == pose.yaw


def test_worse_pictures_have_less_quality() -> None:
    face = np.asarray(cv2.resize(portrait()[40:190, 120:270], (112, 112)), np.uint8)
    box, front = Box(0, 0, 100, 100), HeadPose(0, 0, 0)
    good = face_quality(face, box, front)
    blurred = face_quality(np.asarray(cv2.GaussianBlur(face, (31, 31), 0), np.uint8), box, front)
    dark = face_quality((face // 12).astype(np.uint8), box, front)
    small = face_quality(face, Box(0, 0, 20, 30), front)
    turned = face_quality(face, box, HeadPose(50, 0, 0))
    unknown = face_quality(face, box, None)
    bright = face_quality(np.clip(face * 3.5, 0, 255).astype(np.uint8), box, front)
    assert good.overall == min(good.size, good.sharpness, good.pose, good.light) > 0.9
    assert blurred.sharpness < 0.2
    assert dark.light < LOW
    assert bright.light < LOW
    assert small.size < LOW
    assert turned.pose < 0.5
    assert unknown.pose == 0.5
    for worse in (blurred, dark, bright, small, turned, unknown):
        assert worse.overall < good.overall


def test_light_is_worth_alike_where_it_costs_alike() -> None:
    """The ramps' ends are those of the file that measured them, within its bins."""
    told = json.loads((RESULTS / "picture-quality.json").read_text())
    grey = {row["from"]: row["emotion_changed"] for row in told["mean_grey"]}
    white = {row["from"]: row["emotion_changed"] for row in told["clipped"]}
    assert white[0.2] == pytest.approx(grey[40], abs=0.06)  # nothing in the way
    assert white[0.4] == pytest.approx(grey[30], abs=0.06)  # where answers become `low_quality`
    assert white[0.5] == pytest.approx(grey[20], abs=0.06)  # nothing can be read
    flagged = {row["gain"]: row["flagged"] for row in told["gains"]}
    assert flagged[2.5] > flagged[0.4]
    assert flagged[4.0] > 0.8


def test_a_covered_face_is_worth_less() -> None:
    told = json.loads((RESULTS / "picture-quality.json").read_text())
    plain = told["as_they_are"]["not_visible"]
    covers = {row["cover"]: row["not_visible"] for row in told["covers"]}
    assert plain < 0.15
    assert covers["mask"] > 0.7
    assert covers["glasses"] > 0.5
    found = [face["reason"] for row in told["without_faces"] for face in row["found"]]
    assert found.count("confident") <= 0.2 * len(found)  # of things that are no faces
    quality = FaceQuality(0.9, 0.9, 1, 1, 1)
    mask = {"brows": 0.9, "eyes": 0.8, "nose": 0.7, "mouth": 0.1, "chin": 0.2}
    assert with_visibility(quality, mask).overall == pytest.approx(0.6)
    assert with_visibility(quality, mask).visibility == pytest.approx(0.6)
    assert with_visibility(quality, {}) == quality


def test_a_flat_picture_is_no_error() -> None:
    assert face_quality(np.full((112, 112, 3), 128, np.uint8), Box(0, 0, 9, 9), None).overall == 0


def test_a_poor_picture_is_the_reason_of_its_answers() -> None:
    dark = (scene((120, 60)) // 14).astype(np.uint8)
    faces = FaceStateAnalyzer().predict(dark, color="rgb", boxes=[(250, 90, 130, 140)])
    assert faces[0].emotion.reason in (Reason.LOW_QUALITY, Reason.UNALIGNED)
