"""Scorers: what is measured, a bundle or a trained network, gives its scores to labelled faces.

A scorer sees pictures as the analyzer does: crops through `predict_crops`, boxes through
`predict(boxes=...)`, whole frames through `predict`, of which the largest face counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.datasets import LabelledFace
from distill.faces.pictures import Pictures, align_face
from distill.faces.resumable import Rows, fill_rows
from mf2_edge import FaceStateAnalyzer, Status
from mf2_edge.bundle.schema import CalibrationSpec
from mf2_edge.pipeline.activations import sigmoid
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.pipeline.preprocess import to_input

_UNALIGNED, _ALIGNED = 1, 2


class EvaluatedModel(Protocol):
    """What is evaluated: its labels, and how its scores 0..1 are read.

    `thresholds`: from which score on each unit is present, as shipped. `title` says what it is,
    `data` are the titles of the data sets it learned from.
    """

    emotions: tuple[str, ...]
    units: tuple[str, ...]
    thresholds: NDArray[np.float64]
    title: str
    data: frozenset[str]


class Scorer(EvaluatedModel, Protocol):
    """A model that scores pictures; `key` changes with any bit of it."""

    key: str

    def score(self, picture: NDArray[np.uint8], face: LabelledFace) -> tuple[list[float], bool]:
        """Scores of all emotions, then of all units; and whether landmarks were found."""
        ...


@dataclass(frozen=True)
class Measured:
    """What is measured: a bundle (None: the one that ships), or a `network.pt`."""

    bundle: str | None = None
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Scores:
    """emotions: float [n, emotions]; units: float [n, units]; NaN in rows not asked for.

    unaligned: bool [n], faces in which no landmarks were found.
    """

    emotions: NDArray[np.float64]
    units: NDArray[np.float64]
    unaligned: NDArray[np.bool_]


class BundleScorer:
    """A bundle, through the analyzer that ships."""

    def __init__(self, bundle: str | None) -> None:
        self._analyzer = FaceStateAnalyzer(bundle, include_experimental=True)
        manifest = self._analyzer.bundle.manifest
        artifact = self._analyzer.artifact
        self.emotions = manifest.head("emotion").labels
        self.units = manifest.head("action_units").labels
        self.thresholds = np.full(len(self.units), 0.5)
        self.title = (
            f"bundle {manifest.name} {manifest.version}, {artifact.format} {artifact.precision}"
        )
        self.key = f"{self._analyzer.bundle.manifest_sha256} {artifact.file}"
        self.data = frozenset(terms.name for terms in manifest.license.data)

    def score(self, picture: NDArray[np.uint8], face: LabelledFace) -> tuple[list[float], bool]:
        """As `Scorer` says."""
        states = []
        if face.box is not None:
            states = self._analyzer.predict(picture, color="rgb", boxes=[face.box])
        elif face.whole_frame:
            states = self._analyzer.predict(picture, color="rgb")
        state = (states or self._analyzer.predict_crops([picture], color="rgb"))[0]
        units = [unit.score for unit in state.action_units.values()]
        return [*state.emotion.scores.values(), *units], state.status is not Status.UNALIGNED


class CheckpointScorer:
    """A trained network in PyTorch, with the `calibration.json` beside it."""

    def __init__(self, path: Path) -> None:
        import torch

        from distill.training.checkpoint import load_network

        torch.set_num_threads(1)
        checkpoint = load_network(path)
        calibration = path.with_name("calibration.json")
        if not calibration.is_file():
            raise FileNotFoundError(
                f"no {calibration}: run `python -m distill calibrate` with the recipe of {path}"
            )
        self._network, self._recipe = checkpoint.network, checkpoint.recipe
        self._calibration = msgspec.json.decode(calibration.read_bytes(), type=CalibrationSpec)
        self._detector = BlazeFaceDetector(num_threads=1)
        self.emotions = self._recipe.emotions
        self.units = self._recipe.action_units
        fitted = [self._calibration.action_units[unit] for unit in self.units]
        self.thresholds = np.full(len(self.units), 0.5)
        self._scale = np.array([unit.scale for unit in fitted])
        self._bias = np.array([unit.bias for unit in fitted])
        self.title = f"network {self._recipe.name} ({checkpoint.stage})"
        self.key = sha256(path.read_bytes() + calibration.read_bytes()).hexdigest()
        self.data = frozenset(dataset.title for dataset in self._recipe.data.values())

    def score(self, picture: NDArray[np.uint8], face: LabelledFace) -> tuple[list[float], bool]:
        """As `Scorer` says."""
        import torch

        aligned, found = align_face(picture, face, self._detector, self._recipe.alignment)
        pixels = torch.from_numpy(to_input(aligned, self._recipe.preprocessing, "NCHW"))
        with torch.inference_mode():
            outputs = self._network(pixels)  # others may follow
        emotion, units = (outputs[place][0].double() for place in (0, 1))
        probabilities = torch.softmax(emotion / self._calibration.emotion.temperature, dim=0)
        present = sigmoid(self._scale * units.numpy() + self._bias)
        return [*probabilities.tolist(), *present.tolist()], found


@cache
def open_scorer(measured: Measured) -> Scorer:
    """The scorer of what is measured; raises BundleError or CheckpointError."""
    if measured.checkpoint is not None:
        return CheckpointScorer(measured.checkpoint)
    return BundleScorer(measured.bundle)


def score_faces(
    measured: Measured,
    root: Path,
    faces: Sequence[LabelledFace],
    rows: NDArray[np.int64],
    path: Path,
    workers: int,
) -> Scores:
    """Scores of the faces in `rows`; a killed run goes on from the file `path`."""
    scorer = open_scorer(measured)
    emotions, units = len(scorer.emotions), len(scorer.units)
    filled: Rows = fill_rows(
        _score_one,
        [(measured, root, faces[row]) for row in rows],
        path,
        shape=(emotions + units,),
        dtype=np.float64,
        workers=workers,
        title="score",
    )
    scores = np.full((len(faces), emotions + units), np.nan)
    scores[rows] = filled.values
    unaligned = np.zeros(len(faces), dtype=bool)
    unaligned[rows] = filled.marks == _UNALIGNED
    return Scores(scores[:, :emotions], scores[:, emotions:], unaligned)


def _score_one(job: tuple[Measured, Path, LabelledFace]) -> tuple[NDArray[np.float64], int]:
    measured, root, face = job
    values, found = open_scorer(measured).score(_pictures(root).read(face), face)
    return np.array(values), _ALIGNED if found else _UNALIGNED


@cache
def _pictures(root: Path) -> Pictures:
    return Pictures(root)
