"""Reading: which Action Units and emotions a text affirms, and which it denies.

By patterns and the scope of negations, sentence part by sentence part. No parser: what it misses
is measured in `tests/mfa/test_texts.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from distill.mfa.checks.lexicon import Phrase, emotion_phrases, grammar_phrases, unit_phrases

_PART: Final = re.compile(
    r"[.;:!?\n]+(?=\s|$)|\s[\u2013\u2014-]\s|\u2014"
    r"|\b(?:but|however|although|though|while|whereas|yet)\b"
)
"""Ends of sentence parts. A negation does not reach beyond them."""

_NUMBERS: Final = re.compile(
    r"\b(?:aus?|action\s+units?)\s*-?\s*\d+"
    r"(?:(?:\s*(?:,\s*(?:and|or)|,|and|or|nor|\+|&|/)\s*)(?:au\s*)?\d+)*\b"
)
_NOT: Final = (
    r"(?:no(?!\s+(?:doubt|part|less))|not(?!\s+(?:only|just|merely))|without|never|neither|nor"
    r"|none|cannot|\w+n't|absence|absent|lack(?:s|ing)?|free\s+(?:of|from)|devoid|rather\s+than"
    r"|nothing(?!\s+but)|unlike|(?:distinguishable|distinct)\s+from|instead\s+of|fail(?:s|ed|ing)?\s+to|rul(?:es?|ed|ing)\s+out)"
)
_BEFORE: Final = re.compile(rf"\b{_NOT}\b")
_VERB: Final = (
    r"\b(?:is|are|was|were|be|do|does|did|has|have|can|could|would|shows?|seems?|appears?|looks?"
    r"|remains?|stays?|supports?|forms?|makes?)\b"
)
_AFTER: Final = re.compile(
    rf"^(?:(?!{_VERB})[^,])*?(?:\b(?:is|are|was|were|do|does|did|has|have|can|could|seems?|appears?"
    r"|remains?)(?:\s+\w+ly)?\s+(?:not|absent|missing|lacking|never)\b|\b\w+n't\b)"
)
_RESTART: Final = re.compile(
    r"\band\s+(?:the|his|her|their|there|it|its|this|both|one|with|looks?|is|are)\b"
    r"|\b(?:only|makes?|lets?|gives?|leaves?|turns?)\b"
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase of a text: what it may stand for, the likeliest first, and whether it denies it."""

    labels: tuple[str, ...]
    denied: bool
    words: str


@lru_cache(maxsize=64)  # one record's texts are read for several purposes
def read_units(text: str) -> tuple[Mention, ...]:
    """Mentions of Action Units, by number or in words."""
    found = []
    for part in _parts(text):
        for match in _NUMBERS.finditer(part):
            denied = _is_denied(part, match)
            labels = [f"AU{int(number)}" for number in re.findall(r"\d+", match.group())]
            found += [Mention((label,), denied, match.group()) for label in labels]
        said, pattern = _grammar()
        for match in pattern.finditer(part):
            denied = _is_denied(part, match)
            found.append(Mention((said[match.group()],), denied, match.group()))
        for phrase in _unit_phrases():
            found += [
                Mention(phrase.units, _is_denied(part, match), match.group())
                for match in phrase.pattern.finditer(part)
            ]
    return tuple(found)


def read_emotions(text: str) -> list[Mention]:
    """Mentions of the emotions of `distill.mfa.checks.lexicon`."""
    return [
        Mention((emotion,), _is_denied(part, match), match.group())
        for part in _parts(text)
        for emotion, pattern in _emotion_phrases().items()
        for match in pattern.finditer(part)
    ]


def _parts(text: str) -> Iterator[str]:
    plain = text.lower().replace("\u2019", "'").replace("(", " ").replace(")", " ")
    for part in _PART.split(plain):
        if part and part.strip():
            yield " ".join(part.split())


def _is_denied(part: str, match: re.Match[str]) -> bool:
    """Whether a negation inside, before or behind a match takes it back."""
    if _BEFORE.search(match.group()):
        return True
    for negation in _BEFORE.finditer(part, 0, match.start()):
        between, rest = part[negation.end() : match.start()], part[negation.end() :]
        # A comma ends the scope of "without ...", unless a list with "or" goes on behind it.
        listed = "," not in between or re.search(r"\b(?:or|nor)\b", rest)
        if listed and not _RESTART.search(between):
            return True
    return _AFTER.search(part[match.end() :]) is not None


@cache
def _grammar() -> tuple[dict[str, str], re.Pattern[str]]:
    """The grammar's phrases, and one pattern that finds the longest at a place."""
    said = grammar_phrases()
    longest = sorted(said, key=len, reverse=True)
    return said, re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b")


@cache
def _unit_phrases() -> tuple[Phrase, ...]:
    return tuple(unit_phrases())


@cache
def _emotion_phrases() -> dict[str, re.Pattern[str]]:
    return emotion_phrases()
