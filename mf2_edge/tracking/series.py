"""A whole series of scores through the smoother, as the goldens record it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.tracking.smoother import Smoother
from mf2_edge.types import PRESENT, ActionUnit, Box, Emotion, FaceState, Reason, Status

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest


@dataclass(frozen=True)
class SmoothedSeries:
    """Scores [t, labels], float64; the place of the emotion label [t]; units present [t, units]."""

    emotion_scores: NDArray[np.float64]
    au_scores: NDArray[np.float64]
    label: NDArray[np.int64]
    present: NDArray[np.bool_]


def smooth_series(
    manifest: Manifest,
    timestamps_ms: NDArray[np.float64],
    emotion_scores: NDArray[np.float64],
    au_scores: NDArray[np.float64],
) -> SmoothedSeries:
    """What the smoother makes of one face's calibrated scores, [t, labels] each, at these times."""
    emotions = manifest.head("emotion").labels
    smoother = Smoother(manifest, track_id=1)
    smoothed = []
    for time_ms, of_emotions, of_units in zip(
        timestamps_ms.tolist(), emotion_scores.tolist(), au_scores.tolist(), strict=True
    ):
        state, _ = smoother.update(_state(manifest, of_emotions, of_units), time_ms)
        smoothed.append(state)
    return SmoothedSeries(
        np.array([list(state.emotion.scores.values()) for state in smoothed]),
        np.array([[unit.score for unit in state.action_units.values()] for state in smoothed]),
        np.array([emotions.index(state.emotion.label) for state in smoothed]),
        np.array([[unit.present for unit in state.action_units.values()] for state in smoothed]),
    )


def _state(manifest: Manifest, emotions: list[float], units: list[float]) -> FaceState:
    scores = dict(zip(manifest.head("emotion").labels, emotions, strict=True))
    best = max(scores, key=scores.__getitem__)
    shown = {
        label: ActionUnit(ACTION_UNIT_NAMES[label], score, score >= PRESENT, Reason.CONFIDENT)
        for label, score in zip(manifest.head("action_units").labels, units, strict=True)
    }
    emotion = Emotion(best, best, scores, Reason.CONFIDENT)
    return FaceState(Box(0, 0, 1, 1), None, 1.0, emotion, shown, Status.OK)
