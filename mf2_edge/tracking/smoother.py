"""Smooths one face's results over time and reports onset, apex and offset of its Action Units.

Step by step, for one face, frame after frame; parameters are the manifest's `smoothing`:

1. `emotion.scores` pass one filter (`one_euro.py`) together, each unit's `score` one of its own,
   `seconds` apart from the frame before. Sums stay 1, scores stay in 0..1.
2. The label stays what it was until another smoothed score leads it by `emotion_margin`. The first
   label is that of the highest score.
3. A unit that is absent becomes present where its smoothed score >= 0.5 + `au_hysteresis`,
   one that is present becomes absent where it is < 0.5 - `au_hysteresis`. In the first frame, 0.5
   alone decides.
4. Strength, unit by unit, and visibility, region by region, pass filters of their own, with the
   parameters of the units' scores. While a unit's smoothed region is below 0.5 the unit stays what
   it was, present or absent, and its reason is `not_visible`; so it is of the emotion while all
   regions are. A frame that alone says `not_visible` is `smoothed`.
5. Becoming present is the onset; becoming absent the offset, reported after the apex, which is
   the time of the highest smoothed score since the onset (the first of equal ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mf2_edge.tracking.one_euro import OneEuro
from mf2_edge.types import (
    PRESENT,
    ActionUnit,
    ActionUnitEvent,
    Emotion,
    FaceState,
    Reason,
    is_covered,
    is_visible,
)

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

_TRUSTED = (Reason.CONFIDENT, Reason.LOW_CONFIDENCE)
"""Reasons that smoothing may replace; the others say that the picture itself is poor."""


@dataclass(slots=True)
class _Peak:
    """The highest score since the onset, and when."""

    score: float
    timestamp_ms: float


class Smoother:
    """The memory of one face. Constant in size, whatever the length of the stream."""

    def __init__(self, manifest: Manifest, track_id: int) -> None:
        spec = manifest.smoothing
        self.track_id = track_id
        self._spec = spec
        self._min_emotion_score = manifest.decoding.min_emotion_score
        self._emotion = OneEuro(spec.emotion, together=True)
        self._units = OneEuro(spec.action_units, together=False)
        self._strength = OneEuro(spec.action_units, together=False)
        self._visibility = OneEuro(spec.action_units, together=False)
        self._label: str | None = None
        self._present: dict[str, _Peak] = {}
        self._last_ms: float | None = None

    def update(
        self, state: FaceState, timestamp_ms: float
    ) -> tuple[FaceState, list[ActionUnitEvent]]:
        """The smoothed state, and what began or ended with this frame.

        `timestamp_ms` is not before that of the frame before.
        """
        first = self._last_ms is None
        seconds = 0.0 if self._last_ms is None else (timestamp_ms - self._last_ms) / 1e3
        self._last_ms = timestamp_ms
        seen = self._visibility.update(np.array(list(state.visibility.values())), seconds)
        visibility = dict(zip(state.visibility, seen.tolist(), strict=True))
        state = replace(state, visibility=visibility, track_id=self.track_id)
        emotion = self._calm_emotion(state, seconds)
        units, events = self._calm_units(state, seconds, timestamp_ms, first=first)
        return replace(state, emotion=emotion, action_units=units), events

    def close(self, timestamp_ms: float) -> list[ActionUnitEvent]:
        """What ends because the face is gone: apex and offset of all that was present."""
        ended = list(self._present)
        return [event for label in ended for event in self._end(label, timestamp_ms, 0.0)]

    def _calm_emotion(self, state: FaceState, seconds: float) -> Emotion:
        emotion = state.emotion
        smoothed = self._emotion.update(np.array(list(emotion.scores.values())), seconds)
        scores = dict(zip(emotion.scores, smoothed.tolist(), strict=True))
        best = max(scores, key=scores.__getitem__)
        if self._label is None or scores[best] >= scores[self._label] + self._spec.emotion_margin:
            self._label = best
        reason = emotion.reason
        if reason in _TRUSTED:
            unsure = scores[self._label] < self._min_emotion_score
            reason = Reason.LOW_CONFIDENCE if unsure else Reason.CONFIDENT
            if self._label != emotion.raw_label:
                reason = Reason.SMOOTHED
        reason = _of_visibility(reason, hidden=is_covered(state.visibility))
        return replace(emotion, label=self._label, scores=scores, reason=reason)

    def _calm_units(
        self, state: FaceState, seconds: float, timestamp_ms: float, *, first: bool
    ) -> tuple[dict[str, ActionUnit], list[ActionUnitEvent]]:
        before = state.action_units
        smoothed = self._units.update(np.array([unit.score for unit in before.values()]), seconds)
        strengths = self._calm_strength(before, seconds)
        units, events = {}, []
        for (label, unit), score in zip(before.items(), smoothed.tolist(), strict=True):
            hidden = not is_visible(label, state.visibility)
            present = self._is_present(label, score, first=first, hidden=hidden)
            if present and not hidden:
                events += self._hold(label, timestamp_ms, score)
            elif label in self._present and not hidden:
                events += self._end(label, timestamp_ms, score)
            changed = unit.reason in _TRUSTED and present != unit.present
            reason = _of_visibility(Reason.SMOOTHED if changed else unit.reason, hidden=hidden)
            units[label] = replace(
                unit, score=score, present=present, reason=reason, strength=strengths[label]
            )
        return units, events

    def _calm_strength(
        self, units: Mapping[str, ActionUnit], seconds: float
    ) -> dict[str, float | None]:
        told = {label: unit.strength for label, unit in units.items() if unit.strength is not None}
        smoothed = self._strength.update(np.array(list(told.values())), seconds)
        return dict.fromkeys(units) | dict(zip(told, smoothed.tolist(), strict=True))

    def _is_present(self, label: str, score: float, *, first: bool, hidden: bool) -> bool:
        if hidden:
            return label in self._present
        slack = self._spec.au_hysteresis
        if first:
            return score >= PRESENT
        return score >= PRESENT + (-slack if label in self._present else slack)

    def _hold(self, label: str, timestamp_ms: float, score: float) -> list[ActionUnitEvent]:
        """A unit that is present: its onset if it was not, its peak if it is higher than ever."""
        if label not in self._present:
            self._present[label] = _Peak(score, timestamp_ms)
            return [ActionUnitEvent(self.track_id, label, "onset", timestamp_ms, score)]
        if score > self._present[label].score:
            self._present[label] = _Peak(score, timestamp_ms)
        return []

    def _end(self, label: str, timestamp_ms: float, score: float) -> list[ActionUnitEvent]:
        peak = self._present.pop(label)
        return [
            ActionUnitEvent(self.track_id, label, "apex", peak.timestamp_ms, peak.score),
            ActionUnitEvent(self.track_id, label, "offset", timestamp_ms, score),
        ]


def _of_visibility(reason: Reason, *, hidden: bool) -> Reason:
    """The reason once the smoothed visibility is known."""
    if hidden:
        return Reason.NOT_VISIBLE
    return Reason.SMOOTHED if reason is Reason.NOT_VISIBLE else reason
