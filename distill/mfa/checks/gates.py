"""Gates on the words of a text: whom it is about, and whether it says the same thing twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

WHO: Final = {
    "gender": (
        r"m[ae]n|wom[ae]n|boys?|girls?|males?|females?|lad(?:y|ies)|gentlem[ae]n|guys?"
        r"|he|she|his|hers?|him|himself|herself|mr|mrs|ms|feminine|masculine"
    ),
    "age": (
        r"bab(?:y|ies)|infants?|toddlers?|child(?:ren)?|kids?|teen(?:ager)?s?|adolescents?"
        r"|young(?:er)?|youthful|old(?:er)?|elderly|middle-aged|aged|seniors?|grand(?:mother|father)"
        r"|\d+[- ]years?[- ]old"
    ),
    "race": (
        r"asians?|africans?|caucasians?|europeans?|hispanics?|latin[oa]s?|indians?|arabs?"
        r"|middle[- ]eastern(?:er)?|(?:black|white|brown)\s+(?:person|people|skin|individual)"
        r"|(?:dark|light|fair|pale|brown)[- ]skinned|skin\s+(?:tone|colou?r)|ethnic(?:ity)?|racial"
        r"|complexion"
    ),
    "religion": r"muslims?|christians?|jewish|sikhs?|hindus?|buddhists?|hijabs?|turbans?",
    "identity": (
        r"celebrit(?:y|ies)|actors?|actress(?:es)?|singers?|presidents?|politicians?|athletes?"
        r"|famous|well-known|named"
    ),
}
"""Words that say who somebody is, which a description of a face's movements has no need of."""

SAID_ONCE: Final = 10
"""Words in a row that a text may have once only; shorter ones are turns of phrase."""

_WHO: Final = {kind: re.compile(rf"\b(?:{words})\b") for kind, words in WHO.items()}


def words_of_people(text: str) -> Iterator[tuple[str, str]]:
    """Kind and word of each mention of who somebody is, the first of each kind."""
    plain = text.lower()
    for kind, pattern in _WHO.items():
        if match := pattern.search(plain):
            yield kind, match.group()


def repeated(text: str) -> str | None:
    """The first words in a row that a text says twice; None if there are none."""
    words = re.findall(r"[\w'-]+", text.lower())
    seen = set()
    for start in range(len(words) - SAID_ONCE + 1):
        run = tuple(words[start : start + SAID_ONCE])
        if run in seen:
            return " ".join(run)
        seen.add(run)
    return None
