"""Action Units by number: names and muscles, the emotions that they express, how units fit one.

Source of names and muscles: Ekman, Friesen & Hager, *Facial Action Coding System: The Manual*
(2002). Facts of FACS live here; which of these units a model reports is a fact of the model and
lives in its manifest.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Final, Literal

IntensityLevel = Literal["none", "slight", "marked"]
"""FACS intensity: absent, A or B, C to E."""

ACTION_UNIT_NAMES: Final[dict[str, str]] = {
    "AU1": "inner brow raiser",
    "AU2": "outer brow raiser",
    "AU4": "brow lowerer",
    "AU5": "upper lid raiser",
    "AU6": "cheek raiser",
    "AU7": "lid tightener",
    "AU9": "nose wrinkler",
    "AU10": "upper lip raiser",
    "AU11": "nasolabial deepener",
    "AU12": "lip corner puller",
    "AU13": "sharp lip puller",
    "AU14": "dimpler",
    "AU15": "lip corner depressor",
    "AU16": "lower lip depressor",
    "AU17": "chin raiser",
    "AU18": "lip pucker",
    "AU20": "lip stretcher",
    "AU22": "lip funneler",
    "AU23": "lip tightener",
    "AU24": "lip presser",
    "AU25": "lips part",
    "AU26": "jaw drop",
    "AU27": "mouth stretch",
    "AU28": "lip suck",
    "AU43": "eyes closed",
    "AU45": "blink",
    "AU46": "wink",
}

ACTION_UNIT_MUSCLES: Final[dict[str, str]] = {
    "AU1": "frontalis (pars medialis) contracts",
    "AU2": "frontalis (pars lateralis) contracts",
    "AU4": "depressor glabellae, depressor supercilii and corrugator supercilii contract",
    "AU5": "levator palpebrae superioris contracts",
    "AU6": "orbicularis oculi (pars orbitalis) contracts",
    "AU7": "orbicularis oculi (pars palpebralis) contracts",
    "AU9": "levator labii superioris alaeque nasi contracts",
    "AU10": "levator labii superioris contracts",
    "AU11": "zygomaticus minor contracts",
    "AU12": "zygomaticus major contracts",
    "AU13": "levator anguli oris contracts",
    "AU14": "buccinator contracts",
    "AU15": "depressor anguli oris contracts",
    "AU16": "depressor labii inferioris contracts",
    "AU17": "mentalis contracts",
    "AU18": "incisivii labii superioris and incisivii labii inferioris contract",
    "AU20": "risorius and platysma contract",
    "AU22": "orbicularis oris contracts",
    "AU23": "orbicularis oris contracts",
    "AU24": "orbicularis oris contracts",
    "AU25": "mentalis or orbicularis oris relaxes, or depressor labii inferioris contracts",
    "AU26": "masseter, temporalis and internal pterygoid relax",
    "AU27": "the pterygoids and digastric contract",
    "AU28": "orbicularis oris contracts",
    "AU43": "levator palpebrae superioris relaxes and orbicularis oculi contracts",
    "AU45": "levator palpebrae superioris relaxes and orbicularis oculi contracts",
    "AU46": "levator palpebrae superioris relaxes and orbicularis oculi contracts",
}
"""What the muscles behind a unit do, as a clause."""


REGIONS: Final = ("brows", "eyes", "nose", "mouth", "chin")
"""Parts of a face that can be hidden one by one."""

_REGION_UNITS: Final = {
    "brows": (1, 2, 4),
    "eyes": (5, 6, 7, 43, 45, 46),
    "nose": (9,),
    "chin": (17,),
}

ACTION_UNIT_REGIONS: Final[dict[str, str]] = {
    unit: next((region for region, held in _REGION_UNITS.items() if int(unit[2:]) in held), "mouth")
    for unit in ACTION_UNIT_NAMES
}
"""The region that must be in view for a unit to be judged."""


@dataclass(frozen=True, slots=True)
class Prototype:
    """The units by which an emotion shows.

    One unit of each group is expected. Those that `may_join` belong to the expression as well.
    `one_sided` where the expression counts on one side of the face alone.
    """

    groups: tuple[tuple[str, ...], ...]
    may_join: tuple[str, ...] = ()
    one_sided: bool = False

    @property
    def units(self) -> frozenset[str]:
        """Every unit that belongs to the expression."""
        return frozenset(self.may_join).union(*self.groups)


EMOTION_PROTOTYPES: Final[dict[str, Prototype]] = {
    "neutral": Prototype(()),
    "happiness": Prototype((("AU6",), ("AU12",))),
    "sadness": Prototype((("AU1",), ("AU4",), ("AU15",)), ("AU6", "AU11", "AU17")),
    "surprise": Prototype((("AU1",), ("AU2",), ("AU5",), ("AU26", "AU27"))),
    "fear": Prototype((("AU1",), ("AU2",), ("AU4",), ("AU5",), ("AU20",)), ("AU7", "AU26", "AU27")),
    "anger": Prototype((("AU4",), ("AU5",), ("AU7",), ("AU23", "AU24")), ("AU10", "AU17", "AU22")),
    "disgust": Prototype((("AU9", "AU10"),), ("AU15", "AU16", "AU17")),
    "contempt": Prototype((("AU12", "AU14"),), one_sided=True),
}
"""Source: Friesen & Ekman, *EMFACS-7: Emotional Facial Action Coding System* (1983), and the
table of prototypes and major variants in Ekman, Friesen & Hager, *FACS Investigator's Guide*
(2002). The labels are those of FER+."""

OPEN_MOUTH: Final = frozenset({"AU25", "AU26", "AU27"})
"""EMFACS lets an open mouth go with any emotion, so these never speak against one."""

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


def fit_prototype(emotion: str | None, present: tuple[str, ...], absent: Set[str]) -> Fit:
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
