"""Frames of videos, in order and exactly.

Seeking by OpenCV lands on key frames with some codecs, so a frame is reached by reading on from
the last one.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


class VideoError(ValueError):
    """A video cannot be opened, or ends before the frame that was asked for."""


class Video:
    """One open video file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._capture = _open(path)
        self._next = 0

    def read(self, frame: int) -> NDArray[np.uint8]:
        """Frame number `frame` (from 0), uint8 RGB [H, W, 3]; raises VideoError past the end."""
        if frame < self._next:
            self._capture, self._next = _open(self.path), 0
        while self._next < frame and self._capture.grab():
            self._next += 1
        found, image = self._capture.read()
        if self._next < frame or not found:
            raise VideoError(f"{self.path} ends before frame {frame} (counted from 0)")
        self._next += 1
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def count_frames(path: Path) -> int:
    """Number of frames, as the file's header says it."""
    return int(_open(path).get(cv2.CAP_PROP_FRAME_COUNT))


def _open(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise VideoError(f"{path} is not a video that OpenCV reads")
    return capture
