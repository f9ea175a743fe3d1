"""Whether the Action Units fit the emotion, by the prototypes of `mf2_edge.facs`."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from mf2_edge.facs import EMOTION_PROTOTYPES, OPEN_MOUTH, Prototype

Verdict = Literal["full", "partial", "some", "none", "unknown"]
"""`full`: every group of the prototype is there. `partial`: some are, the others are absent.
`some`: some are, the others may be. `none`: no unit of it was found. `unknown`: none was coded."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How the units of a face agree with its emotion.

    `supporting` units belong to the emotion; `foreign` ones only to the prototypes of others.
    """

    verdict: Verdict
    supporting: tuple[str, ...]
    foreign: tuple[str, ...]
    one_sided: bool


def judge(emotion: str | None, present: tuple[str, ...], absent: Set[str]) -> Fit:
    """Compare units with an emotion; unknown where the emotion is, or has no prototype.

    A neutral face fits as long as no unit of any emotion is present.
    """
    prototype = EMOTION_PROTOTYPES.get(emotion or "")
    if prototype is None:
        return Fit("unknown", (), (), one_sided=False)
    telling = {
        unit for other in EMOTION_PROTOTYPES.values() for group in other.groups for unit in group
    }
    supporting = tuple(unit for unit in present if unit in prototype.units)
    foreign = tuple(
        unit for unit in present if unit in telling - prototype.units and unit not in OPEN_MOUTH
    )
    known = bool(present or absent)
    if emotion == "neutral":
        verdict: Verdict = "unknown" if not known else "none" if foreign else "full"
    else:
        verdict = _verdict(prototype, supporting, absent)
    return Fit(verdict, supporting, foreign, prototype.one_sided)


def _verdict(prototype: Prototype, supporting: tuple[str, ...], absent: Set[str]) -> Verdict:
    if not supporting:
        return "none" if prototype.units & absent else "unknown"
    missing = [group for group in prototype.groups if not set(group) & set(supporting)]
    if not missing:  # sides are not known, so a one-sided expression never is whole
        return "some" if prototype.one_sided else "full"
    return "partial" if all(set(group) <= absent for group in missing) else "some"
