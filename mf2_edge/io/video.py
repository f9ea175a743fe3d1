"""Frames with their times, from a video file, a camera or a network stream.

Frames are read in a thread of its own, so that reading and inference overlap. A file waits until
its frames are taken; a live source goes on, and frames that were not read in time are dropped and
counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import VideoError

Frame = tuple[NDArray[np.uint8], float]
"""BGR [H, W, 3], and its time in milliseconds from the first frame."""

AHEAD: Final = 8
"""Frames of a file that are read ahead."""

LIVE_SCHEMES: Final = frozenset({"rtsp", "rtsps", "rtmp", "udp", "srt", "rtp"})
"""Addresses whose frames come in their own time; all others are read like files."""

LOST_PART: Final = 0.02
"""A file may end this part of its frames early: containers count them roughly."""

UNREADABLE: Final = 100
"""Frames of a damaged file that may follow one another before the rest is given up."""

_POLL_S: Final = 0.1


class VideoSource:
    """An open source. Iterate over it once; `close` it, or use it with `with`.

    `live`: a camera or stream. `fps`: as the source says, on average, None if it does not.
    `frame_count`: of a file, roughly. `read` and `dropped` count frames; so does `missing`, at the
    end of a file: those that it should hold and that could not be read.
    """

    def __init__(self, source: str | int | Path) -> None:
        """`source`: a file, the number of a camera, or a URL (rtsp, http); what exists is a file.

        Raises VideoError if there is nothing of that name, or OpenCV cannot read it.
        """
        self.name = str(source)
        scheme = self.name.partition("://")[0]
        self._on_disk = is_file_name(source)
        is_camera = not self._on_disk and self.name.isdecimal()
        self.live = not self._on_disk and (is_camera or scheme.lower() in LIVE_SCHEMES)
        if self._on_disk:
            path = Path(self.name)
            _check_file(path)
            self._capture = cv2.VideoCapture(file_name(path))
        else:
            self._capture = cv2.VideoCapture(int(self.name) if is_camera else self.name)
        if not self._capture.isOpened():
            raise VideoError(_cannot_open(self.name, live=self.live))
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.fps = fps if 0 < fps < 1000 else None
        self.frame_count = count if not self.live and count > 0 else None
        self.read = self.dropped = self.missing = 0
        self._frames: Queue[Frame | None] = Queue(1 if self.live else AHEAD)
        self._stop = Event()
        self._reader = Thread(target=self._read_all, name="video reader", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        """Frame by frame to the end; unreadable ones are passed over.

        Raises VideoError after the last frame where a live source stops, or a file lacks frames.
        """
        self._reader.start()
        while (frame := self._frames.get()) is not None:
            yield frame
        if self._stop.is_set():
            return
        if self.live:
            raise VideoError(
                f"{self.name}: no more frames after {self.read:,}; is it still connected?"
            )
        if self.read == 0:
            raise VideoError(f"{self.name}: no frame could be read; expected a video")
        self.missing = max(0, (self.frame_count or 0) - self.read)
        if self.missing > LOST_PART * (self.frame_count or 0) + 1:
            raise VideoError(
                f"{self.name}: only {self.read:,} of {self.frame_count:,} frames could be read: "
                "the file is cut off or damaged. What was read is analysed"
            )

    def close(self) -> None:
        """Stop reading and let go of the source."""
        self._stop.set()
        if self._reader.ident is not None:
            self._reader.join()
        self._capture.release()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_all(self) -> None:
        started, last_ms, unreadable = monotonic(), -1.0, 0
        while not self._stop.is_set():
            found, frame = self._capture.read()
            if not found:
                unreadable += 1
                if self._may_go_on(unreadable):
                    continue
                break
            unreadable = 0
            now_ms = (monotonic() - started) * 1e3
            last_ms = now_ms if self.live else self._file_time(last_ms)
            self.read += 1
            self._hand_over((np.asarray(frame, np.uint8), last_ms))
        self._put(None)

    def _may_go_on(self, unreadable: int) -> bool:
        """Whether frames of a file may follow some that could not be read."""
        expected = self.frame_count if self._on_disk else None
        return expected is not None and self.read < expected and unreadable < UNREADABLE

    def _file_time(self, last_ms: float) -> float:
        """The container's time of the frame just read; by the frame rate where it has none."""
        time_ms = float(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        if time_ms > last_ms:
            return time_ms
        return last_ms + 1e3 / (self.fps or 25.0)

    def _hand_over(self, frame: Frame) -> None:
        if self.live:
            try:
                self._frames.get_nowait()
                self.dropped += 1
            except Empty:
                pass
        self._put(frame)

    def _put(self, frame: Frame | None) -> None:
        """Wait for room, but not for a reader that has stopped."""
        while not self._stop.is_set():
            try:
                self._frames.put(frame, timeout=_POLL_S)
            except Full:
                continue
            return


def is_file_name(source: str | int | Path) -> bool:
    """Whether a source is a file, and no camera or URL: what exists is, and every `Path`."""
    if isinstance(source, int):
        return False
    is_other = "://" in str(source) or str(source).isdecimal()
    return isinstance(source, Path) or not is_other or os.path.lexists(source)


def file_name(path: Path) -> str:
    """How OpenCV takes the name of a file.

    Absolute, since FFmpeg reads a name up to a colon as a protocol; as bytes where it is no text,
    since OpenCV crashes otherwise. It takes bytes everywhere, though its types say str.
    """
    name = os.path.abspath(path)  # noqa: PTH100 - resolves no links
    return cast("str", os.fsencode(name)) if os.name == "posix" else name


def _check_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise VideoError(f"{path}: is no regular file; expected a video")
    if not path.is_file():
        raise VideoError(f"{path}: no such file; expected a video, a camera's number or a URL")
    if path.stat().st_size == 0:
        raise VideoError(f"{path}: is empty; expected a video")


def _cannot_open(name: str, *, live: bool) -> str:
    if live:
        return f"{name}: cannot be opened; is the camera connected, free and allowed?"
    return (
        f"{name}: OpenCV cannot read it: no video, cut off before its index, or of a codec that it "
        "lacks; convert it, for instance with ffmpeg -i IN -c:v libx264 OUT.mp4"
    )
