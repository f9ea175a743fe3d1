"""The sound of one video into another: copied where the container takes it, else as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mf2_edge.extras import require

if TYPE_CHECKING:
    import av
    from av.audio.resampler import AudioResampler


class Sound:
    """Sound of a file, muxed step by step beside the pictures of an open container."""

    def __init__(self, file: Path, out: av.container.OutputContainer, start_s: float) -> None:
        """`start_s`: the file's time that is 0 in `out`. A file without sound adds nothing."""
        library = require("av", extra="video")
        self._errors: type[Exception] = library.FFmpegError
        self._out, self._start_s = out, start_s
        self._in: av.container.InputContainer = library.open(
            str(file.absolute()), metadata_errors="ignore"
        )
        self._next: av.Packet[av.AudioStream] | None = None
        self._resampler: AudioResampler | None = None
        stream = self._in.streams.best("audio")
        if stream is None or not stream.codec_context:
            return
        self._source: av.AudioStream = stream
        self._copied = stream.codec_context.name in out.supported_codecs
        self._target: av.AudioStream
        if self._copied:
            self._target = out.add_stream_from_template(stream)
        else:
            self._target = out.add_stream("aac", rate=stream.codec_context.sample_rate)
            self._resampler = require("av", extra="video").AudioResampler(
                self._target.format.name, stream.codec_context.layout, self._target.rate
            )
        self._packets: Iterator[av.Packet[av.AudioStream]] = self._in.demux(stream)
        self._advance()

    def write_until(self, seconds: float) -> None:
        """Mux what sounds before this time of the output."""
        while self._next is not None and self._time(self._next) < seconds:
            packet = self._next
            if self._copied:
                self._copy(packet)
            else:
                self._encode(packet)
            self._advance()

    def close(self) -> None:
        """Mux what the encoder still holds; call before the output is closed."""
        if self._resampler is not None:
            self._out.mux(self._target.encode(None))
        self._in.close()

    def _time(self, packet: av.Packet[av.AudioStream]) -> float:
        assert packet.dts is not None
        return float(packet.dts * packet.time_base) - self._start_s

    def _advance(self) -> None:
        """The next packet with a time; none after damage, since sound is no result."""
        self._next = None
        try:
            self._next = next((each for each in self._packets if each.dts is not None), None)
        except self._errors:
            return

    def _copy(self, packet: av.Packet[av.AudioStream]) -> None:
        shift = round(self._start_s / packet.time_base)
        if packet.dts is None or packet.pts is None or packet.dts < shift:
            return
        packet.dts, packet.pts = packet.dts - shift, packet.pts - shift
        packet.stream = self._target
        self._out.mux(packet)

    def _encode(self, packet: av.Packet[av.AudioStream]) -> None:
        assert self._resampler is not None
        try:
            decoded = self._source.codec_context.decode(packet)
        except self._errors:
            return
        for frame in decoded:
            if frame.pts is None or frame.time_base is None:
                continue
            frame.pts -= round(self._start_s / frame.time_base)
            if frame.pts < 0:
                continue
            for resampled in self._resampler.resample(frame):
                self._out.mux(self._target.encode(resampled))
