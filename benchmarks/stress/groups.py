r"""What a bundle says by group of people, and of faces mirrored, in bright light, and small.

    python -m benchmarks.stress.groups --root TREES [--bundle NAME]...

Faces of MFA-wild's validation part, which no network was trained on, read by the file that the SDK
takes. `TREES` is a folder or TOML file as recipes take it (docs/mfa-wild.md). Groups are FairFace's
labels of its own faces, balanced by sex and race. A unit counts where every coder decided alike.
Writes `results/BUNDLE/groups.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.report import RESULTS, conditions
from benchmarks.stress.picture_quality import answer, times
from distill.datasets.tree import open_tree
from distill.datasets.wild import read_wild
from distill.datasets.wild.reader import find_codes
from distill.evaluation.metrics.intervals import share
from distill.evaluation.metrics.scores import f1
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import list_bundles
from mf2_edge.io.atomic import write_json
from mf2_edge.types import Box, Detection, FaceState

Pixels = NDArray[np.uint8]

GAIN: Final = 1.6
SMALL: Final = 32
"""Side to which the aligned face is reduced, pixels."""
LABELS: Final = ("gender", "race", "age")
LEAST: Final = 8
"""Faces without which a figure of a group is left out."""


@dataclass(frozen=True)
class Face:
    """An aligned face of which the codes are known, and its answer."""

    aligned: Pixels
    found: Detection
    state: FaceState
    units: dict[str, bool]
    emotion: str | None
    groups: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="pictures of MFA-wild")
    parser.add_argument("--bundle", nargs="+", default=list_bundles())
    options = parser.parse_args()
    for name in options.bundle:
        analyzer = FaceStateAnalyzer(name)
        faces = load_faces(options.root, analyzer)
        report = {
            "what": "answers by group, mirrored, in bright light and small",
            "bundle": name,
            "bundle_sha256": analyzer.bundle.manifest_sha256,
            "artifact": analyzer.artifact.file,
            "data": "MFA-wild, validation",
            "n": len(faces),
            **conditions(),
            "groups": [row for label in LABELS for row in groups(faces, label)],
            "changes": changes(analyzer, faces),
        }
        write_json(RESULTS / name / "groups.json", report)


def load_faces(root: Path, analyzer: FaceStateAnalyzer) -> list[Face]:
    """Every face of the validation part in which landmarks are found."""
    tree = open_tree(root)
    read = [face for face in read_wild(tree) if face.split == "valid"]
    coded = find_codes([face.name for face in read])
    faces = []
    for face, codes in zip(tqdm(read), coded, strict=True):
        data = np.frombuffer(tree.read(face.name), np.uint8)
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)
        found = analyzer.landmark_finder.refine(image, Box(0, 0, image.shape[1], image.shape[0]))
        if found is None:
            continue
        aligned, _ = analyzer.align(image, found)
        state = answer(analyzer, aligned, found)
        units = {unit: codes.presence(unit) for unit in state.action_units}
        known = {unit: present for unit, present in units.items() if present is not None}
        faces.append(
            Face(aligned, found, state, known, codes.agreed_emotion(), dict(face.groups or {}))
        )
    return faces


def groups(faces: Sequence[Face], label: str) -> list[dict[str, Any]]:
    """A row a group of one of FairFace's labels, in the order of their names."""
    named = sorted({face.groups[label] for face in faces if label in face.groups}, key=_by_age)
    return [
        {"label": label, "group": group}
        | _row([face for face in faces if face.groups.get(label) == group])
        for group in named
    ]


def _by_age(group: str) -> tuple[bool, str]:
    return group.startswith("more"), group.zfill(5)


def _row(faces: Sequence[Face]) -> dict[str, Any]:
    judged = [face for face in faces if face.emotion is not None]
    neutral = [face for face in judged if face.emotion == "neutral" and "AU43" in face.units]
    return {
        "n": len(faces),
        "emotion": _share([face.state.emotion.label == face.emotion for face in judged]),
        "units_f1": round(mean_f1([(face, face.state) for face in faces]), 4),
        "au12_recall": _share([_said(face, "AU12") for face in faces if face.units.get("AU12")]),
        "au4_said": _share([_said(face, "AU4") for face in faces if "AU4" in face.units]),
        "au4_coded": _share([face.units["AU4"] for face in faces if "AU4" in face.units]),
        "neutral_au43_said": _share([_said(face, "AU43") for face in neutral]),
        "neutral_au43_coded": _share([face.units["AU43"] for face in neutral]),
    }


def _said(face: Face, unit: str) -> bool:
    found = face.state.action_units.get(unit)
    return found is not None and found.present


def _share(right: Sequence[bool]) -> dict[str, Any] | None:
    if len(right) < LEAST:
        return None
    found = share(np.array(right))
    return {"value": found.value, "low": found.low, "high": found.high, "n": len(right)}


def mean_f1(pairs: Sequence[tuple[Face, FaceState]]) -> float:
    """Mean over the units that the bundle tells and at least `LEAST` of the faces show."""
    values = []
    for unit in pairs[0][1].action_units:
        judged = [pair for pair in pairs if unit in pair[0].units]
        truth = np.array([face.units[unit] for face, _ in judged], dtype=bool)
        if truth.sum() >= LEAST:
            said = np.array([state.action_units[unit].present for _, state in judged], dtype=bool)
            values.append(f1(said, truth))
    return float(np.mean(values)) if values else float("nan")


def changes(analyzer: FaceStateAnalyzer, faces: Sequence[Face]) -> list[dict[str, Any]]:
    """What the answers lose where every face is mirrored, brighter, or small."""
    made: dict[str, Callable[[Pixels], Pixels]] = {
        "as it is": lambda pixels: pixels,
        "mirrored": lambda pixels: np.ascontiguousarray(pixels[:, ::-1]),
        f"{GAIN} times as bright": lambda pixels: times(pixels, GAIN),
        f"{SMALL} px": _reduced,
    }
    return [_change(analyzer, faces, *each) for each in made.items()]


def _reduced(pixels: Pixels) -> Pixels:
    small = cv2.resize(pixels, (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    size = (pixels.shape[1], pixels.shape[0])
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _change(
    analyzer: FaceStateAnalyzer,
    faces: Sequence[Face],
    name: str,
    change: Callable[[Pixels], Pixels],
) -> dict[str, Any]:
    states = [answer(analyzer, change(face.aligned), face.found) for face in faces]
    pairs = list(zip(faces, states, strict=True))
    same = [
        state.action_units[unit].present == found.present
        for face, state in pairs
        for unit, found in face.state.action_units.items()
    ]
    judged = [(face, state) for face, state in pairs if face.emotion is not None]
    return {
        "change": name,
        "emotion": _share([state.emotion.label == face.emotion for face, state in judged]),
        "units_f1": round(mean_f1(pairs), 4),
        "same_units": round(float(np.mean(same)), 4),
        "same_emotion": round(
            float(np.mean([s.emotion.label == f.state.emotion.label for f, s in pairs])), 4
        ),
    }


if __name__ == "__main__":
    main()
