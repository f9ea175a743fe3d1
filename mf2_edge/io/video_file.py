"""Frames of video files and of addresses, decoded by FFmpeg through PyAV (extra `video`).

Frames come as a player shows them: interlaced ones deinterlaced (bwdif), pixels made square (as
`ffmpeg -vf scale=iw*sar:ih`), turned as the file says, edit lists applied. What FFmpeg decodes
only in part, or conceals, is passed over and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import VideoError
from mf2_edge.extras import require

if TYPE_CHECKING:
    import av
    from av.filter import Graph

UNREADABLE: Final = 100
"""Reads of a damaged file that may fail one after the other before the rest is given up."""

TIMEOUT_S: Final = 10.0
"""How long an address may stay silent."""

_SQUARE: Final = 4
"""Pixels are stretched at most this many times: beyond it, the file's aspect ratio is damage."""

_FILE_OPTIONS: Final = {
    "protocol_whitelist": "file",  # a playlist of addresses is no file of the user's
    "pattern_type": "none",  # a % in a name is no pattern
}
_ADDRESS_OPTIONS: Final = {"rtsp_transport": "tcp"}


class VideoFile:
    """An open file (a `Path`) or address (a str). Iterate once over `frames`; `close` it.

    `fps`: average, None if unknown. `frame_count`: as the container says, None if it does not.
    `endless`: the container knows no duration. `unreadable` counts what could not be decoded;
    `breaks_off`: what comes last could not. `first_s`: the container's time of the first frame,
    once it was read.
    """

    def __init__(self, source: Path | str) -> None:
        """Raises VideoError if there is no video to decode, MissingExtraError without PyAV."""
        library = require("av", extra="video")
        self._errors: type[Exception] = library.FFmpegError
        self.name = str(source)
        on_disk = isinstance(source, Path)
        # Absolute, since FFmpeg reads a name up to a colon as a protocol.
        place = str(source.absolute()) if isinstance(source, Path) else source
        options = _FILE_OPTIONS if on_disk else _ADDRESS_OPTIONS
        try:
            self._container: av.container.InputContainer = library.open(
                place,
                options=dict(options),
                metadata_errors="ignore",
                timeout=None if on_disk else TIMEOUT_S,
            )
        except (self._errors, ValueError) as error:
            raise VideoError(_cannot_open(self.name, error, on_disk=on_disk)) from error
        try:
            self._stream = self._chosen()
            self._stream.thread_type = "AUTO"
        except VideoError:
            self._container.close()
            raise
        self.fps, self.frame_count = self._announced()
        self.endless = self._container.duration is None
        self.unreadable = 0
        self.breaks_off = False
        self.first_s: float | None = None
        self._deinterlacer: Graph | None = None

    def frames(self, every: int = 1) -> Iterator[tuple[NDArray[np.uint8], float]]:
        """Every `every`-th frame, BGR [H, W, 3], and its milliseconds after the first."""
        last_ms = -1.0
        for number, frame in enumerate(self._whole()):
            seconds = frame.time
            if self.first_s is None:
                self.first_s = seconds or 0.0
            time_ms = last_ms if seconds is None else (seconds - self.first_s) * 1e3
            if time_ms <= last_ms:  # none, or one that the container repeats
                time_ms = last_ms + 1e3 / (self.fps or 25.0) if last_ms >= 0 else 0.0
            last_ms = time_ms
            if number % every == 0:
                yield self._shown(frame), time_ms

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def _chosen(self) -> av.VideoStream:
        """The stream that a player shows."""
        from av.stream import Disposition

        stream = self._container.streams.best("video")
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise VideoError(f"{self.name}: holds no moving picture; expected a video")
        chosen = cast("av.VideoStream", stream)
        if chosen.codec_context is None or not chosen.codec_context.width:
            raise VideoError(_cannot_decode(self.name))
        return chosen

    def _announced(self) -> tuple[float | None, int | None]:
        """Frame rate and number of frames: the smaller of what header and duration say."""
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate and 0 < rate < 1000 else None
        counts = [stream.frames] if stream.frames > 0 else []
        if fps and stream.duration and stream.duration > 0 and stream.time_base:
            counts.append(max(1, round(float(stream.duration * stream.time_base) * fps)))
        return fps, min(counts, default=None)

    def _packets(self) -> Iterator[av.Packet[av.VideoStream]]:
        """All packets, and an empty one at the end; the demuxer goes on after damage."""
        failed = 0
        while failed < UNREADABLE:
            try:
                for packet in self._container.demux(self._stream):
                    failed = 0
                    self.breaks_off = packet.is_corrupt or (self.breaks_off and not packet.size)
                    yield packet
            except self._errors:
                failed, self.unreadable = failed + 1, self.unreadable + 1
                self.breaks_off = True
            else:
                return

    def _whole(self) -> Iterator[av.VideoFrame]:
        """Frames without damage, deinterlaced."""
        for packet in self._packets():
            self.unreadable += packet.is_corrupt
            try:
                decoded = self._stream.codec_context.decode(packet)
            except self._errors:
                self.unreadable += 1
                continue
            for frame in decoded:
                if frame.is_corrupt:
                    self.unreadable += not packet.is_corrupt
                    continue
                yield from self._progressive(frame)
        if self._deinterlacer is not None:
            self._deinterlacer.vpush(None)
            yield from self._filtered()

    def _progressive(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The frame itself until the first interlaced one; from then on through the filter."""
        if self._deinterlacer is None:
            if not frame.interlaced_frame:
                yield frame
                return
            self._deinterlacer = self._open_filter(frame)
        self._deinterlacer.vpush(frame)
        yield from self._filtered()

    def _open_filter(self, frame: av.VideoFrame) -> Graph:
        graph: Graph = require("av.filter", extra="video").Graph()
        nodes = (
            graph.add_buffer(
                width=frame.width,
                height=frame.height,
                format=frame.format,
                time_base=frame.time_base,
            ),
            graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),
            graph.add("buffersink"),
        )
        graph.link_nodes(*nodes).configure()
        return graph

    def _filtered(self) -> Iterator[av.VideoFrame]:
        """What the filter has finished: it looks one frame ahead."""
        from av import BlockingIOError as Nothing
        from av import EOFError as AtEnd

        while self._deinterlacer is not None:
            try:
                yield self._deinterlacer.vpull()
            except (Nothing, AtEnd):
                return

    def _shown(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Square pixels, BGR, upright."""
        ratio = self._stream.sample_aspect_ratio
        width = frame.width
        if ratio and 1 / _SQUARE <= ratio <= _SQUARE:
            width = max(2, round(frame.width * ratio))
        picture: NDArray[Any] = frame.reformat(width=width, format="bgr24").to_ndarray()
        quarters = round(frame.rotation / 90) % 4  # counterclockwise
        return np.ascontiguousarray(np.rot90(picture, quarters), np.uint8)


def _cannot_open(name: str, error: Exception, *, on_disk: bool) -> str:
    if not on_disk:
        return f"{name}: cannot be opened ({error}); is the address right, and does it answer?"
    return _cannot_decode(name)


def _cannot_decode(name: str) -> str:
    return (
        f"{name}: FFmpeg cannot read it: no video, cut off before its index, or of a codec that it "
        "lacks; convert it, for instance with ffmpeg -i IN -c:v libx264 OUT.mp4"
    )
