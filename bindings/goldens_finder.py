"""Goldens of the face finder, which every binding replays: `bindings/goldens_finder.json`.

    python -m bindings.goldens_finder [--check]

computes them with the SDK; `--check` compares within the file's own tolerances. Keys:

    tolerance   largest allowed difference: `detect`, pixels of boxes and points; `score`; `exact`,
                of what needs no network
    sides       a frame's height and width, options, and the `side`, `rows` and `columns` to which
                it is reduced, black behind it
    decode      `maps` of the network, each the row-major numbers [rows / stride, columns / stride,
                16], and their candidates: rows (score, x, y, width, height, right eye, left eye)
    turned      a candidate in a view of `rows` x `columns` that is `quarters` turned and reduced by
                `scale`, and the same in the frame
    orient      scores of the looks at a face turned by 0, 1, 2 and 3 quarters clockwise of its eye
                line, null without a face; which look is chosen (null: none), whether `doubtful`
    accepted    score of a candidate, score of the look, whether that is a face
    frames      pictures: `grey` canvases of `height` x `width` with `parts` in them, each the views
                of the frame in goldens.npz through a `matrix` (a, b, tx, c, d, ty), border black;
                options; for each call of the detector the faces it finds
"""

from __future__ import annotations

import argparse
import json
import sys
from math import cos, pi, sin
from pathlib import Path
from typing import Any, Final

import numpy as np

from bindings.goldens import CUT, PORTRAIT
from mf2_edge.io.atomic import replacing
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import warp
from mf2_edge.pipeline.finder import YuNetDetector, is_face
from mf2_edge.pipeline.yunet import Candidate, YuNet, candidates_of, in_frame, reduced_shape
from mf2_edge.types import Box, Detection, Landmarks, Point

PATH: Final = Path(__file__).parent / "goldens_finder.json"
TOLERANCES: Final = {"detect": 0.25, "score": 0.01, "exact": 1e-6}
ROWS, COLUMNS = 64, 96
"""Size of the input of the decoded maps."""
SIDE: Final = 320
"""Height and width of the frame in goldens.npz."""

GROUP: Final = ((560, 640), ((20, 20, 150, 0.0), (220, 150, 400, 0.1), (420, 10, 140, -0.3)))
"""A canvas' height and width; in it x, y and side of pictures of the face, and their turn."""
FRAMES: Final[tuple[tuple[Any, Any, dict[str, Any]], ...]] = (
    ((320, 320), ((0, 0, 320, 0.0),), {}),
    ((320, 320), ((0, 0, 320, pi),), {}),
    ((320, 320), ((0, 0, 320, pi / 2),), {}),
    ((320, 320), ((0, 0, 320, -0.6),), {}),
    ((320, 320), ((0, 0, 320, 2.4),), {}),
    ((333, 517), ((190, 10, 320, 0.0),), {"fast": True}),
    (*GROUP, {}),
    (*GROUP, {"max_faces": 2}),
    (*GROUP, {"min_face": 100}),
    (*GROUP, {"min_detection_score": 0.93}),
    (*GROUP, {"fast": True}),
    ((540, 960), ((100, 100, 60, 0.0), (700, 300, 64, 0.2)), {"min_face": 0.025}),
    ((240, 320), (), {}),
    ((480, 640), ((200, 100, 120, pi / 2),), {}),
    ((480, 640), ((200, 100, 75, -pi / 2),), {}),
    ((480, 640), ((200, 100, 120, pi / 2),), {"turned_frames": "none"}),
    ((480, 640), ((200, 100, 150, pi),), {"turned_frames": "next"}),
)
CALLS: Final = 3
"""Of a detector that tries the next quarter of a turn."""


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    made = make_goldens()
    if options.check:
        problems = differences(json.loads(PATH.read_text()), made)
        sys.stderr.writelines(f"{PATH}: {problem}\n" for problem in problems)
        return int(bool(problems))
    with replacing(PATH) as partial:
        text = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in made.items())
        partial.write_text("{\n" + ",\n".join(text) + "\n}\n")
    return 0


