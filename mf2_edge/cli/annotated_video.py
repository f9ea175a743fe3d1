"""A video of annotated frames, with the times, the size and the sound of what was watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.cli.watch_files import FrameResult, writing
from mf2_edge.errors import OutputError
from mf2_edge.extras import require
from mf2_edge.io.atomic import partial_of, put_in_place
from mf2_edge.io.draw import draw
from mf2_edge.io.sound import Sound

if TYPE_CHECKING:
    import av

    from mf2_edge.io.video import VideoSource

FORMATS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""FFmpeg's names of the containers that can be written, by suffix."""

_ENCODERS: Final = ("libx264", "libopenh264", "h264_videotoolbox", "h264_mf", "mpeg4")
"""H.264, which browsers and phones play, where PyAV brings an encoder; else MPEG-4 part 2."""
_OPTIONS: Final = {"libx264": {"preset": "veryfast", "crf": "20"}}

_TICKS: Final = 90_000
"""Times of the video, a second."""
_USUAL_FPS: Final = 25.0


class AnnotatedVideo:
    """Each frame at its own time; the file takes its place when it is closed, after an error too.

    Raises OutputError for a container that cannot be written, MissingExtraError without PyAV.
    """

    def __init__(self, path: Path, source: VideoSource) -> None:
        library = require("av", extra="video")
        self._errors: type[Exception] = library.FFmpegError
        if path.suffix.lower() not in FORMATS:
            raise OutputError(
                f"{path}: unknown kind of video; expected a name like out.mp4 "
                f"({', '.join(sorted(FORMATS))})"
            )
        self._path, self._source = path, source
        self._fps = source.fps or _USUAL_FPS
        self._stream: av.VideoStream | None = None
        self._sound: Sound | None = None
        self._size = (0, 0)
        self._last = -1
        self._failed = False
        with writing(path):
            self._partial = partial_of(path)
            self._file = self._partial.open("wb+")
            self._out: av.container.OutputContainer = library.open(
                self._file, "w", format=FORMATS[path.suffix.lower()]
            )

    def write(self, result: FrameResult) -> None:
        """Draw a frame and encode it."""
        rgb = np.ascontiguousarray(result.frame[..., ::-1])
        picture = np.asarray(draw(rgb, result.states, color="rgb", enlarge=False), np.uint8)
        with self._writing():
            if self._stream is None:
                self._stream = self._open(picture)
            self._encode(self._stream, self._fitted(picture), result.time_ms)

    def close(self) -> None:
        """Write what the encoder still holds, and put the video in its place."""
        try:
            if self._stream is None or self._failed:
                with suppress(OSError, self._errors):
                    self._out.close()
                with suppress(OSError):
                    self._file.close()
                return
            with self._writing():
                if self._sound is not None:
                    self._sound.write_until(self._last / _TICKS + 1 / self._fps)
                    self._sound.close()
                self._out.mux(self._stream.encode(None))
                self._out.close()
                self._file.close()
                put_in_place(self._partial, self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def _encode(self, stream: av.VideoStream, picture: NDArray[np.uint8], time_ms: float) -> None:
        from av import VideoFrame

        frame = VideoFrame.from_ndarray(picture, "rgb24")
        self._last = max(self._last + 1, round(time_ms * _TICKS / 1e3))
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        frame.duration = round(_TICKS / self._fps)
        if self._sound is not None:
            self._sound.write_until(time_ms / 1e3)
        self._out.mux(stream.encode(frame))

    def _open(self, picture: NDArray[np.uint8]) -> av.VideoStream:
        height, width = picture.shape[:2]
        self._size = (width, height)
        codec = _encoder()
        rate = Fraction(self._fps).limit_denominator(1001)
        options = dict(_OPTIONS.get(codec, {}))
        stream = cast("av.VideoStream", self._out.add_stream(codec, rate=rate, options=options))
        # Encoders take even sides.
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        file = self._source.sound_file
        if file is not None:
            self._sound = Sound(file, self._out, self._source.first_s)
        return stream

    def _fitted(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture in the size of the first, its last row and column twice where odd."""
        width, height = self._size
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """As `writing`, for what FFmpeg says as well."""
        self._failed = True
        try:
            with writing(self._path):
                yield
        except self._errors as error:
            raise OutputError(f"{self._path}: cannot be written ({error})") from error
        else:
            self._failed = False


def _encoder() -> str:
    codec = require("av.codec", extra="video").Codec
    for name in _ENCODERS:
        try:
            codec(name, "w")
        except ValueError:
            continue
        return name
    raise OutputError("PyAV has no encoder of video here; expected its wheel of PyPI")
