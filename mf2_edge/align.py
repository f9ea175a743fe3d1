"""Align: bring a face to the template of the manifest, with one exactly specified resampler.

Every binding implements `warp` from this text, and the golden vectors hold it to that:

1. `matrix` (2x3) maps frame pixels to output pixels; pixel centres lie at integer coordinates.
   Its scale is `s = sqrt(|det|)`, output pixels a frame pixel.
2. Where `s <= 0.5` the frame is first reduced by the integer `k = floor(1 / s)`: each pixel of the
   reduced frame is the rounded mean of a `k x k` block, blocks counted from the frame's origin. A
   frame pixel `x` then lies at `(x + 0.5) / k - 0.5`. This is what keeps large faces from aliasing.
3. Each output pixel is the bilinear mean of the four neighbours of its source position, rounded to
   uint8. What lies outside the frame is the nearest edge pixel (`replicate`, the template crop)
   or 0 (`black`, the detector's views), in both steps.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mf2_edge.schema import AlignmentSpec
    from mf2_edge.types import Landmarks

Border = Literal["replicate", "black"]

_CV2_BORDER: Final = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}


def similarity(landmarks: Landmarks, spec: AlignmentSpec) -> NDArray[np.float64]:
    """Least-squares similarity transform (2x3) from frame pixels to the template's pixels.

    Rotation, uniform scale and translation without reflection, closed form in the complex plane:
    Umeyama, *Least-squares estimation of transformation parameters between two point patterns*
    (1991), for two dimensions. Uses the landmarks that `spec.points` names, each with weight 1.
    """
    source = np.array([complex(p.x, p.y) for p in (getattr(landmarks, n) for n in spec.points)])
    target = np.array([complex(x, y) for x, y in spec.points.values()])
    source_mean, target_mean = source.mean(), target.mean()
    centred = source - source_mean
    spread = float(np.sum(np.abs(centred) ** 2))
    if spread < 1e-12:
        raise ValueError("all landmarks coincide: no similarity transform maps them to a template")
    turn = complex(np.sum(np.conj(centred) * (target - target_mean))) / spread
    shift = target_mean - turn * source_mean
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def align(
    frame: NDArray[np.uint8], landmarks: Landmarks, spec: AlignmentSpec, margin: int = 0
) -> NDArray[np.uint8]:
    """Cut one face out of an RGB frame so that its landmarks lie on the template.

    Returns uint8 [height + 2 margin, width + 2 margin, 3]. `margin` (pixels) keeps what lies
    around the template; training augments inside it, the product passes 0.
    """
    matrix = similarity(landmarks, spec)
    matrix[:, 2] += margin
    return warp(frame, matrix, spec.width + 2 * margin, spec.height + 2 * margin)


def resize_crop(crop: NDArray[np.uint8], spec: AlignmentSpec, margin: int = 0) -> NDArray[np.uint8]:
    """Stretch a whole crop to the template's size; returns a shape as in `align`.

    For crops that are aligned already, and for those in which no landmarks were found.
    """
    height, width = crop.shape[:2]
    x, y = spec.width / width, spec.height / height
    matrix = np.array([[x, 0, x / 2 - 0.5 + margin], [0, y, y / 2 - 0.5 + margin]])
    return warp(crop, matrix, spec.width + 2 * margin, spec.height + 2 * margin)


def warp(
    frame: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    width: int,
    height: int,
    border: Border = "replicate",
) -> NDArray[np.uint8]:
    """Resample `frame` [H, W, 3] through `matrix` (frame -> output) as the module text specifies.

    Only the part of the frame that the output sees is touched, so the cost does not grow with it.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    step = max(1, floor(1 / scale + 1e-9))
    x0, y0, x1, y1 = _source_window(frame.shape, matrix, width, height, step)
    window = frame[y0:y1, x0:x1]
    to_output = matrix.copy()
    to_output[:, 2] += matrix[:, :2] @ (x0, y0)
    if step > 1:
        window = _reduce(window, step, border)
        to_output[:, 2] += to_output[:, :2] @ np.full(2, (step - 1) / 2)
        to_output[:, :2] *= step
    warped = cv2.warpAffine(
        window, to_output, (width, height), flags=cv2.INTER_LINEAR, borderMode=_CV2_BORDER[border]
    )
    return np.asarray(warped, dtype=np.uint8)


def _source_window(
    shape: tuple[int, ...], matrix: NDArray[np.float64], width: int, height: int, step: int
) -> tuple[int, int, int, int]:
    """Frame pixels (x0, y0, x1, y1) that the output reads, on multiples of `step`, never empty."""
    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    seen = (corners - 0.5 - matrix[:, 2]) @ inverse.T
    reach = 2 * step + 1
    window = []
    for axis, length in enumerate((shape[1], shape[0])):
        low = min(max(floor(seen[:, axis].min()) - reach, 0), length - 1) // step * step
        high = min(max(ceil(seen[:, axis].max()) + reach, low + 1), length)
        window.append((low, high))
    return window[0][0], window[1][0], window[0][1], window[1][1]


def _reduce(window: NDArray[np.uint8], step: int, border: Border) -> NDArray[np.uint8]:
    """Mean of `step` x `step` blocks; a last incomplete block is completed by the border."""
    height, width = window.shape[:2]
    below, right = -height % step, -width % step
    if below or right:
        window = np.asarray(
            cv2.copyMakeBorder(window, 0, below, 0, right, _CV2_BORDER[border]), dtype=np.uint8
        )
    size = (window.shape[1] // step, window.shape[0] // step)
    return np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
