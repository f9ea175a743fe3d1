"""What free prose calls each Action Unit and emotion, as patterns over lower-case text.

The grammar's own words come from `mf2_edge.text.wording`; the rest is what people write. A phrase
that does not tell units apart has several of them, the likeliest first. How a text uses the words
(affirmed, denied) is the business of `distill.mfa.checks.reading`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.text.wording import KNITTED_BROW, TITLES, WORDS, UnitWords


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern, and the units that it may stand for."""

    units: tuple[str, ...]
    pattern: re.Pattern[str]


# A place and a movement belong together if no other part of the face stands between them.
_OTHER: Final = (
    r"(?:eye)?brows?|forehead|eyes?|(?:eye)?lids?|cheeks?|nose|nostrils?|lips?|mouth|jaw|chin"
    r"|corners?|teeth|face|without|au\d+|and\s+(?:the|an?|his|her)"
)
_GAP: Final = rf"(?:[\s-]+(?!(?:{_OTHER})\b)[\w'-]+){{0,5}}?[\s-]+"
_OF: Final = (
    r"(?:(?:of|along|on|across|around|in|at)\s+)?"
    r"(?:(?:the|his|her|their|its|both|each|a|an)\s+)*(?:(?:left|right)\s+)?"
)

_RAISED: Final = (
    r"(?:rais(?:e|es|ed|ing)|lift(?:s|ed|ing)?|ris(?:e|es|ing)|elevat(?:e|es|ed|ing|ion)"
    r"|upwards?|upturned|(?<!make\s)(?<!makes\s)up|arch(?:es|ed|ing)?|hoist(?:s|ed)?)"
)
_LOWERED: Final = (
    r"(?:lower(?:s|ed|ing)|lower(?!\s+(?:lips?|(?:eye)?lids?|face|jaw|half|part|teeth))"
    r"|down|downward|downwards|downturned|droop(?:s|ed|ing)?|drop(?:s|ped|ping)?"
    r"|sink(?:s|ing)?|sag(?:s|ging)?|depress(?:ed|es|ing)?)"
)
_TIGHT: Final = r"(?:tight(?:en|ens|ened|ening|ly)?|tens(?:e|ed|es|ing|ion)|constrict(?:s|ed)?)"
_WIDE: Final = r"(?:wide(?:ly|n|ns|ned|ning)?)"
_OPEN: Final = r"(?:open(?:s|ed)?|agape|ajar)"
_TOGETHER: Final = r"(?:together|knit(?:s|ted|ting)?|furrow(?:s|ed|ing)?)"
_INWARD: Final = r"(?:inward|inwards|dimpl(?:e|es|ed|ing)|tight(?:en|ens|ened|ening)|tucked)"
_SHUT: Final = r"(?:closed|shut|close|closes|closing)"
_WRINKLED: Final = r"(?:wrinkl(?:e|es|ed|ing)|crinkl(?:e|es|ed|ing)|scrunch(?:es|ed|ing)?)"
_PRESSED: Final = r"(?:press(?:es|ed|ing)?|compress(?:es|ed|ing|ion)?)"
_PARTED: Final = r"(?:part(?:s|ed|ing)?(?!\s+of)|apart|separat(?:e|es|ed)|open(?:s|ed)?)"
_SIDEWAYS: Final = (
    r"(?:sideways|horizontally|laterally|stretch(?:es|ed|ing)?\s+(?:back|out|wide(?!\s+open))"
    r"|(?:back\s+)?toward(?:s)?\s+the\s+ears)"
)
_PURSED: Final = r"(?:pucker(?:s|ed|ing)?|purs(?:e|es|ed|ing))"
_FUNNEL: Final = r"(?:funnel(?:s|ed|ing)?|turned\s+outward|flar(?:e|es|ed|ing))"
_SUCKED: Final = r"(?:sucked|rolled\s+in(?:ward)?|in\s+over\s+the\s+teeth|sucks?)"

