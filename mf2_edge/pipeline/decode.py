"""Decode: from logits to what a face shows, with the manifest's calibration.

    emotion       scores = softmax(logits / temperature)
    action units  score  = sigmoid(scale * logit + bias), present where score >= 0.5
    strength      score  = sigmoid(scale * logit + bias), of the same units, marked
    visibility    score  = sigmoid(logit + bias), of regions; below 0.5 one cannot be judged

A unit whose region cannot be judged, and the emotion of a face of which two regions or more
cannot, have the reason `not_visible`, before any other. Computed in float64. Labels, calibration
and margins all come from the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.pipeline.activations import sigmoid, softmax
from mf2_edge.types import (
    PRESENT,
    ActionUnit,
    Emotion,
    Reason,
    Status,
    is_covered,
    is_visible,
)

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import HeadName, Manifest

_CAUSE = {Status.UNALIGNED: Reason.UNALIGNED, Status.SMALL: Reason.FACE_TOO_SMALL}


@dataclass(frozen=True, slots=True)
class Scores:
    """Calibrated scores of n faces, [n, labels], each 0..1; None of a head that is not there."""

    emotion: NDArray[np.float64]
    action_units: NDArray[np.float64]
    strength: NDArray[np.float64] | None = None
    visibility: NDArray[np.float64] | None = None

    def named(self) -> dict[HeadName, NDArray[np.float64]]:
        """Those that are there, by the names of their heads."""
        found: dict[HeadName, NDArray[np.float64] | None] = {
            "emotion": self.emotion,
            "action_units": self.action_units,
            "strength": self.strength,
            "visibility": self.visibility,
        }
        return {name: scores for name, scores in found.items() if scores is not None}


class Answers(NamedTuple):
    """The results of all heads for one face."""

    emotion: Emotion
    action_units: Mapping[str, ActionUnit]
    visibility: Mapping[str, float]


class Decoder:
    """Turns the outputs of one model into results."""

    def __init__(self, manifest: Manifest, *, include_experimental: bool = False) -> None:
        self.units = manifest.units(include_experimental=include_experimental)
        """The Action Units that `decode` returns, in the manifest's order."""
        calibration = manifest.calibration
        heads = {head.name: head for head in manifest.heads}
        self._labels = {name: head.labels for name, head in heads.items()}
        self._outputs = {name: head.output for name, head in heads.items()}
        self._temperature = calibration.emotion.temperature
        self._scales: dict[HeadName, NDArray[np.float64]] = {}
        self._biases: dict[HeadName, NDArray[np.float64]] = {}
        fitted = {"action_units": calibration.action_units, "strength": calibration.strength}
        for name, labels in self._labels.items():
            if name == "visibility":
                regions = [calibration.visibility[label] for label in labels]
                self._scales[name] = np.ones(len(regions))
                self._biases[name] = np.array([region.bias for region in regions])
            elif name in fitted:
                units = [fitted[name][label] for label in labels]
                self._scales[name] = np.array([unit.scale for unit in units])
                self._biases[name] = np.array([unit.bias for unit in units])
        self._min_emotion_score = manifest.decoding.min_emotion_score
        self._au_margin = manifest.decoding.au_margin
        measured = {label: manifest.reliability_of(label) for label in self._labels["emotion"]}
        self._measured = {label: told for label, told in measured.items() if told is not None}
        self._reliability = {label: manifest.reliability_of(label) for label in self.units}

    def decode(
        self,
        outputs: Sequence[NDArray[np.float32]],
        status: Status = Status.OK,
        doubt: Reason | None = None,
    ) -> Answers:
        """The results for one face from the model's outputs [1, labels] each.

        A `status` other than OK is the reason of every answer, whatever its score; else `doubt`.
        """
        scores = self.scores(outputs)
        cause = _CAUSE.get(status, doubt)
        visibility: dict[str, float] = {}
        if scores.visibility is not None:
            regions = self._labels["visibility"]
            visibility = dict(zip(regions, scores.visibility[0].tolist(), strict=True))
        return Answers(
            self._emotion(scores.emotion[0].tolist(), cause, visibility),
            self._action_units(scores, cause, visibility),
            visibility,
        )

    def scores(self, outputs: Sequence[NDArray[np.float32]]) -> Scores:
        """Calibrated scores of all heads, experimental units among them, from [n, labels] each."""
        emotion = outputs[self._outputs["emotion"]].astype(np.float64) / self._temperature
        sigmoids = {
            name: sigmoid(
                outputs[self._outputs[name]].astype(np.float64) * self._scales[name]
                + self._biases[name]
            )
            for name in self._scales
        }
        return Scores(
            softmax(emotion),
            sigmoids["action_units"],
            sigmoids.get("strength"),
            sigmoids.get("visibility"),
        )

    def _emotion(
        self, scores: list[float], cause: Reason | None, visibility: Mapping[str, float]
    ) -> Emotion:
        labels = self._labels["emotion"]
        best = max(range(len(scores)), key=scores.__getitem__)
        unsure = scores[best] < self._min_emotion_score
        reason = cause or (Reason.LOW_CONFIDENCE if unsure else Reason.CONFIDENT)
        if is_covered(visibility):
            reason = Reason.NOT_VISIBLE
        named = dict(zip(labels, scores, strict=True))
        return Emotion(labels[best], labels[best], named, reason, self._measured)

    def _action_units(
        self, scores: Scores, cause: Reason | None, visibility: Mapping[str, float]
    ) -> Mapping[str, ActionUnit]:
        labels = self._labels["action_units"]
        found = dict(zip(labels, scores.action_units[0].tolist(), strict=True))
        strengths: dict[str, float] = {}
        if scores.strength is not None:
            strengths = dict(zip(labels, scores.strength[0].tolist(), strict=True))
        units = {}
        for label in self.units:
            score = found[label]
            unsure = abs(score - PRESENT) < self._au_margin
            reason = cause or (Reason.LOW_CONFIDENCE if unsure else Reason.CONFIDENT)
            if not is_visible(label, visibility):
                reason = Reason.NOT_VISIBLE
            units[label] = ActionUnit(
                ACTION_UNIT_NAMES[label],
                score,
                score >= PRESENT,
                reason,
                strengths.get(label),
                self._reliability[label],
            )
        return units
