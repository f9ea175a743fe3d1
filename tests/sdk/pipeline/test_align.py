"""Align: the closed-form similarity, and the resampler against its specification in plain NumPy."""

from __future__ import annotations

from math import cos, floor, sin
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mf2_edge.bundle.schema import AlignmentSpec
from mf2_edge.pipeline.align import Border, align, resize_crop, similarity, warp
from mf2_edge.types import Landmarks, Point

SPEC = AlignmentSpec(
    width=112,
    height=112,
    points={
        "right_eye": (35.0, 39.5),
        "left_eye": (77.0, 39.5),
        "nose_tip": (56.0, 59.5),
        "mouth_center": (56.0, 81.0),
    },
    interpolation="bilinear",
    border="replicate",
)


def test_similarity_undoes_any_turn_scale_and_shift() -> None:
    @given(
        angle=st.floats(-3.1, 3.1),
        scale=st.floats(0.05, 20),
        x=st.floats(-3000, 3000),
        y=st.floats(-3000, 3000),
    )
    def check(angle: float, scale: float, x: float, y: float) -> None:
        matrix = similarity(_landmarks(_matrix(angle, scale, x, y)), SPEC)
        for name, target in SPEC.points.items():
            point = getattr(_landmarks(_matrix(angle, scale, x, y)), name)
            assert matrix @ [point.x, point.y, 1] == pytest.approx(target, abs=1e-6)
        # a similarity: rotation and one scale, no shear, no reflection
        assert matrix[0, 0] == pytest.approx(matrix[1, 1])
        assert matrix[0, 1] == pytest.approx(-matrix[1, 0])

    check()


def test_similarity_is_the_least_squares_answer() -> None:
    rng = np.random.default_rng(0)
    noisy = Landmarks(**{n: Point(*rng.uniform(0, 200, 2)) for n in Landmarks.__slots__})
    best = _squared_error(similarity(noisy, SPEC), noisy)
    for _ in range(200):
        other = similarity(noisy, SPEC)
        turn, shift = rng.normal(0, 0.02, 2), rng.normal(0, 2, 2)
        other[:, :2] += [[turn[0], -turn[1]], [turn[1], turn[0]]]
        other[:, 2] += shift
        assert _squared_error(other, noisy) >= best


def test_coinciding_landmarks_are_refused() -> None:
    points = dict.fromkeys(Landmarks.__slots__, Point(5, 5))
    with pytest.raises(ValueError, match="coincide"):
        similarity(Landmarks(**points), SPEC)


@pytest.mark.parametrize("border", ["replicate", "black"])
@pytest.mark.parametrize("scale", [0.11, 0.23, 0.34, 0.5, 0.51, 0.9, 1.0, 2.7])
@pytest.mark.parametrize("center", [(320, 240), (5, 470), (-40, 200)])
def test_warp_follows_its_specification(
    border: Border, scale: float, center: tuple[int, int]
) -> None:
    rng = np.random.default_rng(7)
    frame = rng.integers(0, 256, (479, 641, 3), dtype=np.uint8)
    turn = 0.4
    c, s = scale * cos(turn), scale * sin(turn)
    matrix = np.array([[c, -s, 0], [s, c, 0]])
    matrix[:, 2] = (56, 48) - matrix[:, :2] @ center
    expected = _specified(frame, matrix, 112, 96, border)
    difference = np.abs(warp(frame, matrix, 112, 96, border) - expected)
    assert difference.max() <= 1.5  # half a level of rounding, twice where the frame is reduced
    assert difference.mean() < 0.5


def test_align_with_margin_only_adds_what_lies_around() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    landmarks = _landmarks(_matrix(0.2, 1.1, 90, 80))
    wide = align(frame, landmarks, SPEC, margin=8)
    assert wide.shape == (128, 128, 3)
    inner = wide[8:-8, 8:-8].astype(int)
    assert np.abs(inner - align(frame, landmarks, SPEC)).max() <= 1  # rounding of halves


def test_resizing_a_crop_of_template_size_changes_nothing() -> None:
    crop = np.random.default_rng(2).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize_crop(crop, SPEC), crop)


def test_resizing_covers_the_whole_crop() -> None:
    crop = np.zeros((50, 200, 3), dtype=np.uint8)
    crop[:, 100:] = 255
    resized = resize_crop(crop, SPEC)
    assert resized.shape == (112, 112, 3)
    assert resized[:, :55].max() == 0
    assert resized[:, 57:].min() == 255


def _matrix(angle: float, scale: float, x: float, y: float) -> NDArray[np.float64]:
    c, s = scale * cos(angle), scale * sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


def _landmarks(matrix: NDArray[np.float64]) -> Landmarks:
    """The template's points seen through a template-to-frame transform; the ears do not matter."""
    points = dict.fromkeys(Landmarks.__slots__, (0.0, 0.0)) | SPEC.points
    return Landmarks(**{name: Point(*(matrix @ [*xy, 1])) for name, xy in points.items()})


def _squared_error(matrix: NDArray[np.float64], landmarks: Landmarks) -> float:
    points = {name: getattr(landmarks, name) for name in SPEC.points}
    moved = np.array([matrix @ [point.x, point.y, 1] for point in points.values()])
    return float(((moved - np.array(list(SPEC.points.values()))) ** 2).sum())


def _specified(
    frame: NDArray[np.uint8], matrix: NDArray[np.float64], width: int, height: int, border: str
) -> NDArray[np.float64]:
    """The text at the head of align.py, line by line."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    k = max(1, floor(1 / scale + 1e-9))
    mode: Literal["edge", "constant"] = "edge" if border == "replicate" else "constant"
    pixels = frame.astype(np.float64)
    if k > 1:
        rows, columns = -pixels.shape[0] % k, -pixels.shape[1] % k
        pixels = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode=mode)
        blocks = pixels.reshape(pixels.shape[0] // k, k, pixels.shape[1] // k, k, 3)
        pixels = np.floor(blocks.mean(axis=(1, 3)) + 0.5)
    y, x = np.mgrid[:height, :width]
    source = (np.stack([x, y], -1) - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    source = (source + 0.5) / k - 0.5
    pad = 2
    pixels = np.pad(pixels, ((pad, pad), (pad, pad), (0, 0)), mode=mode)
    limit = np.array([pixels.shape[1], pixels.shape[0]]) - 1 - 1e-6
    source = np.clip(source + pad, 0, limit)
    low = np.floor(source).astype(int)
    fraction = source - low
    out = np.zeros((height, width, 3))
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.abs(1 - dx - fraction[..., 0]) * np.abs(1 - dy - fraction[..., 1])
            out += weight[..., None] * pixels[low[..., 1] + dy, low[..., 0] + dx]
    return out
