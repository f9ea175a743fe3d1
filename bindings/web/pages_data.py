"""Lays out what the pages of the tests read, and says what the SDK answers to the same."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bindings.goldens import PATH as STAGE_GOLDENS
from bindings.goldens import PORTRAIT
from bindings.goldens_finder import PATH as FINDER_GOLDENS
from bindings.model_cases import model_cases
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import MODEL, load_bundle
from mf2_edge.bundle.schema import Manifest
from mf2_edge.io.image_file import read_image
from mf2_edge.tracking.series import smooth_series
from mf2_edge.verify import GOLDEN_NAMES

ROOT: Final = Path(__file__).parents[2]
REAL_FACES: Final = ROOT.parent / "shared" / "data" / "rafdb_train.tar"
TINY: Final = ROOT / "tests" / "fixtures" / "tiny_bundle"
CROPS: Final = 200
"""Real face crops compared, where the data folder is there."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the SDK says: verdicts on manifests, states of crops, of the portrait and of a film."""

    manifests: list[bool]
    crops: list[dict[str, Any]]
    portrait: list[dict[str, Any]]
    film: list[list[dict[str, Any]]]
    events: list[dict[str, Any]]


def lay_out(folder: Path) -> Expected:
    """Write everything into `folder`: goldens as plain arrays, cases, crops, broken bundles."""
    folder.mkdir(parents=True)
    write_arrays(folder, "stages", STAGE_GOLDENS)
    write_arrays(folder, "bundle", load_bundle(None).path / "goldens.npz")
    write_arrays(folder, "tiny", TINY / "goldens.npz")
    with (folder / "smooth.npz").open("wb") as archive:
        np.savez(archive, **smoothing())
    write_arrays(folder, "smooth", folder / "smooth.npz")
    with (folder / "heads.npz").open("wb") as archive:
        np.savez(archive, **toy_heads())
    write_arrays(folder, "heads", folder / "heads.npz")
    shutil.copy(PORTRAIT, folder)
    shutil.copy(FINDER_GOLDENS, folder)
    write_camera(folder / "camera.y4m")
    shutil.copytree(TINY, folder / "tiny")
    for name, spoil in SPOILT.items():
        spoil(Path(shutil.copytree(TINY, folder / name)))
    cases = model_cases()
    (folder / "manifests.json").write_text(json.dumps([case["text"] for case in cases]))
    crops = real_crops() if REAL_FACES.exists() else sample_crops()
    write_pictures(folder, "crops", crops)
    frames = film()
    write_pictures(folder, "film", list(frames.values()), list(frames))
    analyzer = FaceStateAnalyzer()
    states = analyzer.predict_crops(crops, color="rgb")
    stream = analyzer.stream()
    seen = [stream.update(frame, moment, color="rgb") for moment, frame in frames.items()]
    return Expected(
        [case["valid"] for case in cases],
        [state.to_dict() for state in states],
        [state.to_dict() for state in analyzer.predict(PORTRAIT)],
        [[state.to_dict() for state in states] for states in seen],
        [asdict(event) for event in stream.take_events()],
    )


def write_arrays(folder: Path, name: str, archive: Path) -> None:
    """The arrays of an .npz as raw little-endian files, and `NAME.json` that lists them."""
    index = {}
    with np.load(archive, allow_pickle=False) as arrays:
        for number, key in enumerate(arrays.files):
            array = np.ascontiguousarray(arrays[key])
            if array.dtype.kind in "bi":  # what the pages read are bytes and floats
                array = array.astype(np.float64)
            file = f"{name}-{number}.bin"
            (folder / file).write_bytes(array.tobytes())
            index[key] = {"file": file, "dtype": str(array.dtype), "shape": list(array.shape)}
    (folder / f"{name}.json").write_text(json.dumps(index))


def smoothing() -> dict[str, Any]:
    """The goldens of smoothing in the default bundle."""
    bundle = load_bundle(None)
    with np.load(bundle.path / "goldens.npz", allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files if "smooth" in key}


def toy_heads() -> dict[str, Any]:
    """Logits and a series for every head of the toy bundle, as `smoothing` has them."""
    manifest = load_bundle(TINY).manifest
    logits = toy_logits(manifest)
    made = {f"{GOLDEN_NAMES[head.name]}_logits": logits[head.output] for head in manifest.heads}
    return made | _toy_series(manifest)


def _toy_series(manifest: Manifest) -> dict[str, Any]:
    """Scores of 60 frames through the SDK's smoother, a repeated frame and a gap among them."""
    rng = np.random.default_rng(4)
    steps = rng.choice([16.0, 33.0, 66.0], 60)
    steps[[0, 20, 40]] = [0.0, 0.0, 1500.0]
    times = np.cumsum(steps)
    scores = {}
    for head in manifest.heads:
        raw = np.repeat(rng.uniform(0, 1, (12, len(head.labels))), 5, axis=0)
        whole = raw.sum(axis=1, keepdims=True) if head.name == "emotion" else 1.0
        scores[f"{GOLDEN_NAMES[head.name]}_scores"] = raw / whole
    made = smoothed_arrays(manifest, times, scores)
    return made | {"tolerance/smooth": smoothing()["tolerance/smooth"]}


