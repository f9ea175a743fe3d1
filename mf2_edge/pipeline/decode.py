"""Decode: from logits to emotion and Action Units, with the manifest's calibration.

    emotion       scores = softmax(logits / temperature)
    action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5

Computed in float64. Labels, calibration and margins all come from the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.types import PRESENT, ActionUnit, Emotion, Reason, Status

if TYPE_CHECKING:
    from mf2_edge.bundle.manifest import Manifest

_CAUSE = {Status.UNALIGNED: Reason.UNALIGNED, Status.SMALL: Reason.FACE_TOO_SMALL}


class Decoder:
    """What the outputs of one model mean."""

    def __init__(self, manifest: Manifest) -> None:
        emotion, action_units = manifest.head("emotion"), manifest.head("action_units")
        calibration = [manifest.calibration.action_units[label] for label in action_units.labels]
        self._emotion_output = emotion.output
        self._au_output = action_units.output
        self._emotions = emotion.labels
        self._temperature = manifest.calibration.emotion.temperature
        self._min_emotion_score = manifest.decoding.min_emotion_score
        self._units = action_units.labels
        self._scale = np.array([unit.scale for unit in calibration])
        self._bias = np.array([unit.bias for unit in calibration])
        self._au_margin = manifest.decoding.au_margin

    def decode(
        self,
        outputs: Sequence[NDArray[np.float32]],
        status: Status = Status.OK,
        doubt: Reason | None = None,
    ) -> tuple[Emotion, Mapping[str, ActionUnit]]:
        """The results for one face from the model's outputs [1, labels] each.

        A `status` other than OK is the reason of every answer, whatever its score; else `doubt`.
        """
        emotion_scores, au_scores = self.scores(outputs)
        cause = _CAUSE.get(status, doubt)
        return (
            self._emotion(emotion_scores[0].tolist(), cause),
            self._action_units(au_scores[0].tolist(), cause),
        )

    def scores(
        self, outputs: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Calibrated scores of both heads, [n, emotions] and [n, action units], each 0..1."""
        scaled = outputs[self._emotion_output].astype(np.float64) / self._temperature
        powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
        logits = outputs[self._au_output].astype(np.float64) * self._scale + self._bias
        # exp(-logaddexp(0, -z)) is the sigmoid without overflow for any z.
        return powers / powers.sum(axis=-1, keepdims=True), np.exp(-np.logaddexp(0, -logits))

    def _emotion(self, scores: list[float], cause: Reason | None) -> Emotion:
        best = max(range(len(scores)), key=scores.__getitem__)
        label = self._emotions[best]
        unsure = scores[best] < self._min_emotion_score
        reason = cause or (Reason.LOW_CONFIDENCE if unsure else Reason.CONFIDENT)
        return Emotion(label, label, dict(zip(self._emotions, scores, strict=True)), reason)

    def _action_units(self, scores: list[float], cause: Reason | None) -> Mapping[str, ActionUnit]:
        units = {}
        for label, score in zip(self._units, scores, strict=True):
            unsure = abs(score - PRESENT) < self._au_margin
            reason = cause or (Reason.LOW_CONFIDENCE if unsure else Reason.CONFIDENT)
            units[label] = ActionUnit(ACTION_UNIT_NAMES[label], score, score >= PRESENT, reason)
        return units
