"""Small videos of every kind, encoded by FFmpeg through PyAV when a test asks."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FPS = 25


def bars(frames: int, width: int = 96, height: int = 64) -> list[NDArray[np.uint8]]:
    """A white bar that moves right over grey, 4 px a frame; its top left corner is blue."""
    made = []
    for number in range(frames):
        picture = np.full((height, width, 3), 60, np.uint8)
        left = 4 + 4 * number
        picture[:, left : left + 12] = 235
        picture[: height // 4, : width // 6] = (255, 0, 0)
        made.append(picture)
    return made


def woven(pictures: list[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Interlaced: even rows of one picture and odd rows of the next make a frame."""
    frames = []
    for even, odd in zip(pictures[::2], pictures[1::2], strict=True):
        frame = even.copy()
        frame[1::2] = odd[1::2]
        frames.append(frame)
    return frames


def encode(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    codec: str = "libx264",
    *,
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    sound: bool = False,
) -> Path:
    """Write BGR pictures, 25 a second; `sound` adds a tone of the same length as AAC."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=FPS, options=options or {})
        tone: Any = out.add_stream("aac", rate=8000, layout="mono") if sound else None
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        count = 0
        for picture in pictures:
            if count == 0:
                stream.height, stream.width = picture.shape[:2]
            if count == 0 and aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
            if count == 0 and rotation:
                stream.set_display_rotation(rotation)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
            count += 1
        out.mux(stream.encode(None))
        if tone is not None:
            time = np.arange(8000 * count // FPS) / 8000
            wave = np.sin(2 * np.pi * 440 * time).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            frame.sample_rate, frame.pts = 8000, 0
            out.mux(tone.encode(frame))
            out.mux(tone.encode(None))
    return path


def copied_from(whole: Path, copy: Path, start_s: float) -> Path:
    """As `ffmpeg -ss START -i WHOLE -c copy COPY`: from the key frame before, by an edit list."""
    with av.open(str(whole)) as source, av.open(str(copy), "w") as out:
        stream = source.streams.video[0]
        target = out.add_stream_from_template(stream)
        source.seek(round(start_s * 1e6))
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            shift = round(start_s / packet.time_base)
            packet.dts, packet.pts = packet.dts - shift, packet.pts - shift
            packet.stream = target
            out.mux(packet)
    return copy


def song_with_cover(path: Path, jpeg: bytes) -> Path:
    """A second of MP3 with a picture in its ID3 tag."""
    with av.open(str(path), "w", format="mp3", options={"id3v2_version": "0"}) as out:
        stream = out.add_stream("libmp3lame", rate=44100, layout="mono")
        wave = np.zeros((1, 44100), np.float32)
        frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
        frame.sample_rate, frame.pts = 44100, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    cover = b"\0image/jpeg\0\x03\0" + jpeg
    tag = b"APIC" + len(cover).to_bytes(4, "big") + b"\0\0" + cover
    size = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + size + tag + path.read_bytes())
    return path