_BROWS: Final = r"(?:eye-?)?brows?(?:\s+(?:corners?|ends?|tails?))?"
_INNER_BROW: Final = (
    rf"(?:inner\s+(?:{_BROWS}|(?:ends?|corners?|parts?|portions?|halves)\s+{_OF}{_BROWS})"
    rf"|{_BROWS}\s+at\s+their\s+inner\s+ends)"
)
_OUTER_BROW: Final = (
    rf"(?:outer\s+(?:{_BROWS}|(?:ends?|corners?|parts?|portions?|halves)\s+{_OF}{_BROWS})"
    rf"|tails?\s+{_OF}{_BROWS})"
)
_ANY_BROW: Final = rf"(?<!inner\s)(?<!outer\s){_BROWS}"
_UPPER_LID: Final = r"upper\s+(?:eye)?lids?"
_LID: Final = r"(?:(?:lower\s+)?(?:eye)?lids?)"
_EYES: Final = r"(?<!between\sthe\s)eyes?(?!\s+corners?)"
_CHEEKS: Final = r"cheeks?(?!bone)"
_NOSE: Final = (
    r"(?:(?:(?:bridge|sides?|skin|root)\s+of\s+the\s+)?nose|nasal\s+(?:bridge|root|wings?))"
)
_UPPER_LIP: Final = r"upper\s+lip"
_LOWER_LIP: Final = r"lower\s+lip"
_LIPS: Final = r"(?<!upper\s)(?<!lower\s)lips?(?!\s+corners?)"
_MOUTH: Final = r"mouth(?!\s+corners?)"
_CORNERS: Final = (
    rf"(?:(?:lips?|mouth)\s+corners?|corners?\s+{_OF}(?:mouth|lips?)"
    rf"|sides?\s+{_OF}mouth)"
)
_CHIN: Final = r"chin(?:\s+boss)?"
_JAW: Final = r"(?:jaw|mandible)"
_FOLDS: Final = r"nasolabial\s+(?:folds?|furrows?)"

PLACES: Final[tuple[tuple[tuple[str, ...], str, str], ...]] = (
    (("AU1",), _INNER_BROW, rf"(?:{_RAISED}|slant(?:s|ed|ing)?\s+up\w*)"),
    (("AU2",), _OUTER_BROW, _RAISED),
    (("AU1", "AU2"), _ANY_BROW, _RAISED),
    (("AU4",), _BROWS, rf"(?:{_LOWERED}|{_TOGETHER})"),
    (("AU5",), _UPPER_LID, _RAISED),
    (("AU5",), _EYES, _WIDE),
    (("AU6",), _CHEEKS, rf"(?:{_RAISED}|bulg(?:e|es|ed|ing)|bunch(?:ed|es)?)"),
    (("AU7",), _LID, _TIGHT),
    (("AU7", "AU6"), _LID, r"narrow(?:s|ed|ing)?"),
    (("AU7", "AU6"), _EYES, r"(?:narrow(?:s|ed|ing)?|squint(?:s|ed|ing)?)"),
    (("AU9",), _NOSE, _WRINKLED),
    (("AU10", "AU9"), _UPPER_LIP, rf"(?:{_RAISED}|curl(?:s|ed|ing)?)"),
    (("AU11", "AU12", "AU10", "AU9"), _FOLDS, r"deep(?:en|ens|ened|er|ening)?"),
    (("AU12", "AU13"), _CORNERS, rf"(?:{_RAISED}|toward(?:s)?\s+the\s+cheekbones)"),
    (("AU13",), _CORNERS, r"(?:sharply|steeply)"),
    (("AU14",), _CORNERS, _INWARD),
    (("AU15",), _CORNERS, _LOWERED),
    (("AU16", "AU25"), _LOWER_LIP, _LOWERED),
    (("AU17",), _CHIN, rf"(?:{_RAISED}|{_WRINKLED}|bunch(?:ed|es|ing)?)"),
    (("AU18",), _LIPS, _PURSED),
    (("AU20",), rf"(?:{_LIPS}|{_MOUTH})", _SIDEWAYS),
    (("AU20",), _CORNERS, r"stretch(?:es|ed|ing)?"),
    (("AU22",), _LIPS, _FUNNEL),
    (("AU23", "AU24"), _LIPS, _TIGHT),
    (("AU24",), _LIPS, _PRESSED),
    (("AU25",), _LIPS, _PARTED),
    (("AU25", "AU26", "AU27"), _MOUTH, _OPEN),
    (("AU26", "AU27"), _JAW, rf"(?:{_LOWERED}|{_OPEN})"),
    (("AU27",), _MOUTH, r"(?:wide\s+open|gap(?:es|ing))"),
    (("AU28",), _LIPS, _SUCKED),
    (("AU43", "AU45", "AU46"), rf"(?:{_EYES}|{_LID})", _SHUT),
)
"""Units, where, and what moves there, in either order. A unit whose side effect looks the same
comes after the unit itself: a smile deepens the nasolabial folds."""

