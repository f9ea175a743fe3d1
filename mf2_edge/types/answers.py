"""What is said of a face's emotion, of one Action Unit, and by a task head; scores are in 0..1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from mf2_edge.facs import IntensityLevel

if TYPE_CHECKING:
    from mf2_edge.reliability import LabelReliability

TaskKind = Literal["multi-class", "multi-label", "score", "likeness"]
"""One class of several, several labels at once, a number, or likeness to a sentence."""


PRESENT: Final = 0.5
"""The score from which on an Action Unit is present, a unit marked, a region visible, in every
bundle."""


class Status(StrEnum):
    """How far a face could be analysed."""

    OK = "ok"
    UNALIGNED = "unaligned"
    """No landmarks were found: the crop was resized as it is, so the scores are less reliable."""
    SMALL = "small"
    """Fewer source pixels than the manifest requires: the scores are less reliable."""


class Reason(StrEnum):
    """Why a reported answer differs from the raw one, or deserves less trust."""

    CONFIDENT = "confident"
    LOW_CONFIDENCE = "low_confidence"
    UNALIGNED = "unaligned"
    FACE_TOO_SMALL = "face_too_small"
    LOW_QUALITY = "low_quality"
    """Blurred, badly lit, turned away or few pixels: see `FaceState.quality`."""
    NOT_VISIBLE = "not_visible"
    """The region of the face that shows it is hidden, or of an emotion two regions or more (or
    what was found is no face): it cannot be judged. See `FaceState.visibility`."""
    SMOOTHED = "smoothed"
    """Of a stream: the frames before say otherwise than this one alone."""


@dataclass(frozen=True, slots=True)
class Emotion:
    """The categorical emotion of one face.

    `scores` holds one calibrated probability a label and sums to 1. `label` is the reported
    answer, `raw_label` the network's; a single frame leaves them equal, smoothing over a stream
    may not. `reason` says why they differ or why the answer deserves less trust. `measured` maps
    labels to how well they were predicted on held-out faces, where the manifest says so.
    """

    label: str
    raw_label: str
    scores: Mapping[str, float]
    reason: Reason
    measured: Mapping[str, LabelReliability] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        object.__setattr__(self, "measured", MappingProxyType(dict(self.measured)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles as plain dicts; a mapping proxy alone could not."""
        answer = (self.label, self.raw_label, dict(self.scores), self.reason)
        return Emotion, (*answer, dict(self.measured))

    def __repr__(self) -> str:
        return f"<Emotion {self.label} {self.score:.2f}{doubt(self.reason)}>"

    @property
    def score(self) -> float:
        """Probability of `label`, 0..1."""
        return self.scores[self.label]

    @property
    def reliability(self) -> LabelReliability | None:
        """How well `label` was predicted on held-out faces; None where not measured."""
        return self.measured.get(self.label)


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One FACS Action Unit: its `name` in words, its calibrated score, and the decision.

    In a single frame it is `present` where `score` >= 0.5; a stream decides with hysteresis.
    `strength` is the probability that the unit is marked (FACS intensity C to E), None from a
    network without that head. `reliability`: how well the unit was predicted on held-out
    faces, where the manifest says so.
    """

    name: str
    score: float
    present: bool
    reason: Reason
    strength: float | None = None
    reliability: LabelReliability | None = None

    def __repr__(self) -> str:
        decided = "present" if self.present else "absent"
        return f"<ActionUnit {self.name} {self.score:.2f}, {decided}{doubt(self.reason)}>"

    @property
    def can_be_judged(self) -> bool:
        """Whether the region of the face that shows this unit is in view."""
        return self.reason is not Reason.NOT_VISIBLE

    @property
    def intensity(self) -> float | None:
        """How strong the unit is, 0 absent to 1 marked for sure; None where unknown.

        The mean of P(present) and of P(marked), which is taken to be P(present) at most.
        """
        if self.strength is None:
            return None
        return (self.score + min(self.strength, self.score)) / 2

    @property
    def level(self) -> IntensityLevel | None:
        """The intensity in a word, which agrees with `present`; None where unknown."""
        if self.strength is None:
            return None
        if not self.present:
            return "none"
        return "marked" if self.strength >= PRESENT else "slight"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "name": self.name,
            "score": self.score,
            "present": self.present,
            "reason": self.reason.value,
            "strength": self.strength,
            "intensity": self.intensity,
            "level": self.level,
            "reliability": figures(self.reliability),
        }


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """The answer of one task head for one face.

    `scores`: of every label, a probability 0..1 (kinds "multi-class", where they sum to 1, and
    "multi-label"), a number in the unit of the labels that the head learned from ("score"), or the
    share 0..1 of reference faces that are less like the sentence ("likeness"). `present`: the
    labels that hold: the most probable class, or those that reach 0.5.
    """

    kind: TaskKind
    scores: Mapping[str, float]
    present: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles as a plain dict; a mapping proxy alone could not."""
        return TaskAnswer, (self.kind, dict(self.scores), self.present)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"kind": self.kind, "scores": dict(self.scores), "present": list(self.present)}


def doubt(reason: Reason) -> str:
    """What a short text adds to an answer that deserves less trust."""
    return "" if reason is Reason.CONFIDENT else f", {reason.value}"


def figures(told: LabelReliability | None) -> dict[str, dict[str, float] | None] | None:
    """F1 and number of faces, in the laboratory and in the world."""
    if told is None:
        return None
    measured = {"laboratory": told.laboratory, "world": told.world}
    return {
        where: None if one is None else {"f1": one.f1, "n": one.n}
        for where, one in measured.items()
    }
