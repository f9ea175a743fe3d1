"""Videos rendered from the sample portrait, written by OpenCV when a test asks, and damaged."""

from __future__ import annotations

import struct
import time
from itertools import pairwise
from math import sin
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.streams import portrait, scene

FPS = 25.0


def clip(path: Path, frames: int, code: str = "mp4v", side: int = 320) -> Path:
    """A face that drifts to the right; frame i is a little brighter than frame i - 1."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), FPS, (side, side * 3 // 4))
    assert video.isOpened()
    for i in range(frames):
        picture = cv2.resize(scene((80 + 2 * i, 40)), (side, side * 3 // 4))
        video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()
    return path


def cut_off(whole: Path) -> Path:
    """The first half of a file."""
    cut = whole.with_stem("cut")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return cut


def overwritten(whole: Path, start: float, end: float) -> Path:
    """A copy in which the bytes between two parts of the file are noise."""
    data = bytearray(whole.read_bytes())
    first, last = int(start * len(data)), int(end * len(data))
    data[first:last] = np.random.default_rng(0).bytes(last - first)
    damaged = whole.with_stem("damaged")
    damaged.write_bytes(data)
    return damaged


def of_unknown_codec(whole: Path) -> Path:
    """A copy of an .mp4 that names a codec that nobody knows."""
    data = whole.read_bytes()
    named, described = data.rindex(b"mp4v"), data.rindex(b"esds")
    data = data[:named] + b"zzzz" + data[named + 4 : described] + b"free" + data[described + 4 :]
    odd = whole.with_stem("odd")
    odd.write_bytes(data)
    return odd


def paced(whole: Path, times_ms: list[float], total_ms: float) -> Path:
    """A copy of an .mp4 of OpenCV whose frames come at these times: `stts` written anew."""
    data = whole.read_bytes()
    assert data.index(b"mdat") < data.index(b"moov"), "offsets of the frames would change"
    clock, found = data.index(b"mdhd") + 16, data.index(b"stts")  # version 0: after two dates
    [scale] = struct.unpack_from(">I", data, clock)
    ticks = [round(time_ms * scale / 1e3) for time_ms in [*times_ms, total_ms]]
    entries = b"".join(struct.pack(">II", 1, b - a) for a, b in pairwise(ticks))
    [size] = struct.unpack_from(">I", data, found - 4)
    table = struct.pack(">I4sII", 16 + len(entries), b"stts", 0, len(times_ms)) + entries
    grown = bytearray(data[: found - 4] + table + data[found - 4 + size :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        place = data.index(name) - 4
        [old] = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", grown, place, old + len(table) - size)
    struct.pack_into(">I", grown, clock + 4, ticks[-1])
    edits = data.index(b"edts")
    grown[edits : edits + 4] = b"free"  # it would cut the track to its old length
    changed = whole.with_stem("paced")
    changed.write_bytes(grown)
    return changed


def play_as_camera(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every camera that is opened plays this file as fast as it is read, and is lost at its end."""
    file = cv2.VideoCapture(str(film))

    class Camera:
        def __init__(self, name: object) -> None:
            pass

        def grab(self) -> bool:
            time.sleep(0.02)
            return file.grab()

        def __getattr__(self, name: str) -> object:
            return getattr(file, name)

    patched = SimpleNamespace(**(vars(cv2) | {"VideoCapture": Camera}))
    monkeypatch.setattr("mf2_edge.io.camera.cv2", patched)


def render(path: Path, frames: int = 45, fps: float = 30.0, *, two: bool = False) -> Path:
    """A VGA clip whose face moves and zooms; the portrait's mirror image joins half way."""
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, fps, (640, 480))
    assert writer.isOpened()
    picture = np.ascontiguousarray(portrait(300)[..., ::-1])
    for number in range(frames):
        frame = np.full((480, 640, 3), 90, np.uint8)
        zoom = 1 + 0.1 * sin(number / 9)
        _put(frame, picture, zoom, 20 + 30 * sin(number / 11), 90.0)
        if two and number >= frames // 2:
            _put(frame, picture[:, ::-1], 0.9, 350.0, 120 + 15 * sin(number / 7))
        writer.write(frame)
    writer.release()
    return path


def _put(
    frame: NDArray[np.uint8], picture: NDArray[np.uint8], zoom: float, x: float, y: float
) -> None:
    matrix = np.array([[zoom, 0, x], [0, zoom, y]], np.float64)
    size = (frame.shape[1], frame.shape[0])
    drawn = cv2.warpAffine(np.ascontiguousarray(picture), matrix, size)
    inside = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), matrix, size) > 127
    frame[inside] = drawn[inside]
