"""Frames of a camera of this machine, by its number, through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import VideoError


class Camera:
    """An open camera; `fps` as it says, None if it does not."""

    def __init__(self, number: int) -> None:
        """Raises VideoError if there is none of that number, or it is taken."""
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            raise VideoError(
                f"{number}: cannot be opened; is the camera connected, free and allowed?"
            )
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps < 1000 else None

    def frames(self, every: int = 1) -> Iterator[tuple[NDArray[np.uint8], float]]:
        """Every `every`-th frame, BGR [H, W, 3], without a time of its own (0); to the last."""
        number = 0
        while self._capture.grab():
            number += 1
            if (number - 1) % every:
                continue
            found, frame = self._capture.retrieve()
            if not found:
                return
            yield np.asarray(frame, np.uint8), 0.0

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()
