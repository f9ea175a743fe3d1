"""Augmentation of aligned faces: what comes on top of the shipped preprocessing in training."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ROTATION = 12.0  # degrees
SCALE = 0.10
SHIFT = 5.0  # pixels
GREY = 0.25  # half of the data is grey; this keeps colour from being a clue
BLUR = 0.15
ERASE = 0.25


def augment(
    image: NDArray[np.uint8], width: int, height: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One varied copy, uint8 [height, width, 3], of an aligned face kept with a margin.

    Geometry within what alignment errors look like, mirror, brightness, contrast, colour, blur
    and one erased rectangle.
    """
    face = _move(image, width, height, rng)
    if rng.random() < BLUR:
        face = np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 2.0)), dtype=np.uint8)
    face = _recolour(face, rng)
    if rng.random() < ERASE:
        h, w = (int(rng.integers(10, 38)) for _ in range(2))
        y, x = int(rng.integers(0, height - h)), int(rng.integers(0, width - w))
        face[y : y + h, x : x + w] = rng.integers(0, 256, 3)
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


def _recolour(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    pixels = face.astype(np.float32)
    if rng.random() < GREY:
        pixels[:] = (pixels @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    else:
        pixels *= rng.uniform(0.85, 1.15, 3).astype(np.float32)
    gain, offset = rng.uniform(0.7, 1.3), rng.uniform(-25, 25)
    return np.asarray(np.clip((pixels - 128) * gain + 128 + offset, 0, 255), dtype=np.uint8)
