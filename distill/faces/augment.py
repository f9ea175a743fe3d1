"""Augmentation of aligned faces: what comes on top of the shipped preprocessing in training."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ROTATION = 12.0  # degrees
SCALE = 0.12
SHIFT = 5.0  # pixels
# How often each is applied.
GREY = 0.25  # half of the data is grey; this keeps colour from being a clue
BLUR = 0.15
LOW_RESOLUTION = 0.15  # down to 24 px and up again
OVER_EXPOSURE = 0.15
GAMMA = 0.10
NOISE = 0.10
ERASE = 0.25
JPEG = 0.12


def augment(
    image: NDArray[np.uint8], width: int, height: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One varied copy, uint8 [height, width, 3], of an aligned face kept with a margin.

    Geometry within what alignment errors look like, mirror, blur, low resolution, colour,
    exposure, contrast, noise, one erased rectangle, JPEG.
    """
    face = _move(image, width, height, rng)
    if rng.random() < BLUR:
        face = np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 2.0)), dtype=np.uint8)
    if rng.random() < LOW_RESOLUTION:
        face = _lower_resolution(face, int(rng.integers(24, 80)))
    face = _recolour(face, rng)
    if rng.random() < ERASE:
        h, w = (int(rng.integers(10, 37)) for _ in range(2))
        y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        face[y : y + h, x : x + w] = rng.integers(0, 256, 3)
    if rng.random() < JPEG:
        _, data = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))])
        face = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), dtype=np.uint8)
    return face


def centre(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The face as the product cuts it: the margin taken off."""
    y, x = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[y : y + height, x : x + width]


def _move(
    image: NDArray[np.uint8], width: int, height: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    angle = float(np.clip(rng.normal(0, ROTATION / 2), -2 * ROTATION, 2 * ROTATION))
    scale = 1 + rng.uniform(-SCALE, SCALE)
    middle = ((image.shape[1] - 1) / 2, (image.shape[0] - 1) / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, angle, scale), dtype=np.float64)
    matrix[:, 2] += ((width - image.shape[1]) / 2, (height - image.shape[0]) / 2)
    matrix[:, 2] += rng.uniform(-SHIFT, SHIFT, 2)
    if rng.random() < 0.5:
        matrix[0] = -matrix[0]
        matrix[0, 2] += width - 1
    moved = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


def _lower_resolution(face: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The face at `side` x `side` pixels, enlarged again."""
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    size = (face.shape[1], face.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _recolour(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    pixels = face.astype(np.float32)
    if rng.random() < GREY:
        pixels[:] = (pixels @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    else:
        pixels *= rng.uniform(0.85, 1.15, 3).astype(np.float32)
    light = rng.random()
    if light < OVER_EXPOSURE:
        pixels *= rng.uniform(1.2, 1.9)
    elif light < OVER_EXPOSURE + GAMMA:
        gamma = np.float32(rng.uniform(0.5, 2.2))
        pixels = np.asarray(255 * (pixels.clip(0, 255) / 255) ** gamma, np.float32)
    else:
        pixels = (pixels - 128) * rng.uniform(0.65, 1.3) + 128 + rng.uniform(-30, 30)
    if rng.random() < NOISE:
        noise = rng.normal(0, rng.uniform(2, 10), pixels.shape[:2])
        pixels += noise[..., None].astype(np.float32)
    return np.asarray(pixels.clip(0, 255), dtype=np.uint8)
