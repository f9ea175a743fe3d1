"""A coded face: what one or two coders saw in a photograph.

A unit that a coder does not list is absent, unless it is unsure or its region is hidden: then it is
unknown, and so is one that is listed all the same. Unknown is never absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec

from distill.datasets.labelled import EMOTIONS
from distill.datasets.wild.split import rafdb_picture, split_of
from mf2_edge.facs import REGIONS

UNITS: Final = tuple(
    f"AU{number}"
    for number in (
        *(1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16),
        *(17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43),
    )
)
"""The units that coders look for; every other unit is unknown."""

MARKED: Final = 2
"""Strength of a unit at FACS C to E."""

_REGION: Final = {
    **dict.fromkeys(("AU1", "AU2", "AU4"), "brows"),
    **dict.fromkeys(("AU5", "AU6", "AU7", "AU43"), "eyes"),
    "AU9": "nose",
    "AU17": "chin",
}

Region = Literal["brows", "eyes", "nose", "mouth", "chin"]
Emotion = Literal[
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"
]
DataSet = Literal["fairface", "rafdb", "lfw", "ferplus"]


class CodesError(ValueError):
    """A file of codes is damaged, or says what the coding guide does not allow."""


def region_of(unit: str) -> str:
    """The region that has to be seen for a unit ("AU12") to be judged."""
    return _REGION.get(unit, "mouth")


class Coding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one coder saw. Units are numbers without "AU", as in the coding guide."""

    aus: dict[str, Literal[1, 2]]
    """Strength of the units that are present: 1 slight (FACS A-B), 2 marked (C-E)."""
    unsure: tuple[str, ...]
    """Units that the coder could not decide."""
    hidden: tuple[Region, ...]
    """Regions that cannot be judged at all."""
    emotion: Emotion
    """What most raters would choose."""
    emotion2: Emotion | None
    """The runner-up, if there is one."""
    emotion_strength: Annotated[int, msgspec.Meta(ge=0, le=3)]
    text: str | None = None
    """A sentence of 12 to 28 words."""

    def __post_init__(self) -> None:
        """Raise ValueError, which msgspec gives a place, for what the guide does not allow."""
        strangers = {f"AU{unit}" for unit in (*self.aus, *self.unsure)} - set(UNITS)
        if strangers:
            raise ValueError(f"{', '.join(sorted(strangers))} is not coded; expected {UNITS}")
        if {"26", "27"} <= self.aus.keys():
            raise ValueError("AU26 and AU27 exclude each other, and both are listed")
        if self.emotion2 == self.emotion:
            raise ValueError(f"the runner-up is the emotion itself, {self.emotion}")
        if self.text is not None and not self.text.strip():
            raise ValueError("the text is empty; leave it out where there is none")

    def strength(self, unit: str) -> int | None:
        """Of a unit ("AU12"): 0 absent, 1 slight, 2 marked; None if the coder did not decide."""
        number = unit.removeprefix("AU")
        if unit not in UNITS or number in self.unsure or region_of(unit) in self.hidden:
            return None
        return self.aus.get(number, 0)

    def ordered(self) -> Coding:
        """The same with units and regions in their order, each once."""
        numbers = [unit.removeprefix("AU") for unit in UNITS]
        return msgspec.structs.replace(
            self,
            aus={unit: self.aus[unit] for unit in numbers if unit in self.aus},
            unsure=tuple(unit for unit in numbers if unit in self.unsure),
            hidden=tuple(region for region in REGIONS if region in self.hidden),
        )


class CodedFace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One photograph with its codes. The two coders did not see each other's."""

    set: DataSet
    image: str
    """Its name in its data set: `train/N.jpg`, `train_N.jpg`, LFW's file name,
    `FER2013Train/ferN.png`."""
    chosen: str
    """Why it was coded. Rates of the world can be read from "balanced" and "random" alone."""
    coder_a: Coding
    coder_b: Coding | None = None
    age: str | None = None
    """FairFace's own labels of age, gender and race."""
    gender: str | None = None
    race: str | None = None

    @property
    def name(self) -> str:
        """Path of the picture below a folder that has each data set in a folder of its name."""
        return f"{self.set}/{rafdb_picture(self.image) if self.set == 'rafdb' else self.image}"

    @property
    def split(self) -> str:
        """Train or valid, see `split_of`."""
        return split_of(self.set, self.image)

    @property
    def codings(self) -> tuple[Coding, ...]:
        """One, or two."""
        return (self.coder_a,) if self.coder_b is None else (self.coder_a, self.coder_b)

    @property
    def subject(self) -> str | None:
        """Who it is, where the name of the file says so."""
        return self.image.rpartition("_")[0] if self.set == "lfw" else None

    def presence(self, unit: str) -> bool | None:
        """Whether a unit is there; None unless every coder decided, and all alike."""
        said = {None if s is None else s > 0 for s in self._strengths(unit)}
        return said.pop() if len(said) == 1 else None

    def agreed_emotion(self) -> str | None:
        """The emotion that every coder names first."""
        named = {coding.emotion for coding in self.codings}
        return named.pop() if len(named) == 1 else None

    def emotion_shares(self, runner_up: float) -> dict[str, float]:
        """A distribution over `EMOTIONS`, averaged over the coders.

        `runner_up` is the share of the runner-up where a coder names one, 0 to below 0.5.
        """
        shares = dict.fromkeys(EMOTIONS, 0.0)
        for coding in self.codings:
            second = runner_up if coding.emotion2 is not None else 0.0
            shares[coding.emotion] += (1 - second) / len(self.codings)
            if coding.emotion2 is not None:
                shares[coding.emotion2] += second / len(self.codings)
        return shares

    def _strengths(self, unit: str) -> Iterator[int | None]:
        return (coding.strength(unit) for coding in self.codings)
