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
from stat import S_ISREG
from threading import Event, Thread
from time import monotonic
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import VideoError
from mf2_edge.io.camera import Camera
from mf2_edge.io.image_sequence import ImageSequence, is_image_sequence
from mf2_edge.io.network_stream import NetworkStream
from mf2_edge.io.video_file import VideoFile

Frame = tuple[NDArray[np.uint8], float]
"""BGR [H, W, 3], and its time in milliseconds from the first frame."""

AHEAD: Final = 8
"""Frames of a file that are read ahead."""

LIVE_SCHEMES: Final = frozenset({"rtsp", "rtsps", "rtmp", "udp", "srt", "rtp"})
"""Addresses whose frames come in their own time; so do those of others that know no duration."""

LOST_PART: Final = 0.02
"""A file may miss this part of its frames, and one more, without being called damaged."""

_POLL_S: Final = 0.1


class VideoSource:
    """An open source. Iterate over it once; `close` it, or use it with `with`.

    `live`: a camera or stream. `fps`: as the source says, on average, None if it does not.
    `frame_count`: of a file, roughly. `read` and `dropped` count frames; so does `missing`, at the
    end of a file: those that could not be decoded. `every`: only every so many-th frame is given.
    """

    def __init__(self, source: str | int | Path, *, every: int = 1) -> None:
        """Open a file, a folder or pattern of pictures, the number of a camera, or a URL.

        A pattern is `frames/%05d.png` or `frames/*.png`; what exists is a file, whatever its name.

        Raises VideoError if there is nothing of that name, or it cannot be decoded;
        MissingExtraError where PyAV (extra `video`) is missing, which all but cameras and pictures
        need.
        """
        if every < 1:
            raise ValueError(f"every={every}: expected 1 or more")
        self.name, self.every = str(source), every
        self._on_disk = is_file_name(source)
        self._decoder: Camera | NetworkStream | ImageSequence | VideoFile = _open(source)
        self.live = isinstance(self._decoder, Camera | NetworkStream)
        self.fps = self._decoder.fps
        count = None if self.live else getattr(self._decoder, "frame_count", None)
        self.frame_count: int | None = count
        self.read = self.dropped = self.missing = 0
        self._failed: BaseException | None = None
        self._frames: Queue[Frame | None] = Queue(1 if self.live else AHEAD)
        self._stop = Event()
        self._reader = Thread(target=self._read_all, name="video reader", daemon=True)

    def __iter__(self) -> Iterator[Frame]:
        """Frame by frame to the end; unreadable ones are passed over.

        Raises VideoError after the last frame where a live source stops, or a file is damaged.
        """
        self._reader.start()
        while (frame := self._frames.get()) is not None:
            yield frame
        if self._failed is not None:
            raise self._failed
        if self._stop.is_set():
            return
        if self.live:
            raise VideoError(
                f"{self.name}: no more frames after {self.read:,}; is it still connected?"
            )
        if isinstance(self._decoder, VideoFile | ImageSequence):
            self._check_end(self._decoder)

    @property
    def sound_file(self) -> Path | None:
        """The file whose sound goes with the frames; None for live sources, URLs and pictures."""
        is_file = isinstance(self._decoder, VideoFile) and self._on_disk
        return Path(self.name) if is_file else None

    @property
    def first_s(self) -> float:
        """The time in seconds that a file gives its first frame; 0 before it was read."""
        return getattr(self._decoder, "first_s", None) or 0.0

    def close(self) -> None:
        """Stop reading and let go of the source."""
        self._stop.set()
        if isinstance(self._decoder, NetworkStream):
            self._decoder.stop()
        if self._reader.ident is not None:
            self._reader.join()
        self._decoder.close()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_end(self, decoder: VideoFile | ImageSequence) -> None:
        """What a file lacks is judged by what could not be decoded; headers count roughly."""
        if self.read == 0:
            raise VideoError(f"{self.name}: no frame could be read; expected a video")
        announced = -(-(self.frame_count or 0) // self.every)
        if decoder.unreadable:
            self.missing = max(-(-decoder.unreadable // self.every), announced - self.read)
        total = self.read + self.missing
        if self.missing > LOST_PART * total + 1:
            raise VideoError(
                f"{self.name}: only {self.read:,} of {total:,} frames could be read: "
                "the file is cut off or damaged. What was read is analysed"
            )
        if decoder.breaks_off:
            raise VideoError(
                f"{self.name}: breaks off after {self.read:,} frames: the file is cut off or "
                "damaged. What was read is analysed"
            )

    def _read_all(self) -> None:
        started = monotonic()
        try:
            for frame, time_ms in self._decoder.frames(self.every):
                if self._stop.is_set():
                    break
                self.read += 1
                now_ms = (monotonic() - started) * 1e3
                self._hand_over((frame, now_ms if self.live else time_ms))
        except BaseException as error:
            self._failed = error
        self._put(None)

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


def input_files(source: str | int | Path) -> list[Path]:
    """The files that a source reads, so that no output takes their place."""
    if not is_file_name(source):
        return []
    path = Path(str(source))
    return ImageSequence(path).files if is_image_sequence(path) else [path]


def _open(source: str | int | Path) -> Camera | NetworkStream | ImageSequence | VideoFile:
    if is_file_name(source):
        path = Path(str(source))
        if is_image_sequence(path):
            return ImageSequence(path)
        _check_file(path)
        return VideoFile(path)
    if str(source).isdecimal():
        return Camera(int(str(source)))
    opened = VideoFile(str(source))
    scheme = str(source).partition("://")[0].lower()
    return NetworkStream(opened) if opened.endless or scheme in LIVE_SCHEMES else opened


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        told = f"{path}: no such file; expected a video, a camera's number or a URL"
        raise VideoError(told) from error
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise VideoError(f"{path}: cannot be read ({said}); expected a video") from error
    if not S_ISREG(found.st_mode):
        raise VideoError(f"{path}: is no regular file; expected a video")
    if found.st_size == 0:
        raise VideoError(f"{path}: is empty; expected a video")
