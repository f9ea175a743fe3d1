"""Agreement: of two coders with each other, and of each with human FACS codes.

A unit that a coder left undecided (unsure, or its region hidden) counts on neither side; the
figures "all" count it as absent instead, so that leaving things undecided cannot raise them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.datasets.wild import UNITS, Coding
from distill.mfa.wild.coded import Control

UNCODED_BY_HUMANS = ("AU43",)
"""Units that coders look for, and CK+'s human codes do not have."""


class Coded(Protocol):
    """A face or a control."""

    @property
    def coder_a(self) -> Coding:
        """What coder A saw."""
        ...

    @property
    def coder_b(self) -> Coding | None:
        """What coder B saw."""
        ...


class UnitAgreement(msgspec.Struct, frozen=True):
    """Two coders on one unit.

    decided: faces on which both decided; first, second, both: of these, where A, B and both say
    that it is present. kappa: Cohen's, NaN (null in JSON) where it has no meaning. strength_kappa:
    quadratically weighted, of absent, slight and marked. kappa_all: of all faces, undecided as
    absent.
    """

    unit: str
    decided: int
    first: int
    second: int
    both: int
    kappa: float | None
    strength_kappa: float | None
    kappa_all: float | None


class Agreement(msgspec.Struct, frozen=True):
    """Two coders on n faces.

    positive: F1 of one coder's units against the other's, over all units that both decided.
    same_emotion: share of faces; emotion_kappa: Cohen's, of 8 labels.
    """

    n: int
    units: list[UnitAgreement]
    positive: float
    same_emotion: float
    emotion_kappa: float | None


class UnitWithHumans(msgspec.Struct, frozen=True):
    """A coder beside human codes on one unit: faces where humans, the coder and both have it."""

    unit: str
    human: int
    coder: int
    both: int
    f1: float | None


class HumansByCode(msgspec.Struct, frozen=True):
    """Of the n times that a coder said this of a unit, how often humans had coded it present."""

    said: str
    n: int
    human: int


class WithHumans(msgspec.Struct, frozen=True):
    """A coder beside human codes on n controls; micro F1 over all units, undecided as absent.

    decided_f1: the same with what the coder left undecided taken out.
    """

    coder: str
    n: int
    micro_f1: float
    decided_f1: float
    units: list[UnitWithHumans]
    codes: list[HumansByCode]


def agreement(faces: Sequence[Coded]) -> Agreement:
    """Of the faces that two coders coded; the others are left out. There must be one."""
    pairs = [(face.coder_a, face.coder_b) for face in faces if face.coder_b is not None]
    first, second = (_strengths([pair[place] for pair in pairs]) for place in (0, 1))
    decided = ~np.isnan(first) & ~np.isnan(second)
    there, here = decided & (first > 0), decided & (second > 0)
    emotions = np.array([[a.emotion, b.emotion] for a, b in pairs])
    return Agreement(
        n=len(pairs),
        units=[
            UnitAgreement(
                unit=unit,
                decided=int(decided[:, place].sum()),
                first=int(there[:, place].sum()),
                second=int(here[:, place].sum()),
                both=int((there & here)[:, place].sum()),
                kappa=_of_decided(first, second, decided, place, lambda s: s > 0),
                strength_kappa=_of_decided(first, second, decided, place, lambda s: s),
                kappa_all=kappa(first[:, place] > 0, second[:, place] > 0),
            )
            for place, unit in enumerate(UNITS)
        ],
        positive=_f1(int((there & here).sum()), int(there.sum()), int(here.sum())) or 0.0,
        same_emotion=float((emotions[:, 0] == emotions[:, 1]).mean()),
        emotion_kappa=kappa(emotions[:, 0], emotions[:, 1]),
    )


def with_humans(controls: Sequence[Control]) -> list[WithHumans]:
    """Each coder beside the human codes of the controls that it coded."""
    first = [(control, control.coder_a) for control in controls]
    second = [(one, one.coder_b) for one in controls if one.coder_b is not None]
    return [_with_humans(name, coded) for name, coded in (("A", first), ("B", second)) if coded]


def kappa(first: NDArray[np.generic], second: NDArray[np.generic]) -> float | None:
    """Cohen's kappa of two codings [n]; quadratically weighted if they are numbers.

    None where both always say the same one thing, or there is nothing to compare.
    """
    if len(first) == 0:
        return None
    if not np.issubdtype(first.dtype, np.number):
        labels = np.unique(np.concatenate([first, second]))
        shares = [((first == label).mean(), (second == label).mean()) for label in labels]
        chance = 1 - sum(float(a * b) for a, b in shares)
        missed = float((first != second).mean())
    else:
        a, b = first.astype(float), second.astype(float)
        missed = float(((a - b) ** 2).mean())
        # The mean over all pairs of a value of one and a value of the other.
        chance = float((a**2).mean() + (b**2).mean() - 2 * a.mean() * b.mean())
    return 1 - missed / chance if chance > 0 else None


def _with_humans(name: str, coded: Sequence[tuple[Control, Coding]]) -> WithHumans:
    units = [unit for unit in UNITS if unit not in UNCODED_BY_HUMANS]
    human = np.array(
        [
            [u.removeprefix("AU") in control.human_action_units for u in units]
            for control, _ in coded
        ]
    )
    strength = _strengths([coding for _, coding in coded], units)
    said, decided = strength > 0, ~np.isnan(strength)
    kept = human & decided
    codes = {"absent": strength == 0, "slight": strength == 1, "marked": strength == 2}
    return WithHumans(
        coder=name,
        n=len(coded),
        micro_f1=_f1(int((human & said).sum()), int(human.sum()), int(said.sum())) or 0.0,
        decided_f1=_f1(int((kept & said).sum()), int(kept.sum()), int(said.sum())) or 0.0,
        units=[
            UnitWithHumans(
                unit,
                human=int(human[:, place].sum()),
                coder=int(said[:, place].sum()),
                both=int((human & said)[:, place].sum()),
                f1=_f1(
                    int((human & said)[:, place].sum()),
                    int(human[:, place].sum()),
                    int(said[:, place].sum()),
                ),
            )
            for place, unit in enumerate(units)
        ],
        codes=[
            HumansByCode(name, int(which.sum()), int((human & which).sum()))
            for name, which in {**codes, "undecided": ~decided}.items()
        ],
    )


def _strengths(codings: Sequence[Coding], units: Sequence[str] = UNITS) -> NDArray[np.float64]:
    """0, 1, 2 or NaN, [n, units]."""
    rows = [[coding.strength(unit) for unit in units] for coding in codings]
    return np.array(rows, dtype=float).reshape(len(codings), len(units))


def _of_decided(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    decided: NDArray[np.bool_],
    place: int,
    read: Callable[[NDArray[np.float64]], NDArray[np.generic]],
) -> float | None:
    rows = decided[:, place]
    return kappa(read(first[rows, place]), read(second[rows, place]))


def _f1(both: int, first: int, second: int) -> float | None:
    return 2 * both / (first + second) if first + second else None
