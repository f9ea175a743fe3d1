"""Videos rendered from the sample portrait, written by OpenCV when a test asks."""

from __future__ import annotations

from math import sin
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.streams import portrait


def render(path: Path, frames: int = 45, fps: float = 30.0, *, two: bool = False) -> Path:
    """A VGA clip whose face moves and zooms; the portrait's mirror image joins half way."""
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, fps, (640, 480))
    assert writer.isOpened()
    picture = np.ascontiguousarray(portrait(300)[..., ::-1])
    for number in range(frames):
        frame = np.full((480, 640, 3), 90, np.uint8)
        zoom = 1 + 0.1 * sin(number / 9)
        _put(frame, picture, zoom, 20 + 30 * sin(number / 11), 90.0)
        if two and number >= frames // 2:
            _put(frame, picture[:, ::-1], 0.9, 350.0, 120 + 15 * sin(number / 7))
        writer.write(frame)
    writer.release()
    return path


def _put(
    frame: NDArray[np.uint8], picture: NDArray[np.uint8], zoom: float, x: float, y: float
) -> None:
    matrix = np.array([[zoom, 0, x], [0, zoom, y]], np.float64)
    size = (frame.shape[1], frame.shape[0])
    drawn = cv2.warpAffine(np.ascontiguousarray(picture), matrix, size)
    inside = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), matrix, size) > 127
    frame[inside] = drawn[inside]