SAYINGS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("AU12",), r"smil(?:e|es|ed|ing)|grin(?:s|ned|ning)?"),
    (("AU12",), r"duchenne smile"),
    (("AU6",), r"duchenne smile|crow's feet"),
    (("AU4", "AU15"), r"frown(?:s|ed|ing)?|scowl(?:s|ed|ing)?"),
    (("AU14", "AU12"), r"dimpl(?:e|es|ed|ing)|smirk(?:s|ing)?"),
    (("AU9",), r"bunny lines"),
    (("AU43",), r"(?:eye|lid) closure"),
    (("AU45",), r"blink(?:s|ed|ing)?"),
    (("AU46",), r"wink(?:s|ed|ing)?"),
)
"""Words that stand for a unit by themselves."""

EMOTIONS: Final[dict[str, str]] = {
    "neutral": (
        r"neutral (?:expression|face|emotion|state|affect|look|appearance|facial)"
        r"|(?:is|as|looks|appears|seems|remains)(?: \w+ly| perhaps)? neutral(?! \w+ed\b)"
        r"|expressionless|emotionless|impassive|neutrality"
    ),
    "happiness": (
        r"happ(?:y|ily|iness|ier)|joy(?:ful|fully|ous)?|cheerful(?:ly|ness)?|delight(?:ed)?"
        r"|gleeful|elat(?:ed|ion)|amusement|amused|merry"
    ),
    "surprise": r"surprise[ds]?|surprising|astonish(?:ed|ment)|amaze(?:d|ment)|startle[ds]?",
    "sadness": (
        r"sad(?:ness|ly|dened)?|unhapp(?:y|iness)|sorrow(?:ful)?|grie(?:f|ving)|melancholy"
        r"|melancholic|deject(?:ed|ion)|despondent|miserable|misery|gloom(?:y)?"
    ),
    "fear": (
        r"fear(?:s|ful|fully|fulness)?|afraid|scared|terror|terrified|frighten(?:ed)?|fright"
        r"|panic(?:ked)?"
    ),
    "anger": r"ang(?:er|ered|ry|rily)|fur(?:y|ious)|rage|enraged|hostil(?:e|ity)|irritat(?:ed|ion)",
    "disgust": r"disgust(?:ed|edly)?|revulsion|repuls(?:ed|ion)|revolted|distaste",
    "contempt": r"contempt(?:uous|uously)?|scorn(?:ful)?|disdain(?:ful)?",
}
"""Words for each emotion of FER+."""

REFUSALS: Final = (
    r"\bi(?:'m| am) (?:very |so )?(?:sorry|unable|not able)\b",
    r"\bi (?:can't|cannot|can not|won't|will not) (?:help|assist|describe|provide|identify|comply)",
    r"\bas an ai\b|\bas a language model\b",
    r"\bi apologi[sz]e\b",
    r"\b(?:unable|not possible) to (?:assist|help|comply|describe|analy[sz]e|provide)\b",
    r"\b(?:can't|cannot) (?:assist|help|comply) with\b",
)
"""How a model declines inside the text."""


def grammar_phrases() -> dict[str, str]:
    """The unit of every phrase of the grammar and of every name in FACS."""
    said = {name: unit for unit, name in (*ACTION_UNIT_NAMES.items(), *TITLES.items())}
    for unit, words in (*WORDS.items(), ("AU4", KNITTED_BROW)):
        said |= dict.fromkeys(_said(words), unit)
    return said


def _said(words: UnitWords) -> list[str]:
    return [*words.shapes, *(f"{what} {moves}" for what in words.what for moves in words.moves)]


def unit_phrases() -> Iterator[Phrase]:
    """The patterns of free prose for Action Units."""
    for units, place, movement in PLACES:
        after = rf"\b{place}{_GAP}{movement}\b"
        before = rf"\b{movement}(?:\s+(?:up|down|together))?[\s-]+{_OF}(?:eye\s+)?{place}\b"
        yield Phrase(units, re.compile(f"{after}|{before}"))
    for units, saying in SAYINGS:
        yield Phrase(units, re.compile(rf"\b(?:{saying})\b"))


def emotion_phrases() -> dict[str, re.Pattern[str]]:
    """The pattern of each emotion."""
    return {emotion: re.compile(rf"\b(?:{words})\b") for emotion, words in EMOTIONS.items()}
