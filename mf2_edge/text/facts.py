"""What a description is made of: the units and the emotion of a face, each with its certainty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mf2_edge.errors import DescriptionError
from mf2_edge.facs import ACTION_UNIT_NAMES, IntensityLevel
from mf2_edge.text.wording import Certainty


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """What is known of a face. A unit that is neither present nor absent is unknown.

    `strength` of present units where it is known; `hidden` regions of the face, as
    `mf2_edge.facs.REGIONS` names them.
    Raises DescriptionError for a unit that `mf2_edge.facs` does not have.
    """

    emotion: str | None
    present: Mapping[str, Certainty]
    absent: frozenset[str]
    emotion_certainty: Certainty = Certainty.PLAIN
    strength: Mapping[str, IntensityLevel | None] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        strangers = sorted({*self.present, *self.absent} - ACTION_UNIT_NAMES.keys())
        if strangers:
            known = ", ".join(ACTION_UNIT_NAMES)
            raise DescriptionError(
                f"no words for {', '.join(strangers)}: expected units among {known}"
            )
        ordered = {unit: self.present[unit] for unit in ACTION_UNIT_NAMES if unit in self.present}
        object.__setattr__(self, "present", ordered)


def certainty(probability: float) -> Certainty:
    """The words that a calibrated probability (0..1) deserves.

    From 0.9 "clearly", from 0.7 no adverb, from 0.5 "probably", below "possibly". They tell how
    sure the answer is, never how strong a movement or an emotion is.
    """
    if probability >= 0.9:
        return Certainty.CLEAR
    if probability >= 0.7:
        return Certainty.PLAIN
    return Certainty.PROBABLE if probability >= 0.5 else Certainty.POSSIBLE
