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

from math import ceil, floor, sqrt
from typing import TYPE_CHECKING, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import AlignmentSpec
    from mf2_edge.types import Landmarks

Border = Literal["replicate", "black"]

LARGEST_PADDED: Final = 1 << 24
"""Pixels up to which an incomplete block is completed in memory."""

_CV2_BORDER: Final = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}


def similarity(landmarks: Landmarks, spec: AlignmentSpec) -> NDArray[np.float64]:
    """Least-squares similarity transform (2x3) from frame pixels to the template's pixels.

    Rotation, uniform scale and translation without reflection, closed form in the complex plane:
    Umeyama, *Least-squares estimation of transformation parameters between two point patterns*
    (1991), for two dimensions. Uses the landmarks that `spec.points` names, each with weight 1.
    """
    source = [complex(p.x, p.y) for p in (getattr(landmarks, name) for name in spec.points)]
    target = [complex(x, y) for x, y in spec.points.values()]
    source_mean, target_mean = sum(source) / len(source), sum(target) / len(target)
    centred = [point - source_mean for point in source]
    spread = sum(abs(point) ** 2 for point in centred)
    if spread < 1e-12:
        raise ValueError("all landmarks coincide: no similarity transform maps them to a template")
    pairs = zip(centred, target, strict=True)
    turn = sum(point.conjugate() * (wanted - target_mean) for point, wanted in pairs) / spread
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
    # In plain numbers: on arrays this small NumPy takes longer than the resampling does.
    (a, b, tx), (c, d, ty) = matrix.tolist()
    determinant = a * d - b * c
    step = max(1, floor(1 / sqrt(abs(determinant)) + 1e-9))
    corners = [(x - 0.5 - tx, y - 0.5 - ty) for x in (0, width) for y in (0, height)]
    x0, x1 = _span([(d * x - b * y) / determinant for x, y in corners], frame.shape[1], step)
    y0, y1 = _span([(a * y - c * x) / determinant for x, y in corners], frame.shape[0], step)
    window = frame[y0:y1, x0:x1]
    tx, ty = tx + a * x0 + b * y0, ty + c * x0 + d * y0
    if step > 1:
        window = _reduce(window, step, border)
        middle = (step - 1) / 2
        tx, ty = tx + (a + b) * middle, ty + (c + d) * middle
        a, b, c, d = a * step, b * step, c * step, d * step
    to_output = np.array([[a, b, tx], [c, d, ty]])
    warped = cv2.warpAffine(
        window, to_output, (width, height), flags=cv2.INTER_LINEAR, borderMode=_CV2_BORDER[border]
    )
    return np.asarray(warped, dtype=np.uint8)


def _span(seen: list[float], length: int, step: int) -> tuple[int, int]:
    """First and end of the frame's `length` pixels that the output reads, never empty.

    `seen`: where the output's corners lie. The first is a multiple of `step`.
    """
    reach = 2 * step + 1
    low = min(max(floor(min(seen)) - reach, 0), length - 1) // step * step
    return low, min(max(ceil(max(seen)) + reach, low + 1), length)


def _reduce(window: NDArray[np.uint8], step: int, border: Border) -> NDArray[np.uint8]:
    """Mean of `step` x `step` blocks; a last incomplete block is completed by the border."""
    height, width = window.shape[:2]
    below, right = -height % step, -width % step
    if (height + below) * (width + right) > LARGEST_PADDED and min(height, width) < step:
        return _reduce_unpadded(window, step, border)
    if below or right:
        window = np.asarray(
            cv2.copyMakeBorder(window, 0, below, 0, right, _CV2_BORDER[border]), dtype=np.uint8
        )
    size = (window.shape[1] // step, window.shape[0] // step)
    return np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _reduce_unpadded(window: NDArray[np.uint8], step: int, border: Border) -> NDArray[np.uint8]:
    """The same where blocks are far larger than the window, in memory of the window's size."""
    sums = window.astype(np.float64)
    for axis in (0, 1):
        length = sums.shape[axis]
        last = np.take(sums, [-1], axis) * (-length % step if border == "replicate" else 0)
        sums = np.add.reduceat(sums, np.arange(0, length, step), axis)
        end = (slice(None),) * axis + (slice(-1, None),)
        sums[end] += last
    return np.rint(sums / float(step) ** 2).astype(np.uint8)
