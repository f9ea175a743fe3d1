"""Goldens of align, which no bundle holds; those of detect are in `goldens_finder`.

    python -m bindings.goldens [--check]

writes `bindings/goldens.npz` from the sample portrait with the SDK itself (a NumPy archive, no
pickles); `--check` computes it anew and compares within the file's own tolerances. n cases:

    frame               uint8   [H, W, 3]         an RGB frame with one face
    align/landmarks     float32 [n, 6, 2]         where the landmarks of each case lie in `frame`;
                                                  in the order of `Landmarks`
    align/matrix        float64 [n, 2, 3]         similarity, frame -> template
    align/aligned       uint8   [n, h, w, 3]      the face on the template, border `replicate`
    warp/matrix         float64 [m, 2, 3]         views of the detector, frame -> view
    warp/view           uint8   [m, 128, 128, 3]  the resampled views, border `black`
    tolerance/matrix    float                     largest difference of the similarity's entries
    tolerance/align     float                     the same of resampled pixels, of 255

The template is that of the shipped default bundle. Cases: the detected face; enlarged beyond the
frame's edge; turned; so large that the frame is reduced by 2 and by 3; tiny.
"""

from __future__ import annotations

import argparse
import sys
from math import cos, sin
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import mf2_edge
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.io.atomic import replacing
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align, similarity, warp
from mf2_edge.pipeline.detect import BlazeFaceDetector, View
from mf2_edge.types import Landmarks, Point

PATH: Final = Path(__file__).parent / "goldens.npz"
PORTRAIT: Final = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
CUT: Final = (slice(0, 320), slice(80, 400))
"""The part of the portrait with the face, rows and columns."""

TOLERANCES: Final = {"matrix": 1e-4, "align": 1.0}
"""One grey level where a rounding may go either way."""

CASES: Final = ((1.0, 0.0, 0, 0), (1.6, 0.0, 40, -90), (1.1, 0.7, 0, 20), (2.5, -0.4, 10, 20))
"""Scale, turn (radians) and shift (pixels) that move the detected landmarks."""
LARGE_AND_TINY: Final = ((3.6, 0.1, 0, 0), (0.3, 0.0, 0, 0))


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    arrays = make_goldens()
    if options.check:
        problems = differences(arrays)
        sys.stderr.writelines(f"{PATH}: {problem}\n" for problem in problems)
        return int(bool(problems))
    with replacing(PATH) as partial:
        np.savez_compressed(partial, **arrays)
    return 0


def make_goldens() -> dict[str, Any]:
    """All arrays of the file, as the SDK computes them now."""
    frame = np.ascontiguousarray(read_image(PORTRAIT)[CUT])
    [face] = BlazeFaceDetector(search="single").detect(frame)
    assert face.landmarks is not None
    spec = load_bundle(None).manifest.alignment
    found = _points(face.landmarks)
    cases = np.stack([_moved(found, *case) for case in (*CASES, *LARGE_AND_TINY)])
    named = [_landmarks(case) for case in cases]
    middle = (frame.shape[0] - 1) / 2
    views = [View(Point(middle, middle), 320.0), View(Point(120.0, 60.5), 150.0, 0.3)]
    matrices = [view.to_pixels(128) for view in views]
    arrays: dict[str, Any] = {
        "frame": frame,
        "align/landmarks": cases,
        "align/matrix": np.stack([similarity(each, spec) for each in named]),
        "align/aligned": np.stack([align(frame, each, spec) for each in named]),
        "warp/matrix": np.stack(matrices),
        "warp/view": np.stack([warp(frame, each, 128, 128, "black") for each in matrices]),
    }
    return arrays | {f"tolerance/{name}": np.float32(value) for name, value in TOLERANCES.items()}


def differences(found: dict[str, NDArray[Any]]) -> list[str]:
    """Where the file is no longer what the SDK computes."""
    with np.load(PATH, allow_pickle=False) as archive:
        recorded = dict(archive)
    if set(recorded) != set(found):
        return [f"holds {sorted(recorded)}, expected {sorted(found)}"]
    problems = []
    for name, array in recorded.items():
        stage = {"align/matrix": "matrix"}.get(name, name.split("/")[0])
        allowed = TOLERANCES.get({"warp": "align"}.get(stage, stage), 0.0)
        difference = np.abs(array.astype(float) - found[name]).max()
        if not difference <= allowed:
            problems.append(f"{name} differs by {difference:.3g}, allowed {allowed:g}")
    return problems


def _points(landmarks: Landmarks) -> NDArray[np.float32]:
    points = [getattr(landmarks, name) for name in Landmarks.__slots__]
    return np.array([(point.x, point.y) for point in points], np.float32)


def _landmarks(points: NDArray[np.float32]) -> Landmarks:
    named = zip(Landmarks.__slots__, points.tolist(), strict=True)
    return Landmarks(**{name: Point(x, y) for name, (x, y) in named})


def _moved(
    points: NDArray[np.float32], scale: float, turn: float, x: float, y: float
) -> NDArray[np.float32]:
    centre = points.mean(axis=0)
    rotation = np.array([[cos(turn), -sin(turn)], [sin(turn), cos(turn)]])
    moved = (points - centre) @ rotation.T * scale + centre + (x, y)
    return np.asarray(moved, np.float32)


if __name__ == "__main__":
    raise SystemExit(main())
