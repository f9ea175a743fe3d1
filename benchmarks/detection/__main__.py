r"""Recall, orientation and false faces of face detectors, and their price.

    python -m benchmarks.detection recall --faces FOLDER... --pictures FOLDER \
        --without-faces FOLDER... --detectors default opencv-yunet --peer opencv-yunet=FILE
    python -m benchmarks.detection price --pictures FOLDER

`--faces`: crops of one face each; `--pictures`: pictures without any face. Recall: a face is found
where a detection lies within 0.35 of the face's box from its middle and is half to twice as large;
it is right where the line through its eyes is within 30 degrees of the turn of the crop (heads in
crops lean by some degrees themselves), upside down where it is more than 90 off. Price: CPU time of
one thread, all cases in turn, medians as ratios to the first.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle
from math import hypot
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

import mf2_edge
from benchmarks.detection.detectors import OURS, PEERS, Found, open_detector
from benchmarks.detection.frames import Face, Frame, compose, fill, read_pictures, read_rgb
from mf2_edge.analyzer import FaceStateAnalyzer
from mf2_edge.io.atomic import write_json
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.detect import BlazeFaceDetector, centre
from mf2_edge.pipeline.finder import YuNetDetector

RESULTS: Final = Path("benchmarks/results/detection")
VGA, HD = (640, 480), (1280, 720)


@dataclass(frozen=True)
class Cell:
    """One condition: frames of a size with so many faces of so many pixels, turned so far."""

    what: str
    frame: tuple[int, int]
    faces: int
    sides: tuple[float, float]
    turn: float = 0.0


CELLS: Final = (
    *(Cell(f"{side} px", VGA, 1, (side, side)) for side in (24, 32, 40, 60, 100, 160)),
    *(
        Cell(f"{count} faces of 39 to {largest} px", VGA, count, (39, largest))
        for count, largest in ((2, 200), (4, 140), (6, 110), (9, 85))
    ),
    *(Cell(f"{side} px in HD", HD, 1, (side, side)) for side in (40, 60, 100)),
    *(Cell(f"120 px turned {turn}", VGA, 1, (120, 120), turn) for turn in (30, 60, 90, 135, 180)),
    *(Cell(f"60 px turned {turn}", VGA, 1, (60, 60), turn) for turn in (30, 45, 60, 90, 180)),
)


@dataclass
class Row:
    """What one detector made of one cell."""

    what: str
    frames: int
    faces: int = 0
    found: int = 0
    right: int = 0
    upside_down: int = 0
    upside_down_sure: int = 0
    false_faces: int = 0
    frames_with_false_faces: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    recall = commands.add_parser("recall")
    recall.add_argument("--faces", type=Path, nargs="+", required=True)
    recall.add_argument("--detectors", nargs="+", default=["default"], choices=[*OURS, *PEERS])
    recall.add_argument(
        "--peer", nargs="+", default=[], metavar="NAME=FILE", help="model files of others"
    )
    recall.add_argument("--frames", type=int, default=40, help="of a cell with one face each")
    recall.add_argument(
        "--without-faces", type=Path, nargs="*", default=[], help="folders for false faces"
    )
    recall.add_argument("--clean", type=int, default=200, help="pictures of each of these folders")
    price = commands.add_parser("price")
    price.add_argument("--rounds", type=int, default=30)
    for command in (recall, price):
        command.add_argument("--pictures", type=Path, required=True)
        command.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    (measure_recall if options.command == "recall" else measure_price)(options)


def measure_recall(options: argparse.Namespace) -> None:
    rng = np.random.default_rng(options.seed)
    pictures = read_pictures(options.pictures, None, rng)
    crops = [read_pictures(folder, None, rng) for folder in options.faces]
    mixed = [path for group in zip(*crops, strict=False) for path in group]
    peers = {name: Path(file) for name, _, file in (each.partition("=") for each in options.peer)}
    detectors = {name: open_detector(name, peers) for name in options.detectors}
    rows: dict[str, list[Row]] = {name: [] for name in detectors}
    places, faces = cycle(pictures), cycle(mixed)
    for cell in tqdm(CELLS):
        frames = max(4, options.frames * (2 if cell.faces > 1 else 1) // cell.faces)
        cells = {name: Row(cell.what, frames) for name in detectors}
        for frame in _frames(cell, frames, places, faces, rng):
            for name, detect in detectors.items():
                _count(cells[name], frame, detect(frame.image))
        for name, row in cells.items():
            rows[name].append(row)
    for folder in options.without_faces:
        clean = read_pictures(folder, options.clean, rng)
        empty = {name: Row(f"no face, {folder.name}", len(clean)) for name in detectors}
        for path in tqdm(clean, desc=folder.name):
            frame = Frame(fill(read_rgb(path), *VGA), ())
            for name, detect in detectors.items():
                _count(empty[name], frame, detect(frame.image))
        for name, row in empty.items():
            rows[name].append(row)
    for name, measured in rows.items():
        facts = {"detector": name, "seed": options.seed, "crops": len(mixed)}
        _save(f"recall-{name}.json", facts | {"rows": [asdict(each) for each in measured]})


def _frames(
    cell: Cell,
    count: int,
    places: Iterator[Path],
    faces: Iterator[Path],
    rng: np.random.Generator,
) -> Iterator[Frame]:
    for number in range(count):
        crops = [read_rgb(next(faces)) for _ in range(cell.faces)]
        sides = rng.uniform(*cell.sides, cell.faces).tolist()
        turn = cell.turn if number % 2 else -cell.turn
        background = fill(read_rgb(next(places)), *cell.frame)
        while True:
            try:
                yield compose(background, crops, sides, [turn] * cell.faces, rng)
                break
            except ValueError:  # no room: smaller faces, down to the cell's least
                sides = [max(cell.sides[0], 0.9 * side) for side in sides]


def _count(row: Row, frame: Frame, found: list[Found]) -> None:
    free = list(found)
    for face in frame.faces:
        row.faces += 1
        match = next((each for each in free if _is_match(each, face)), None)
        if match is None:
            continue
        free.remove(match)
        row.found += 1
        off = abs((match.turn - face.turn + 180) % 360 - 180)
        row.right += off <= 30
        row.upside_down += off > 90
        row.upside_down_sure += off > 90 and not match.doubtful
    row.false_faces += len(free)
    row.frames_with_false_faces += bool(free)


def _is_match(found: Found, face: Face) -> bool:
    a, b, side = centre(found.box), centre(face.box), face.box.width
    extent = max(found.box.width, found.box.height) / side
    return hypot(a.x - b.x, a.y - b.y) < 0.35 * side and 0.5 < extent < 2


def measure_price(options: argparse.Namespace) -> None:
    """CPU time of `predict` and of `detect`: one near face, none, six; before and now."""
    near, nobody, six = _price_frames(options)
    now, fast = FaceStateAnalyzer(), FaceStateAnalyzer(detector=YuNetDetector(fast=True))
    before = FaceStateAnalyzer(detector=BlazeFaceDetector(search="adaptive"))
    cases: dict[str, Callable[[], Any]] = {}
    for name, analyzer in (("before", before), ("default", now), ("fast", fast)):
        for what, image in (("near", near), ("nobody", nobody), ("six", six)):
            cases[f"predict {name} {what}"] = _predict(analyzer, image)
            cases[f"detect {name} {what}"] = _detect(analyzer, image)
    image = np.zeros((480, 640, 3), np.uint8)
    assert isinstance(now.detector, YuNetDetector)
    network = now.detector.network
    cases["yunet network 640x480"] = lambda: network.run(image)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in tqdm(range(options.rounds + 2)):
        for name, case in cases.items():
            started = time.process_time()
            case()
            times[name].append(time.process_time() - started)
    medians = {name: float(np.median(values[2:])) * 1e3 for name, values in times.items()}
    first = medians["predict before near"]
    rows = {
        name: {"cpu_ms": round(value, 3), "ratio": round(value / first, 3)}
        for name, value in medians.items()
    }
    faces = ("near", "nobody", "six")
    found = {
        what: len(now.predict(each)) for what, each in zip(faces, (near, nobody, six), strict=True)
    }
    _save("price.json", {"rounds": options.rounds, "faces_found": found, "cases": rows})


def _predict(analyzer: FaceStateAnalyzer, image: Any) -> Callable[[], Any]:
    return lambda: analyzer.predict(image, color="rgb")


def _detect(analyzer: FaceStateAnalyzer, image: Any) -> Callable[[], Any]:
    return lambda: analyzer.detector.detect(image)


def _price_frames(options: argparse.Namespace) -> tuple[Any, Any, Any]:
    """VGA frames with the sample portrait's face near, with none, and with six of 90 px."""
    rng = np.random.default_rng(options.seed)
    nobody = fill(read_rgb(read_pictures(options.pictures, 1, rng)[0]), *VGA)
    portrait = read_image(Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg")
    head = np.ascontiguousarray(portrait[56:196, 154:294])
    near = compose(nobody, [head], [200], [0], rng).image
    six = compose(nobody, [head] * 6, [90] * 6, [0] * 6, rng).image
    return near, nobody, six


def _save(name: str, facts: dict[str, Any]) -> None:
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, one thread",
    }
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_json(RESULTS / name, about | facts)


if __name__ == "__main__":
    main()
