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
    """Scores [t, labels], float64; the place of the emotion label [t]; units present [t, units].

    Strength and visibility are None where they were not given.
    """

    emotion_scores: NDArray[np.float64]
    au_scores: NDArray[np.float64]
    strength_scores: NDArray[np.float64] | None
    visibility_scores: NDArray[np.float64] | None
    label: NDArray[np.int64]
    present: NDArray[np.bool_]


def smooth_series(
    manifest: Manifest,
    timestamps_ms: NDArray[np.float64],
    emotion_scores: NDArray[np.float64],
    au_scores: NDArray[np.float64],
    strength_scores: NDArray[np.float64] | None = None,
    visibility_scores: NDArray[np.float64] | None = None,
) -> SmoothedSeries:
    """What the smoother makes of one face's calibrated scores, [t, labels] each, at these times."""
    emotions = manifest.head("emotion").labels
    smoother = Smoother(manifest, track_id=1)
    smoothed = []
    for t, moment in enumerate(timestamps_ms.tolist()):
        raw = _state(
            manifest,
            emotion_scores[t].tolist(),
            au_scores[t].tolist(),
            None if strength_scores is None else strength_scores[t].tolist(),
            [] if visibility_scores is None else visibility_scores[t].tolist(),
        )
        smoothed.append(smoother.update(raw, moment)[0])
    units = [list(state.action_units.values()) for state in smoothed]
    strengths = np.array([[unit.strength for unit in row] for row in units])
    seen = np.array([list(state.visibility.values()) for state in smoothed])
    return SmoothedSeries(
        np.array([list(state.emotion.scores.values()) for state in smoothed]),
        np.array([[unit.score for unit in row] for row in units]),
        None if strength_scores is None else strengths,
        None if visibility_scores is None else seen,
        np.array([emotions.index(state.emotion.label) for state in smoothed]),
        np.array([[unit.present for unit in row] for row in units]),
    )


def _state(
    manifest: Manifest,
    emotions: list[float],
    units: list[float],
    strengths: list[float] | None,
    visibility: list[float],
) -> FaceState:
    scores = dict(zip(manifest.head("emotion").labels, emotions, strict=True))
    best = max(scores, key=scores.__getitem__)
    labels = manifest.head("action_units").labels
    marked: list[float | None] = [None] * len(labels) if strengths is None else [*strengths]
    shown = {
        label: ActionUnit(
            ACTION_UNIT_NAMES[label], score, score >= PRESENT, Reason.CONFIDENT, strength
        )
        for label, score, strength in zip(labels, units, marked, strict=True)
    }
    head = manifest.find_head("visibility")
    regions = dict(zip(head.labels if head and visibility else (), visibility, strict=True))
    emotion = Emotion(best, best, scores, Reason.CONFIDENT)
    return FaceState(Box(0, 0, 1, 1), None, 1.0, emotion, shown, Status.OK, visibility=regions)
