"""How small, how turned and how far out of the frame may a face be? Recall of the detector.

    python -m benchmarks.stress.detector_range --faces FOLDER

Each face photograph is resized so that the detector's own box on the full-size photograph gets
the wanted side, turned about its centre, and laid on a VGA frame of blurred noise. A face counts
as found when one detection lies over it with an intersection over union above 0.4.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.report import conditions
from mf2_edge.io.atomic import write_json
from mf2_edge.pipeline.blazeface import iou
from mf2_edge.pipeline.detect import BlazeFaceDetector, Search
from mf2_edge.types import Box

WIDTH, HEIGHT = 640, 480
SIDES = (20, 24, 28, 32, 40, 48, 64, 96, 160, 240)
ANGLES = (-180, -90, -60, -45, -30, -15, 15, 30, 45, 60, 90)
CUTS = (0.2, 0.35, 0.5)


@dataclass(frozen=True)
class Face:
    image: NDArray[np.uint8]
    box: Box


@dataclass(frozen=True)
class Row:
    search: str
    what: str
    value: float
    found: int
    n: int
    false_faces: int
    median_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/detector-range.json"))
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    faces = load_faces(options.faces, options.count, rng)
    cases: list[tuple[str, float, tuple[int, int, float]]] = [
        ("side, px", side, (side, 0, 0.0)) for side in SIDES
    ]
    cases += [("turn, degrees", angle, (120, angle, 0.0)) for angle in ANGLES]
    cases += [("part out of the frame", cut, (160, 0, cut)) for cut in CUTS]
    rows = [
        measure(search, what, value, case, faces, np.random.default_rng(options.seed))
        for search in get_args(Search)
        for what, value, case in tqdm(cases, desc=search)
    ]
    report = {
        "what": "recall of the face detector in a 640x480 frame with one face",
        "faces": len(faces),
        "seed": options.seed,
        **conditions(),
        "rows": [asdict(row) for row in rows],
    }
    write_json(options.out, report)


def load_faces(path: Path, count: int, rng: np.random.Generator) -> list[Face]:
    detector = BlazeFaceDetector()
    files = sorted(file for file in path.rglob("*") if file.suffix in (".jpg", ".png"))
    faces: list[Face] = []
    for place in rng.permutation(len(files)):
        image = np.asarray(cv2.imread(str(files[place]), cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
        found = detector.refine(image, Box(0, 0, image.shape[1], image.shape[0]))
        if found is not None:
            faces.append(Face(image, found.box))
        if len(faces) == count:
            break
    return faces


def measure(
    search: Search,
    what: str,
    value: float,
    case: tuple[float, float, float],
    faces: list[Face],
    rng: np.random.Generator,
) -> Row:
    detector = BlazeFaceDetector(search=search)
    hits, false_faces, times = 0, 0, []
    for face in faces:
        frame, truth = compose(face, *case, rng)
        started = time.perf_counter()
        found = detector.detect(frame)
        times.append(time.perf_counter() - started)
        right = [iou(detection.box, truth) > 0.4 for detection in found]
        hits += int(any(right))
        false_faces += len(right) - int(sum(right))
    median = float(np.median(times)) * 1e3
    return Row(search, what, value, hits, len(faces), false_faces, round(median, 2))


def compose(
    face: Face, side: float, angle: float, cut: float, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Box]:
    """A VGA frame with one face, and the box where it lies."""
    scale = side / face.box.width
    middle = (face.box.x + face.box.width / 2, face.box.y + face.box.height / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, angle, scale), np.float64)
    reach = 0.8 * side
    x = -cut * side + side / 2 if cut else rng.uniform(reach, WIDTH - reach)
    y = rng.uniform(reach, HEIGHT - reach)
    matrix[:, 2] += np.array([x, y]) - middle
    noise = rng.integers(60, 190, (HEIGHT // 16, WIDTH // 16, 3)).astype(np.uint8)
    frame = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image, shrink = face.image, 1.0
    if scale < 0.6:  # as a camera would: average, then place
        shrink = scale
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
    matrix[:, :2] /= shrink
    size = (WIDTH, HEIGHT)
    mask = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), matrix, size)
    warped = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    blend = (mask / 255.0)[..., None]
    frame = frame * (1 - blend) + warped * blend
    return frame.astype(np.uint8), Box(x - side / 2, y - side / 2, side, side)


if __name__ == "__main__":
    main()
