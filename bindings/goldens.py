"""Goldens of frame and align, which no bundle holds; those of detect are in `goldens_finder`.

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
    alpha/rgba          uint8   [k, w, 4]         a picture with straight alpha
    alpha/premultiplied uint8   [k, w, 4]         the same, its colours multiplied by alpha
    alpha/rgb           uint8   [k, w, 3]         the frame that both are, on white
    tolerance/matrix    float                     largest difference of the similarity's entries
    tolerance/align     float                     the same of resampled pixels, of 255
    tolerance/alpha     float                     the same of pixels on white

The template is that of the shipped default bundle. Cases: the detected face; enlarged beyond the
frame's edge; turned; so large that the frame is reduced by 2 and by 3; tiny. The picture with alpha
has every level of each colour under 24 levels of alpha, a row that is opaque and one that is
transparent, so that what it hides shows wherever alpha is passed over.
"""

from __future__ import annotations

import argparse
import sys
from math import cos, sin
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import mf2_edge
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.io.atomic import replacing
from mf2_edge.io.frames import check_frame
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align, similarity, warp
from mf2_edge.pipeline.detect import BlazeFaceDetector, View
from mf2_edge.types import Landmarks, Point

PATH: Final = Path(__file__).parent / "goldens.npz"
PORTRAIT: Final = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
CUT: Final = (slice(0, 320), slice(80, 400))
"""The part of the portrait with the face, rows and columns."""

TOLERANCES: Final = {"matrix": 1e-4, "align": 1.0, "alpha": 0.0}
"""One grey level where a rounding may go either way."""

CASES: Final = ((1.0, 0.0, 0, 0), (1.6, 0.0, 40, -90), (1.1, 0.7, 0, 20), (2.5, -0.4, 10, 20))
"""Scale, turn (radians) and shift (pixels) that move the detected landmarks."""
LARGE_AND_TINY: Final = ((3.6, 0.1, 0, 0), (0.3, 0.0, 0, 0))

ALPHAS: Final = (
    *(0, 1, 2, 3, 17, 32, 64, 85, 100, 126, 127, 128),
    *(129, 130, 150, 170, 191, 200, 220, 240, 252, 253, 254, 255),
)


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
    arrays |= _with_alpha()
    return arrays | {f"tolerance/{name}": np.float32(value) for name, value in TOLERANCES.items()}


def _with_alpha() -> dict[str, NDArray[np.uint8]]:
    """A picture with alpha, both ways to store it, and the frame that the SDK makes of it."""
    rows, levels = np.mgrid[: len(ALPHAS), :256]
    alpha = np.array(ALPHAS)[(rows + levels) % len(ALPHAS)]
    alpha = np.vstack([alpha, np.full((1, 256), 255), np.zeros((1, 256), int)])
    colours = np.stack([levels, 255 - levels, levels ^ 0x55], axis=-1)[:1].repeat(len(alpha), 0)
    multiplied = (colours * alpha[..., None] + 127) // 255  # rounded: 255 is odd, so no ties
    straight = np.dstack([colours, alpha]).astype(np.uint8)
    return {
        "alpha/rgba": straight,
        "alpha/premultiplied": np.dstack([multiplied, alpha]).astype(np.uint8),
        "alpha/rgb": check_frame(Image.fromarray(straight)),
    }


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
