"""What training learns from coded faces, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill.datasets.labelled import EMOTIONS
from distill.datasets.wild.codes import UNITS, CodedFace
from mf2_edge.facs import REGIONS

RUNNER_UP: Final = 0.15
"""Share of the runner-up in a coder's emotion. Where a coder names one, the other coder's first
choice is that runner-up about one time in eight, and RAF-DB's label is so one time in six
(docs/mfa-wild.md)."""


@dataclass(frozen=True)
class WildTargets:
    """Targets of n faces, U units and E emotions, float32 but for the sentences.

    units [n, U]: 0 absent to 1 present, NaN unknown. strength [n, U]: 0 absent, 1 slight, 2 marked
    (1.5 where two coders differ), NaN where no coder decided or the coders contradict each other.
    visible [n, 5]: whether each of `REGIONS` can be judged; 0.5 where two coders differ.
    emotion [n, E]: sums to 1; NaN if no coder named any of the E. emotion_strength [n]: 0 to 3,
    averaged. coders [n, 2, U]: each coder's 0, 1, 2 or NaN; NaN throughout for a missing coder.
    sentences: coder A's; "" where there is none.
    """

    units: NDArray[np.float32]
    strength: NDArray[np.float32]
    visible: NDArray[np.float32]
    emotion: NDArray[np.float32]
    emotion_strength: NDArray[np.float32]
    coders: NDArray[np.float32]
    sentences: tuple[str, ...]


def wild_targets(
    faces: Sequence[CodedFace],
    units: Sequence[str] = UNITS,
    emotions: Sequence[str] = EMOTIONS,
    *,
    runner_up: float = RUNNER_UP,
) -> WildTargets:
    """Targets of faces in their order.

    A unit ("AU12") that the coders do not look for is unknown, and so is one that every coder of a
    face left undecided: unsure, or in a hidden region. Where one of two coders decided, or they
    contradict each other, the two are averaged, an undecided coder counting 0.5. Emotions that are
    not among `emotions` are left out of the distribution.
    """
    coders = np.full((len(faces), 2, len(units)), np.nan, dtype=np.float32)
    for row, face in enumerate(faces):
        for place, coding in enumerate(face.codings):
            said = [coding.strength(unit) for unit in units]
            coders[row, place] = [np.nan if one is None else one for one in said]
    twice = np.array([face.coder_b is not None for face in faces], dtype=bool)
    return WildTargets(
        units=_presence(coders, twice),
        strength=_strength(coders),
        visible=_visible(faces),
        emotion=_emotion(faces, emotions, runner_up),
        emotion_strength=np.array(
            [np.mean([coding.emotion_strength for coding in face.codings]) for face in faces],
            dtype=np.float32,
        ),
        coders=coders,
        sentences=tuple(face.coder_a.text or "" for face in faces),
    )


def _presence(coders: NDArray[np.float32], twice: NDArray[np.bool_]) -> NDArray[np.float32]:
    present = np.where(np.isnan(coders), np.nan, coders > 0).astype(np.float32)
    first, second = present[:, 0], np.where(twice[:, None], present[:, 1], present[:, 0])
    decided = ~(np.isnan(first) & np.isnan(second))
    mean = (np.nan_to_num(first, nan=0.5) + np.nan_to_num(second, nan=0.5)) / 2
    return np.where(decided, mean, np.float32(np.nan)).astype(np.float32)


def _strength(coders: NDArray[np.float32]) -> NDArray[np.float32]:
    decided = ~np.isnan(coders)
    count = decided.sum(axis=1)
    mean = np.nan_to_num(coders).sum(axis=1) / np.maximum(count, 1)
    contradiction = (coders == 0).any(axis=1) & (coders > 0).any(axis=1)
    return np.where((count == 0) | contradiction, np.nan, mean).astype(np.float32)


def _visible(faces: Sequence[CodedFace]) -> NDArray[np.float32]:
    seen = np.ones((len(faces), len(REGIONS)), dtype=np.float32)
    for row, face in enumerate(faces):
        for coding in face.codings:
            for region in coding.hidden:
                seen[row, REGIONS.index(region)] -= 1 / len(face.codings)
    return seen


def _emotion(
    faces: Sequence[CodedFace], emotions: Sequence[str], runner_up: float
) -> NDArray[np.float32]:
    shares = np.zeros((len(faces), len(emotions)), dtype=np.float32)
    for row, face in enumerate(faces):
        named = face.emotion_shares(runner_up)
        shares[row] = [named.get(emotion, 0.0) for emotion in emotions]
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.where(total > 0, total, 1), np.float32(np.nan))
