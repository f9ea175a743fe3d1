"""Folds of a data set: which faces a protocol evaluates, and which it leaves to be fitted on.

A protocol says nothing of networks: an evaluator asks it for its folds and evaluates whatever gives
scores to their faces. What is fitted for a fold, thresholds or a whole network, may use
`Fold.train` and never sees `Fold.evaluated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill.datasets import LabelledFace
from distill.datasets.folds import FoldRule


class ProtocolError(ValueError):
    """There is no such protocol, or the data at hand cannot be evaluated by it."""


@dataclass(frozen=True)
class Fold:
    """Rows of a data set's faces: `evaluated` ones, and those of other subjects to fit on."""

    name: str
    evaluated: NDArray[np.int64]
    train: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class EvaluationProtocol:
    """How a data set is evaluated.

    `title` is the data set's name as manifests write it. `split` and `rule` say in words what is
    evaluated, for the result. `parts` are the reader's splits that are evaluated. `emotions` and
    `units` are the labels that are evaluated: faces without any are left out; units None stands
    for all that the network knows. `fold_subjects` takes all subjects and gives those of each
    fold; None evaluates all faces at once. `held_out`: the data set's authors keep these faces out
    of training.
    """

    title: str
    split: str
    rule: str
    parts: tuple[str, ...] = ("dev",)
    emotions: tuple[str, ...] = ()
    units: tuple[str, ...] | None = ()
    fold_subjects: FoldRule | None = None
    held_out: bool = True

    @property
    def has_units(self) -> bool:
        """Whether Action Units are evaluated at all."""
        return self.units is None or bool(self.units)

    def folds(self, faces: Sequence[LabelledFace]) -> list[Fold]:
        """The folds, one after the other; raises ProtocolError where one has no face."""
        rows = np.array(
            [row for row, face in enumerate(faces) if self._is_judged(face)], dtype=np.int64
        )
        if self.fold_subjects is None:
            return [self._filled(Fold("all faces", rows, rows[:0]), faces)]
        subject_of = np.array([faces[row].subject or "" for row in rows])
        folds = []
        for number, subjects in enumerate(self.fold_subjects(sorted(set(subject_of))), start=1):
            own = np.isin(subject_of, sorted(subjects))
            folds.append(self._filled(Fold(f"fold {number}", rows[own], rows[~own]), faces))
        strange = set(rows.tolist()) - {row for fold in folds for row in fold.evaluated.tolist()}
        if strange:
            names = sorted({faces[row].subject or "nobody" for row in strange})
            raise ProtocolError(
                f"{self.title}: subjects {', '.join(names)} are in no fold of the protocol"
            )
        return folds

    def _is_judged(self, face: LabelledFace) -> bool:
        labelled = face.emotion in self.emotions
        coded = self.has_units and face.action_units is not None
        return face.split in self.parts and (labelled or coded)

    def _filled(self, fold: Fold, faces: Sequence[LabelledFace]) -> Fold:
        if not len(fold.evaluated):
            found = ", ".join(sorted({face.split for face in faces})) or "none"
            raise ProtocolError(
                f"{self.title}: no face to evaluate ({fold.name}, {self.split}); parts found: "
                f"{found}. Point the root at the whole data set"
            )
        return fold
