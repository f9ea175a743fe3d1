"""Conditions of the slices: geometry for any angle and size, light, and what they leave alone."""

from __future__ import annotations

from math import cos, radians, sin

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.evaluation.robustness.corruptions import (
    CONDITIONS,
    Pixels,
    blur,
    compress,
    cover_band,
    darken,
    eye_band,
    grey,
    is_grey,
    mouth_band,
    rotate,
    shrink,
)
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.types import Box

WHOLE = Box(0, 0, 60, 60)


def _picture(height: int = 60, width: int = 60) -> Pixels:
    small = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@settings(max_examples=60)
@given(
    degrees=st.floats(-180, 180),
    x=st.integers(4, 55),
    y=st.integers(4, 75),
)
def test_a_point_turns_clockwise_about_the_middle_and_stays_in_the_picture(
    degrees: float, x: int, y: int
) -> None:
    picture = np.zeros((80, 60, 3), np.uint8)
    picture[y - 1 : y + 2, x - 1 : x + 2] = 255
    turned = rotate(picture, WHOLE, degrees=degrees)
    moments = cv2.moments(turned[..., 0])
    found = np.array([moments["m10"], moments["m01"]]) / moments["m00"]
    dx, dy = x - 29.5, y - 39.5
    c, s = cos(radians(degrees)), sin(radians(degrees))
    middle = np.array([turned.shape[1] - 1, turned.shape[0] - 1]) / 2
    # Clockwise as one looks at it: y points down.
    expected = middle + np.array([c * dx - s * dy, s * dx + c * dy])
    assert found == pytest.approx(expected, abs=0.35)


@settings(max_examples=40)
@given(
    side=st.integers(8, 100),
    width=st.floats(20, 100),
    height=st.floats(20, 100),
)
def test_a_face_gets_the_size_that_was_asked_for_and_never_grows(
    side: int, width: float, height: float
) -> None:
    picture = _picture(120, 100)
    small = shrink(picture, Box(3, 5, width, height), side=side)
    if side >= min(width, height):
        assert small is None
        return
    assert small is not None
    scale = small.shape[1] / 100
    assert scale * min(width, height) == pytest.approx(side, rel=0.05, abs=1)
    assert small.shape[0] / 120 == pytest.approx(scale, rel=0.06)


def test_bands_cover_the_eyes_and_the_mouth_of_the_shipped_template() -> None:
    spec = load_bundle(None).manifest.alignment
    points = spec.points
    face = np.full((spec.height, spec.width, 3), 200, np.uint8)
    covered = cover_band(face, *eye_band(spec, half=0.3))
    seen = {name: covered[round(y), round(x), 0] for name, (x, y) in points.items()}
    assert seen == {"right_eye": 127, "left_eye": 127, "nose_tip": 200, "mouth_center": 200}
    covered = cover_band(face, *mouth_band(spec, half=0.4))
    seen = {name: covered[round(y), round(x), 0] for name, (x, y) in points.items()}
    assert seen == {"right_eye": 200, "left_eye": 200, "nose_tip": 200, "mouth_center": 127}
    assert (face == 200).all()  # the face itself is left alone


def test_light_halves_a_stop() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    dark = darken(ramp, WHOLE, stops=1)
    light = (dark / 255.0) ** 2.2, (ramp / 255.0) ** 2.2
    bright = ramp > 100
    assert light[0][bright] == pytest.approx(light[1][bright] / 2, rel=0.02)
    assert (np.diff(dark[..., 0].ravel().astype(int)) >= 0).all()


def test_blur_goes_by_the_size_of_the_picture() -> None:
    picture = _picture(40, 40)
    large = cv2.resize(picture, (160, 160), interpolation=cv2.INTER_CUBIC)
    blurred = blur(np.asarray(large, np.uint8), WHOLE, sigma=0.04)
    expected = cv2.resize(blur(picture, WHOLE, sigma=0.04), (160, 160))
    assert np.abs(blurred.astype(int) - expected.astype(int)).mean() < 3


def test_colour_is_taken_from_pictures_that_have_any() -> None:
    picture = _picture()
    pale = grey(picture, WHOLE)
    assert pale is not None
    assert not is_grey(picture)
    assert is_grey(pale)
    assert np.ptp(pale, axis=2).max() == 0
    assert grey(pale, WHOLE) is None


def test_jpeg_keeps_the_channels_in_order() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    assert compress(red, WHOLE, quality=10).mean(axis=(0, 1)) == pytest.approx([250, 0, 0], abs=12)


def test_every_condition_changes_pixels_or_the_face_in_one_way() -> None:
    picture = _picture()
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)
    for condition in CONDITIONS:
        assert (condition.change is None) != (condition.cover is None), condition.name
        if condition.change is not None:
            changed = condition.change(picture, WHOLE)
            assert changed is not None, condition.name
            assert changed.dtype == np.uint8
            assert changed.shape != picture.shape or not np.array_equal(changed, picture)
