"""An .mp4 of annotated frames, at a constant frame rate and as long as what was watched."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.cli.watch_files import FrameResult, writing
from mf2_edge.errors import OutputError
from mf2_edge.io.atomic import partial_of, put_in_place
from mf2_edge.io.draw import draw
from mf2_edge.io.video import file_name

LONGEST_PAUSE_S: Final = 10
"""A frame stands at most this long: a gap in a stream would fill the disk otherwise."""


class AnnotatedVideo:
    """MPEG-4 part 2; it becomes readable when it is closed, after an error too.

    A frame stands until the next is due; of frames that are due within one frame of the video,
    the last is kept. So frames that come at changing rates, or were dropped, change no duration.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps = path, fps
        self._video: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._shown: NDArray[np.uint8] | None = None
        self._due = self._written = 0
        with writing(path):
            self._partial = partial_of(path)

    def write(self, result: FrameResult) -> None:
        """Draw a frame, and write those whose time is over."""
        rgb = np.ascontiguousarray(result.frame[..., ::-1])
        picture = np.asarray(draw(rgb, result.states, color="rgb"), np.uint8)[..., ::-1]
        if self._video is None:
            self._video = self._open(picture)
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        due = max(self._due, round(result.time_ms * self._fps / 1e3))
        self._show_until(due)
        self._shown, self._due = np.ascontiguousarray(picture), due

    def close(self) -> None:
        """Write the last frame and put the video in its place."""
        try:
            if self._video is None:
                return
            self._show_until(self._due + 1)
            self._video.release()
            # OpenCV says nothing where the disk is full.
            if not _holds(self._partial, self._written):
                raise OutputError(f"{self._path}: cannot be written; is there room on the disk?")
            with writing(self._path):
                put_in_place(self._partial, self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def _show_until(self, due: int) -> None:
        if self._video is None or self._shown is None:
            return
        for _ in range(min(due - self._written, round(LONGEST_PAUSE_S * self._fps))):
            self._video.write(self._shown)
        self._written = due

    def _open(self, picture: NDArray[np.uint8]) -> cv2.VideoWriter:
        self._size = (picture.shape[1], picture.shape[0])
        code = cv2.VideoWriter.fourcc(*"mp4v")
        video = cv2.VideoWriter(file_name(self._partial), code, self._fps, self._size)
        if not video.isOpened():
            raise OutputError(
                f"{self._path}: cannot be written; expected a path like out.mp4, in a folder where "
                "files may be written"
            )
        return video


def _holds(path: Path, frames: int) -> bool:
    """Whether a video can be read and is about as long as what was written."""
    capture = cv2.VideoCapture(file_name(path))
    try:
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return bool(capture.isOpened() and capture.read()[0]) and count >= 0.95 * frames - 1
    finally:
        capture.release()
