"""A coder's sentence in parts: what it says of each region, of a unit, and of the expression.

The parts are the coder's own words, cut at commas, semicolons and conjunctions of contrast.
"""

from __future__ import annotations

import re
from typing import Final

from distill.mfa.checks.reading import read_units
from mf2_edge.facs import REGIONS

FEWEST_WORDS: Final = 3
"""A shorter part ("mouth closed") is no description by itself."""

_CUT: Final = re.compile(
    r"[;,]\s+(?:(?:and|while|whereas|but|yet)\s+)?|\s+(?:while|whereas|but|yet)\s+"
)
_WORDS: Final = {
    "brows": r"brows?|eyebrows?|forehead|frown\w*|scowl\w*",
    "eyes": (
        r"eyes?|eyelids?|lids?|gaz\w+|glar\w+|squint\w*|star(?:e|es|ing)|cheeks?|look(?:s|ing)?\s"
        r"(?:down|up|sideways|away|left|right)|crow's"
    ),
    "nose": r"nose|nostrils?|nasal",
    "mouth": (
        r"mouth|lips?|teeth|tooth|smil\w+|grin\w*|jaws?|tongue|corners?|pout\w*|snarl\w*|laugh\w*"
        r"|smirk\w*|pucker\w*|dimple\w*"
    ),
    "chin": r"chin",
}
_REGIONS: Final = {name: re.compile(rf"\b(?:{words})\b") for name, words in _WORDS.items()}
_VERDICT: Final = re.compile(
    r"\b(?:reads?|looks?(?:\s+like)?|comes?\s+across|seems?|suggests?|appears?|gives?|conveys?"
    r"|neutral|expression|impression|mood)\b"
)


def clauses(sentence: str) -> list[str]:
    """The parts of a sentence, without the full stop.

    A word or two without a region ("steep, knitted brows") belong to what follows.
    """
    found: list[str] = []
    waiting = ""
    for part in (piece.strip(" .") for piece in _CUT.split(sentence)):
        if len(part.split()) < FEWEST_WORDS and not any(
            words.search(part.lower()) for words in _REGIONS.values()
        ):
            waiting = f"{waiting}{part}, " if part else waiting
        else:
            found.append(waiting + part)
            waiting = ""
    return [*found, waiting.strip(" ,")] if waiting else found


def region_texts(sentence: str) -> dict[str, str]:
    """What a sentence says of each region; regions that it does not speak of are left out."""
    parts = clauses(sentence)
    found = {}
    for region in REGIONS:
        about = [part for part in parts if _REGIONS[region].search(part.lower())]
        if about and _is_long(text := _sentence(", ".join(about))):
            found[region] = text
    return found


def unit_text(sentence: str, unit: str) -> str | None:
    """The part that affirms a unit ("AU12") and speaks of no other; None if there is none."""
    for part in clauses(sentence):
        mentions = read_units(part)
        named = {mention.labels[0] for mention in mentions if not mention.denied}
        if named == {unit} and _is_long(part):
            return _sentence(part)
    return None


def verdict(sentence: str) -> str | None:
    """The part that says what the expression looks like: the last one, if it does so."""
    last = clauses(sentence)[-1]
    return _sentence(last) if _VERDICT.search(last.lower()) and _is_long(last) else None


def _is_long(text: str) -> bool:
    return len(text.split()) >= FEWEST_WORDS


def _sentence(part: str) -> str:
    return f"{part[0].upper()}{part[1:]}."
