"""Further entry points of the fuzzer: goldens, heads, baselines, detectors of others, videos."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import FileSpec
from mf2_edge.errors import BundleError
from mf2_edge.extras import require
from mf2_edge.io.video import VideoSource
from mf2_edge.pipeline.detect import detect_checked
from mf2_edge.pipeline.task_head import HEAD, read_head
from mf2_edge.tracking.baseline import Baseline, load_baseline
from mf2_edge.types import Box, Detection
from mf2_edge.verify import Outcome, each_check

Draw = np.random.Generator
Damage = Callable[[bytes, Draw], bytes]
Change = Callable[[Any, Draw], Any]

NUMBERS: Final = (0.0, -1.0, 0.5, 1.0, 5.0, 64.0, 1e9, 1e308, float("nan"), float("inf"))
_FRAMES: Final = 6


def check_golden(bundle: Bundle, folder: Path) -> Callable[[bytes], None]:
    """A golden file with the right sha256 in a bundle without models; FAILED is a refusal."""
    golden = bundle.manifest.goldens[0].file

    def feed(data: bytes) -> None:
        (folder / golden).write_bytes(data)
        file = FileSpec(file=golden, bytes=len(data) or 1, sha256=sha256(data).hexdigest())
        manifest = msgspec.structs.replace(bundle.manifest, artifacts=(), goldens=(file,))
        made = Bundle(folder.resolve(), manifest, bundle.manifest_sha256)
        failed = [check for check in each_check(made) if check.outcome is Outcome.FAILED]
        if failed:
            raise BundleError(failed[0].detail)

    return feed


def goldens(sound: bytes, draw: Draw, damage: Damage) -> Iterator[bytes]:
    """The archive itself, then with arrays left out, of another type or shape, or damaged."""
    with np.load(io.BytesIO(sound)) as archive:
        arrays = _few(dict(archive))
    yield sound
    while True:
        if draw.random() < 0.5:
            yield damage(sound, draw)
            continue
        name = list(arrays)[draw.integers(len(arrays))]
        rest = {key: array for key, array in arrays.items() if key != name}
        if draw.random() < 0.8:
            rest[name] = _other(arrays[name], draw)
        file = io.BytesIO()
        np.savez(file, **rest)  # type: ignore[arg-type]
        yield file.getvalue()


def _few(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Two faces and thirty moments: what is wrong with many is wrong with few."""
    count = len(arrays["aligned"])
    made = {}
    for name, array in arrays.items():
        if name.startswith("smooth/"):
            made[name] = array[:30]
        elif array.ndim and len(array) == count and not name.startswith("frame"):
            made[name] = array[:2]
        else:
            made[name] = array
    return made


def _other(array: NDArray[Any], draw: Draw) -> NDArray[Any]:
    """Not as verify expects it: another type, shape or value."""
    match draw.integers(4):
        case 0:
            return array.astype(("int64", "complex64", "U8", "bool")[draw.integers(4)])
        case 1:
            return array[: len(array) // 2] if array.ndim else array.reshape(1)
        case 2:
            return np.full_like(array, NUMBERS[draw.integers(4)])
        case _:
            return np.full(array.shape, NUMBERS[draw.integers(len(NUMBERS))], np.float64)


def head_text() -> bytes:
    """A sound `head.json`."""
    digest = sha256(b"").hexdigest()
    calibration = {"multi_class": {"temperature": 1.0, "fitted_on": "made up"}}
    files = [{"file": "head.tflite", "bytes": 1, "sha256": digest, "format": "tflite"}]
    told = {"schema_version": "2.0", "task": "x", "kind": "multi-class", "labels": ["a", "b"]}
    more = {"width": 8, "network_sha256": digest, "faces": 3, "files": files}
    return json.dumps(told | more | {"calibration": calibration}).encode()


def read_head_in(folder: Path) -> Callable[[bytes], object]:
    """Reads `head.json` of a folder."""

    def feed(data: bytes) -> object:
        (folder / HEAD).write_bytes(data)
        return read_head(folder)

    return feed


def baseline_text(bundle: Bundle) -> bytes:
    """A sound baseline file."""
    manifest = bundle.manifest
    rest = dict.fromkeys(manifest.head("emotion").labels, 0.125)
    units = dict.fromkeys(manifest.head("action_units").labels, 0.1)
    sound = Baseline(
        bundle=manifest.name,
        bundle_sha256=bundle.manifest_sha256,
        frames=20,
        emotions=rest,
        action_units=units,
    )
    return msgspec.json.encode(sound)


def read_baseline_at(file: Path) -> Callable[[bytes], object]:
    """Reads a baseline file."""

    def feed(data: bytes) -> object:
        file.write_bytes(data)
        return load_baseline(file)

    return feed


def detections(draw: Draw) -> Iterator[list[Detection]]:
    """What detectors of others may say: boxes and scores of any numbers."""
    yield [Detection(Box(1.0, 2.0, 20.0, 30.0), 0.9)]
    while True:
        rows = [draw.choice(NUMBERS, size=5).tolist() for _ in range(draw.integers(1, 4))]
        yield [Detection(Box(*numbers), score) for *numbers, score in rows]


def check_detections(faces: list[Detection]) -> object:
    """As the analyzer reads them."""
    return detect_checked(_Says(faces), np.zeros((48, 64, 3), np.uint8))


class _Says:
    def __init__(self, faces: list[Detection]) -> None:
        self._faces = faces

    def detect(self, _frame: NDArray[np.uint8]) -> list[Detection]:
        return self._faces


def film(folder: Path) -> bytes:
    """A short MPEG-4 video of noise."""
    library, path = require("av", extra="video"), folder / "film.mp4"
    with library.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(_FRAMES):
            picture = np.full((48, 64, 3), 30 * number, np.uint8)
            out.mux(stream.encode(library.VideoFrame.from_ndarray(picture, "bgr24")))
        out.mux(stream.encode(None))
    return path.read_bytes()


def damaged_films(sound: bytes, draw: Draw, damage: Damage) -> Iterator[bytes]:
    """The video itself, then damaged."""
    yield sound
    while True:
        yield damage(sound, draw)


def read_video_at(file: Path) -> Callable[[bytes], object]:
    """Reads all frames of a video."""

    def feed(data: bytes) -> object:
        file.write_bytes(data)
        with VideoSource(file) as source:
            return sum(1 for _ in source)

    return feed