def make_goldens() -> dict[str, Any]:
    """The whole file, as the SDK computes it now."""
    return {
        "tolerance": TOLERANCES,
        "sides": _sides(),
        "decode": _decode(),
        "turned": _turned(),
        "orient": _orient(),
        "accepted": _accepted(),
        "frames": _frames(),
    }


def differences(recorded: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Where the file is no longer what the SDK computes."""
    allowed = {"frames": TOLERANCES["detect"]}
    return [
        f"{key}: {problem}"
        for key in {*recorded, *found}
        if (problem := _difference(recorded.get(key), found.get(key), allowed.get(key, 1e-6)))
    ]


def _difference(recorded: Any, found: Any, allowed: float) -> str | None:
    if isinstance(recorded, float) and isinstance(found, float | int):
        return None if abs(recorded - found) <= allowed else f"{found}, recorded {recorded}"
    if isinstance(recorded, dict) and isinstance(found, dict) and recorded.keys() == found.keys():
        pairs = [(recorded[key], found[key]) for key in recorded]
    elif isinstance(recorded, list) and isinstance(found, list) and len(recorded) == len(found):
        pairs = list(zip(recorded, found, strict=True))
    else:
        return None if recorded == found else f"{found}, recorded {recorded}"
    return next(filter(None, (_difference(*pair, allowed) for pair in pairs)), None)


def _sides() -> list[dict[str, Any]]:
    shapes = (
        (480, 640),
        (1080, 1920),
        (1920, 1080),
        (240, 320),
        (333, 517),
        (2, 2),
        (65, 1280),
        (2, 6000),
    )
    choices: tuple[dict[str, Any], ...] = (
        {},
        {"fast": True},
        {"min_face": 0.02},
        {"min_face": 48},
        {"min_face": 0.9},
    )
    made = []
    for options in choices:
        detector = YuNetDetector(**options)
        for height, width in shapes:
            side = detector.side(height, width)
            rows, columns, _ = reduced_shape(height, width, side, detector.network.spec.strides[-1])
            size = {"height": height, "width": width}
            made.append(
                {**size, "options": options, "side": side, "rows": rows, "columns": columns}
            )
    return made


def _decode() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    spec = YuNet().spec
    maps = []
    for stride in spec.strides:
        values = rng.normal(0, 0.4, (ROWS // stride, COLUMNS // stride, 16))
        values[..., :2] = rng.normal(-0.5, 1.5, (*values.shape[:2], 2))
        values[..., 2:4] += 0.5
        values[..., 4:6] += 1.2
        maps.append(np.round(values, 3).astype(np.float32))
    found = [_row(each) for each in candidates_of(maps, spec)]
    return {
        "rows": ROWS,
        "columns": COLUMNS,
        "maps": [[round(float(n), 3) for n in each.ravel()] for each in maps],
        "candidates": found,
    }


def _turned() -> list[dict[str, Any]]:
    face = Candidate(Box(40.5, 20.25, 30, 36), 0.75, Point(48, 31.5), Point(62, 30))
    return [
        {
            "quarters": quarters,
            "rows": ROWS,
            "columns": COLUMNS,
            "scale": scale,
            "candidate": _row(face),
            "in_frame": _row(in_frame(face, quarters, (ROWS, COLUMNS), scale)),
        }
        for quarters, scale in ((0, 0.5), (1, 1.0), (2, 0.3), (3, 0.5))
    ]


class _Told(YuNetDetector):
    """A detector whose looks have scores that were told."""

    def __init__(self, looks: tuple[float | None, ...]) -> None:
        super().__init__()
        self.looks = looks

    def _look(self, frame: object, candidate: object, turn: float) -> Detection | None:  # noqa: ARG002
        quarter = round(turn / (pi / 2)) % 4
        score = self.looks[quarter]
        return None if score is None else Detection(Box(quarter, 0, 1, 1), score)


def _orient() -> list[dict[str, Any]]:
    cases: tuple[tuple[float | None, ...], ...] = (
        (0.9, None, 0.95, None),
        (0.8, 0.99, 0.99, 0.99),
        (0.79, 0.9, 0.9, 0.9),
        (0.79, 0.9, 0.88, 0.9),
        (0.7, 0.9, None, 0.9),
        (0.7, None, 0.65, None),
        (0.7, None, 0.55, None),
        (0.76, None, 0.74, None),
        (0.5, 0.8, 0.4, 0.85),
        (0.5, 0.8, 0.4, 0.95),
        (0.5, 0.76, 0.5, 0.7),
        (0.5, 0.7, 0.74, 0.7),
        (0.61, 0.9, 0.6, 0.9),
        (None, None, None, None),
        (None, 0.8, None, None),
        (None, None, 0.8, None),
        (None, None, 0.7, 0.9),
        (None, 0.5, 0.3, 0.74),
    )
    frame = np.zeros((2, 2, 3), np.uint8)
    upright = Candidate(Box(0, 0, 1, 1), 0.9, Point(0, 0), Point(1, 0))
    made = []
    for looks in cases:
        chosen = _Told(looks)._orient(frame, upright)
        place = None if chosen is None else int(chosen.box.x)
        doubtful = chosen is not None and chosen.doubtful
        made.append({"looks": list(looks), "chosen": place, "doubtful": doubtful})
    return made


def _accepted() -> list[list[Any]]:
    rules = YuNet().spec.rules
    scores = (0.5, 0.7, 0.79, 0.8, 0.95)
    looks = (0.1, 0.3, 0.49, 0.5, 0.69, 0.7, 0.9)
    return [[score, look, is_face(score, look, rules)] for score in scores for look in looks]


def _frames() -> list[dict[str, Any]]:
    portrait = np.ascontiguousarray(read_image(PORTRAIT)[CUT])
    made = []
    for (height, width), places, options in FRAMES:
        parts = [_part(*place) for place in places]
        frame = np.full((height, width, 3), 90, np.uint8)
        for part in parts:
            matrix = np.reshape(part["matrix"], (2, 3))
            view = warp(portrait, matrix, part["width"], part["height"], "black")
            rows = slice(part["y"], part["y"] + part["height"])
            frame[rows, part["x"] : part["x"] + part["width"]] = view
        detector = YuNetDetector(**options)
        calls = CALLS if options.get("turned_frames") == "next" else 1
        made.append(
            {
                "height": height,
                "width": width,
                "grey": 90,
                "parts": parts,
                "options": options,
                "calls": [[_face(each) for each in detector.detect(frame)] for _ in range(calls)],
            }
        )
    return made


def _part(x: int, y: int, side: int, turn: float) -> dict[str, Any]:
    """A square picture of the face at x, y of a canvas; `turn` in radians."""
    c, s, middle = cos(turn) * side / SIDE, sin(turn) * side / SIDE, (SIDE - 1) / 2
    shift = (side - 1) / 2
    matrix = [c, -s, shift - middle * (c - s), s, c, shift - middle * (s + c)]
    return {"x": x, "y": y, "width": side, "height": side, "matrix": matrix}


def _face(face: Detection) -> dict[str, Any]:
    assert face.landmarks is not None
    box, points = face.box, (getattr(face.landmarks, name) for name in Landmarks.__slots__)
    return {
        "score": face.score,
        "box": [box.x, box.y, box.width, box.height],
        "landmarks": [n for point in points for n in (point.x, point.y)],
        "doubtful": face.doubtful,
    }


def _row(face: Candidate) -> list[float]:
    box, right, left = face.box, face.right_eye, face.left_eye
    numbers = (face.score, box.x, box.y, box.width, box.height, right.x, right.y, left.x, left.y)
    return [float(n) for n in numbers]


if __name__ == "__main__":
    raise SystemExit(main())
