"""How much of the answer is lost as a face's light or what covers it changes, and what is told.

    python -m benchmarks.stress.picture_quality --root TREES [--without-faces FOLDER...]

Faces of MFA-wild's validation part are aligned once; then each aligned picture is multiplied by a
gain and cut off at 255, or a part of it is covered by a flat colour. `TREES` is a folder or TOML
file as recipes take it (docs/mfa-wild.md). Loss is what changes against the answer for the picture
as it was: part of the faces with another emotion, part of the unit decisions that are another, of
faces whose picture as it was is neither dark nor bright (light 1). Flagged is the part of
the faces whose emotion has the reason `low_quality` or `not_visible`, by the rules of the SDK. Of
folders without faces, every picture is searched and what is found there is read.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.report import RESULTS, conditions
from distill.datasets.tree import open_tree
from distill.datasets.wild import read_wild
from mf2_edge import FaceStateAnalyzer
from mf2_edge.io.atomic import write_json
from mf2_edge.io.image_file import read_image
from mf2_edge.types import Box, Detection, FaceState, Reason, Status

Pixels = NDArray[np.uint8]

GAINS: Final = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.25, 1.6, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
MEANS: Final = (0, 5, 10, 15, 20, 30, 40, 60, 90, 120, 150, 180, 195, 210, 220, 230, 240, 256)
"""Edges of the bins of mean grey level."""
CLIPPED: Final = (0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)
"""Edges of the bins of the part of the pixels at 250 or above."""
DOUBTED: Final = (Reason.LOW_QUALITY, Reason.NOT_VISIBLE)
COVERS: Final = {"mask": (210, 220, 225), "glasses": (15, 15, 18), "hand": (190, 140, 115)}


@dataclass(frozen=True)
class Face:
    """An aligned face, where it was found, and its answer."""

    aligned: Pixels
    found: Detection
    state: FaceState


@dataclass(frozen=True)
class Row:
    """What one changed picture lost."""

    grey: float
    clipped: float
    emotion: bool
    units: float
    state: FaceState


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="pictures of MFA-wild")
    parser.add_argument("--without-faces", type=Path, nargs="*", default=[])
    parser.add_argument("--bundle", default="mf2-edge-s")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "picture-quality.json")
    options = parser.parse_args()
    analyzer = FaceStateAnalyzer(options.bundle)
    faces = load_faces(options.root, options.count, options.seed, analyzer)
    lit = [face for face in faces if face.state.quality and face.state.quality.light == 1]
    by_gain = {gain: [read(analyzer, f, partial(times, gain=gain)) for f in lit] for gain in GAINS}
    rows = [row for each in by_gain.values() for row in each]
    spec = analyzer.bundle.manifest.alignment.points
    covered = {
        name: [read(analyzer, face, partial(cover, name=name, points=spec)) for face in faces]
        for name in COVERS
    }
    report = {
        "what": "loss of the answer by light and cover, and what the SDK says of it",
        "bundle": analyzer.bundle.manifest.name,
        "bundle_sha256": analyzer.bundle.manifest_sha256,
        "artifact_sha256": analyzer.artifact.sha256,
        "data": "MFA-wild, validation",
        "n": len(faces),
        "n_of_light": len(lit),
        "seed": options.seed,
        **conditions(),
        "gains": [{"gain": gain} | summary(each) for gain, each in by_gain.items()],
        "mean_grey": binned(rows, lambda row: row.grey, MEANS),
        "clipped": binned(rows, lambda row: row.clipped, CLIPPED),
        "hidden_regions": binned(
            [row for each in (by_gain[0.8], by_gain[1.25], *covered.values()) for row in each],
            lambda row: sum(p < 0.5 for p in row.state.visibility.values()),
            range(7),
        ),
        "as_they_are": told([face.state for face in faces]),
        "covers": [{"cover": name} | summary(each) for name, each in covered.items()],
        "without_faces": [nothing(analyzer, folder) for folder in options.without_faces],
    }
    write_json(options.out, report)


def load_faces(root: Path, count: int, seed: int, analyzer: FaceStateAnalyzer) -> list[Face]:
    """Faces of the validation part with landmarks, drawn by `seed`."""
    tree = open_tree(root)
    names = [face.name for face in read_wild(tree) if face.split == "valid"]
    faces: list[Face] = []
    for place in np.random.default_rng(seed).permutation(len(names)):
        data = np.frombuffer(tree.read(names[place]), np.uint8)
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
        whole = Box(0, 0, image.shape[1], image.shape[0])
        found = analyzer.landmark_finder.refine(image, whole)
        if found is not None:
            aligned, _ = analyzer.align(image, found)
            faces.append(Face(aligned, found, answer(analyzer, aligned, found)))
        if len(faces) == count:
            break
    return faces


def answer(analyzer: FaceStateAnalyzer, aligned: Pixels, found: Detection) -> FaceState:
    return analyzer._read_face(aligned, found, Status.OK)


def read(analyzer: FaceStateAnalyzer, face: Face, change: Callable[[Pixels], Pixels]) -> Row:
    """The answer for the changed picture beside that for the one as it was."""
    aligned = change(face.aligned)
    state = answer(analyzer, aligned, face.found)
    before, after = face.state.action_units, state.action_units
    other = [before[label].present != after[label].present for label in before]
    grey = cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY)
    return Row(
        float(grey.mean()),
        float((grey >= 250).mean()),
        state.emotion.label != face.state.emotion.label,
        float(np.mean(other)),
        state,
    )


def times(pixels: Pixels, gain: float) -> Pixels:
    """Every value times `gain`, cut off at 255, rounded as a camera would."""
    return np.asarray(np.round(np.clip(pixels * gain, 0, 255)), dtype=np.uint8)


def cover(aligned: Pixels, name: str, points: dict[str, tuple[float, float]]) -> Pixels:
    """A mask over nose, mouth and chin; dark glasses; a hand over one half of the face."""
    right, left, mouth = (points[key] for key in ("right_eye", "left_eye", "mouth_center"))
    apart, middle = left[0] - right[0], (left[0] + right[0]) / 2
    level = (left[1] + right[1]) / 2
    covered = aligned.copy()
    color = COVERS[name]
    if name == "mask":
        top = level + 0.35 * (mouth[1] - level)
        at = (round(middle), round(top + 1.05 * apart))
        size = (round(0.95 * apart), round(1.05 * apart))
        cv2.ellipse(covered, at, size, 0, 0, 360, color, cv2.FILLED)
    elif name == "glasses":
        for x, y in (right, left):
            size = (round(0.42 * apart), round(0.32 * apart))
            cv2.ellipse(covered, (round(x), round(y)), size, 0, 0, 360, color, cv2.FILLED)
    else:
        covered[:, round(middle) :] = color
    return covered


def told(states: Sequence[FaceState]) -> dict[str, Any]:
    """What the answers say of themselves."""
    reasons = [state.emotion.reason for state in states]
    quality = [state.quality.overall for state in states if state.quality]
    hidden = [[p < 0.5 for p in state.visibility.values()] for state in states]
    return {
        "not_confident": share([reason is not Reason.CONFIDENT for reason in reasons]),
        "low_quality": share([reason is Reason.LOW_QUALITY for reason in reasons]),
        "not_visible": share([reason is Reason.NOT_VISIBLE for reason in reasons]),
        "quality_mean": round(float(np.mean(quality)), 3),
        "light_below_1": share([state.quality.light < 1 for state in states if state.quality]),
        "two_hidden": share([sum(each) >= 2 for each in hidden]),
        "quality_1": share([value == 1 for value in quality]),
        "hidden_regions": round(float(np.mean([sum(each) for each in hidden])), 2),
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    changed = {
        "mean_grey": round(float(np.mean([row.grey for row in rows])), 1),
        "clipped": share([row.clipped for row in rows]),
    }
    return changed | lost(rows) | told([row.state for row in rows])


def lost(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "n": len(rows),
        "emotion_changed": share([row.emotion for row in rows]),
        "units_changed": share([row.units for row in rows]),
        "flagged": share([row.state.emotion.reason in DOUBTED for row in rows]),
    }


def binned(
    rows: Sequence[Row], key: Callable[[Row], float], edges: Sequence[float]
) -> list[dict[str, Any]]:
    """Loss in each bin that holds at least 20 pictures."""
    made = []
    for low, high in pairwise(edges):
        inside = [row for row in rows if low <= key(row) < high]
        if len(inside) >= 20:
            made.append({"from": low, "to": high} | lost(inside))
    return made


def nothing(analyzer: FaceStateAnalyzer, folder: Path) -> dict[str, Any]:
    """What is found in pictures without faces, and what is said of it."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    states = [state for path in files for state in analyzer.predict(read_image(path), color="rgb")]
    found = [
        {
            "score": round(state.detection_score, 3),
            "reason": state.emotion.reason.value,
            "visible": round(max(state.visibility.values(), default=1.0), 3),
        }
        for state in states
    ]
    return {"folder": folder.name, "pictures": len(files), "found": found}


def share(values: Sequence[float | bool]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0


if __name__ == "__main__":
    main()