def smoothed_arrays(
    manifest: Manifest, times: NDArray[np.float64], scores: dict[str, NDArray[np.float64]]
) -> dict[str, Any]:
    """Scores over `times` [n], ms, and what the SDK smooths them to, by the names of goldens."""
    smoothed = smooth_series(manifest, times, **scores)
    made: dict[str, Any] = {"smooth/timestamps_ms": times}
    made |= {f"smooth/{name}": values for name, values in scores.items()}
    made |= {f"smooth/smoothed_{name}": getattr(smoothed, name) for name in scores}
    return made | {"smooth/label": smoothed.label, "smooth/present": smoothed.present}


def toy_logits(manifest: Manifest) -> list[NDArray[np.float32]]:
    """Logits of 40 faces, [40, labels] a head; of some, regions are hidden, of the last all."""
    rng = np.random.default_rng(3)
    heads = sorted(manifest.heads, key=lambda head: head.output)
    logits = [rng.normal(0, 2, (40, len(head.labels))).astype(np.float32) for head in heads]
    logits[manifest.head("visibility").output][-1] = -5
    return logits


def write_camera(path: Path) -> None:
    """A webcam's picture of the portrait, 640 x 480, for Chromium's fake camera (YUV4MPEG2)."""
    frame = np.full((480, 640, 3), 96, np.uint8)
    frame[:, 80:560] = cv2.resize(read_image(PORTRAIT), (480, 480), interpolation=cv2.INTER_AREA)
    planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes()
    with path.open("wb") as stream:
        stream.write(b"YUV4MPEG2 W640 H480 F60:1 Ip A1:1 C420jpeg\n")
        for _ in range(4):
            stream.write(b"FRAME\n" + planes)


def real_crops() -> list[NDArray[np.uint8]]:
    """RGB crops of RAF-DB, from all over the set."""
    crops = []
    with tarfile.open(REAL_FACES) as archive:
        members = [member for member in archive if member.name.endswith(".jpg")]
        for member in members[:: len(members) // CROPS][:CROPS]:
            stream = archive.extractfile(member)
            assert stream is not None
            crops.append(np.array(Image.open(BytesIO(stream.read())).convert("RGB")))
    return crops


def sample_crops() -> list[NDArray[np.uint8]]:
    """The face of the portrait in twelve sizes and lights, where the data folder is missing."""
    face = read_image(PORTRAIT)[40:220, 140:320]
    sizes = np.linspace(40, 300, 12).astype(int).tolist()
    return [
        np.asarray(cv2.resize(face, (size, size)) // (1 + number % 3), np.uint8)
        for number, size in enumerate(sizes)
    ]


def film() -> dict[float, NDArray[np.uint8]]:
    """RGB frames by their time, ms: two faces drift, one goes, another comes; then a pause.

    At last the clock jumps to milliseconds since 1970.
    """
    frames = {}
    for number in range(30):
        frame = np.full((360, 640, 3), 96, np.uint8)
        _paste(frame, 300, 20 + 4 * min(number, 13), 30)
        if number < 9:
            _paste(frame, 240, 380, 60 + 2 * number)
        if number > 9:
            _paste(frame, 240, 310, 110)
        frames[40.0 * number + 1500 * (number > 20) + 1.75e12 * (number > 21)] = frame
    return frames


def _paste(frame: NDArray[np.uint8], side: int, x: int, y: int) -> None:
    portrait = cv2.resize(read_image(PORTRAIT), (side, side), interpolation=cv2.INTER_AREA)
    frame[y : y + side, x : x + side] = portrait


def write_pictures(
    folder: Path, name: str, images: list[NDArray[np.uint8]], moments: list[float] | None = None
) -> None:
    """Each picture's pixels in a file of their own, and `NAME.json` that lists them."""
    index = []
    for number, image in enumerate(images):
        file = f"{name}-{number}.bin"
        (folder / file).write_bytes(np.ascontiguousarray(image).tobytes())
        entry = {"file": file, "height": image.shape[0], "width": image.shape[1]}
        index.append(entry | ({} if moments is None else {"timestamp": moments[number]}))
    (folder / f"{name}.json").write_text(json.dumps(index))


def _flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / "tiny.tflite").read_bytes())
    data[900] ^= 4
    (folder / "tiny.tflite").write_bytes(data)


def _truncate(folder: Path) -> None:
    data = (folder / "tiny.tflite").read_bytes()
    (folder / "tiny.tflite").write_bytes(data[:-100])


def _garbage(folder: Path) -> None:
    """A file that is what `model.json` says, and no model."""
    data = bytes(range(256)) * 8
    (folder / "tiny.tflite").write_bytes(data)
    entry = {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    _edit(folder, lambda raw: raw["artifacts"][0].update(entry))


def _lose_a_label(folder: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        for head in raw["heads"]:
            if head["name"] in ("action_units", "strength"):  # they have the same labels
                del raw["calibration"][head["name"]][head["labels"].pop()]

    _edit(folder, change)


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads((folder / MODEL).read_text())
    change(raw)
    (folder / MODEL).write_text(json.dumps(raw))


SPOILT: Final[dict[str, Callable[[Path], None]]] = {
    "damaged": _flip_a_byte,
    "truncated": _truncate,
    "garbage": _garbage,
    "newer": lambda folder: _edit(folder, lambda raw: raw.update(schema_version="3.0")),
    "wrong": lambda folder: _edit(folder, lambda raw: raw["heads"][0].update(lables=[])),
    "labels": _lose_a_label,
}
"""Bundles that no binding may load, by the name of their folder."""
