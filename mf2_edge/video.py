"""Frames with their times from a video file, a camera or a network address, through OpenCV.

A thread reads ahead, so that reading and analysing overlap. Of a file no frame is dropped: the
reader waits. Of a live source the newest frame counts: frames that nobody took are dropped, and
counted.
"""

from __future__ import annotations

import re
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import VideoError

LIVE_SCHEMES: Final = frozenset({"rtsp", "rtsps", "rtmp", "udp", "srt", "rtp"})
"""Addresses whose frames come in their own time; all others are read like files."""

_READ_AHEAD: Final = 4
"""Frames of a file that wait; a live source keeps one."""
_USUAL_FPS: Final = 30.0
"""Where a source does not say."""
_EXACT_COUNTS: Final = frozenset({".mp4", ".m4v", ".mov", ".avi"})
"""Containers that hold their number of frames; others are estimated from their duration."""


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A frame: its number from 0, its time in ms, and the picture, BGR uint8 [H, W, 3].

    Times are those of the container from 0 on, or for a live source ms since it was opened. They
    never go back.
    """

    index: int
    timestamp_ms: float
    image: NDArray[np.uint8]


class VideoSource:
    """Frames of a file, a camera (its number) or an address; a context manager and an iterator.

    `fps` is what the source says (30 where it does not), `frame_count` the frames of a file (an
    estimate in some containers, None where nothing is known), `width` and `height` are in pixels
    as shown: a rotation that the file asks for has been applied. `dropped` counts the frames of a
    live source that came faster than they were taken; `live` says whether it is one.

    Opening raises VideoError for a file that is missing, empty, or not readable by this OpenCV,
    and for a camera or address that does not answer. Iterating raises it after the last good frame
    if a file ends early or has undecodable frames, or if a camera goes away.
    """

    def __init__(self, source: str | Path | int) -> None:
        camera = source if isinstance(source, int) else None
        if isinstance(source, str) and re.fullmatch(r"\d+", source):
            camera = int(source)
        scheme = re.match(r"([a-z0-9+]+)://", str(source).lower())
        self.name = str(source) if camera is None else f"camera {camera}"
        self.live = camera is not None or (scheme is not None and scheme[1] in LIVE_SCHEMES)
        if camera is None and scheme is None:
            _check_file(Path(source))
        self._exact = Path(str(source)).suffix.lower() in _EXACT_COUNTS
        self._capture = cv2.VideoCapture(str(source) if camera is None else camera)
        if not self._capture.isOpened():
            raise VideoError(f"{self.name}: {_why_not_opened(camera, scheme is not None)}")
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        self.fps = _number(self._capture.get(cv2.CAP_PROP_FPS), 1, 1000) or _USUAL_FPS
        self.width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        count = None if self.live else _number(self._capture.get(cv2.CAP_PROP_FRAME_COUNT), 1, 1e9)
        self.frame_count = None if count is None else int(count)
        self.dropped = 0
        self._waiting: deque[VideoFrame] = deque()
        self._change = threading.Condition()
        self._stop = self._ended = False
        self._failure: Exception | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._reader = threading.Thread(target=self._read_all, name="video", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._change:
            self._stop = True
            self._change.notify_all()
        if self._reader is not None:
            # A network camera may hang in a read; the thread is a daemon and ends with us.
            self._reader.join(timeout=2)
            if not self._reader.is_alive():
                self._capture.release()

    def __iter__(self) -> Iterator[VideoFrame]:
        while True:
            with self._change:
                # Short waits: Ctrl-C is only heard between them.
                while not self._waiting and not self._ended:
                    self._change.wait(timeout=0.2)
                if not self._waiting:
                    break
                frame = self._waiting.popleft()
                self._change.notify_all()
            yield frame
        if self._failure is not None:
            raise self._failure

    def _read_all(self) -> None:
        try:
            self._failure = self._read_until_end()
        except Exception as error:
            self._failure = VideoError(f"{self.name}: reading failed ({error})")
        with self._change:
            self._ended = True
            self._change.notify_all()

    def _read_until_end(self) -> VideoError | None:
        """Hand over every frame; what was wrong with the end, if anything was."""
        began, last, index = time.monotonic(), -1.0, 0
        while not self._stop:
            read, image = self._capture.read()
            if not read or image is None:
                return self._judge_end(index, last)
            if self.live:
                now = (time.monotonic() - began) * 1e3
            else:
                now = self._capture.get(cv2.CAP_PROP_POS_MSEC)
                if not isfinite(now) or now <= last:
                    now = last + 1e3 / self.fps if index else 0.0
            last = max(last, now)
            self._offer(VideoFrame(index, last, np.asarray(image, np.uint8)))
            index += 1
        return None

    def _offer(self, frame: VideoFrame) -> None:
        with self._change:
            if self.live:
                self.dropped += len(self._waiting)
                self._waiting.clear()
            while len(self._waiting) >= _READ_AHEAD and not self._stop:
                self._change.wait(timeout=0.2)
            self._waiting.append(frame)
            self._change.notify_all()

    def _judge_end(self, read: int, last_ms: float) -> VideoError | None:
        if self.live:
            return VideoError(
                f"{self.name}: no more frames after {read}; expected it to go on until stopped: "
                "was the camera unplugged, or the connection lost?"
            )
        if read == 0:
            return VideoError(
                f"{self.name}: no frame can be decoded; expected a video in a codec that OpenCV "
                "reads: ffmpeg -i in -c:v libx264 out.mp4"
            )
        expected = self.frame_count or 0
        missing = expected - read
        if missing <= max(2, expected // 100):
            return None
        if last_ms < (0.99 * expected - 3) * 1e3 / self.fps:
            what = "the file is cut off or damaged there"
        elif self._exact:
            what = "the file is damaged in between"
        else:
            return None  # an estimate that was too high
        return VideoError(
            f"{self.name}: {read} of {expected} frames could be read, up to {last_ms / 1e3:.1f} s: "
            f"{what}; the results up to here hold"
        )


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise VideoError(
            f"{path}: {reason}; expected a video file, a camera's number (0) or an rtsp:// address"
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise VideoError(f"{path}: is a folder; expected a video file")
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy or record it again")


def _why_not_opened(camera: int | None, address: bool) -> str:
    if camera is not None:
        return (
            "cannot be opened; is it plugged in, used by another program, or forbidden to this "
            "user? Cameras are numbered from 0"
        )
    if address:
        return "does not answer; check the address, the network and the password"
    return (
        "cannot be read as a video: damaged, cut off, or in a format that this OpenCV does not "
        "know; convert it: ffmpeg -i in -c:v libx264 out.mp4"
    )


def _number(value: float, low: float, high: float) -> float | None:
    return value if isfinite(value) and low <= value <= high else None
