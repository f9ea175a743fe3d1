"""The model beside a single human rater, where a data set publishes its raters' votes.

One rater at a time is left out, and compared with the majority of the others; the model is compared
with the very same majority. Both are means over all raters of a face, so nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill.datasets import LabelledFace, majority
from distill.evaluation.metrics.intervals import mean, share
from distill.evaluation.reports.schema import RaterGroup, RaterReport

WHAT = (
    "each rater in turn against the majority of the others (votes of one dropped, more than half "
    "agree); faces whose other raters have no majority are left out for that rater"
)

_EDGES = ((0.95, "all"), (0.85, "9 of 10"), (0.75, "8 of 10"), (0.65, "7 of 10"), (0.0, "fewer"))
"""Least share of the raters who chose the label, and what a group is called."""


@dataclass(frozen=True)
class AgainstOthers:
    """How a rater left out, and the model, do on one face against the other raters, 0..1.

    NaN where the others never have a majority.
    """

    rater: float
    model: float


def rater_report(
    dataset: str,
    split: str,
    faces: Sequence[LabelledFace],
    answers: Sequence[str],
    seed: int,
) -> RaterReport:
    """By how many raters chose the label; faces with a label and votes, answers [n]."""
    against = [
        against_others(face.votes or {}, answer)
        for face, answer in zip(faces, answers, strict=True)
    ]
    rater = np.array([one.rater for one in against])
    model = np.array([one.model for one in against])
    right = np.array([f.emotion == a for f, a in zip(faces, answers, strict=True)])
    agreement = np.array([agreement_of(face) for face in faces])
    above = 2.0
    groups = []
    for edge, name in (*_EDGES, (0.0, "all faces")):
        last = name == "all faces"
        rows = np.full(len(faces), True) if last else (agreement >= edge) & (agreement < above)
        above = edge
        if rows.any() and not np.isnan(rater[rows]).all():
            groups.append(_group(name, rows, right, model, rater, seed))
    return RaterReport(dataset=dataset, split=split, what=WHAT, groups=tuple(groups))


def agreement_of(face: LabelledFace) -> float:
    """Share of all raters who chose the face's label, 0..1."""
    assert face.votes is not None  # asked only of faces with votes
    assert face.emotion is not None
    return face.votes[face.emotion] / sum(face.votes.values())


def against_others(votes: dict[str, float], answer: str) -> AgainstOthers:
    """One face: the mean over its raters of agreeing with the majority of the other raters."""
    evaluated = rater = model = 0.0
    for own, count in votes.items():
        if count == 0:
            continue
        others = majority(votes | {own: count - 1})
        if others is not None:
            evaluated += count
            rater += count * (own == others)
            model += count * (answer == others)
    if evaluated == 0:
        return AgainstOthers(float("nan"), float("nan"))
    return AgainstOthers(rater / evaluated, model / evaluated)


def _group(
    name: str,
    rows: NDArray[np.bool_],
    right: NDArray[np.bool_],
    model: NDArray[np.float64],
    rater: NDArray[np.float64],
    seed: int,
) -> RaterGroup:
    return RaterGroup(
        agreement=name,
        n=int(rows.sum()),
        accuracy=share(right[rows]),
        model=mean(model[rows], seed),
        rater=mean(rater[rows], seed),
    )
