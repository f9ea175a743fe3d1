"""What can be wrong with a record: refused, empty, at odds with its labels, or about a person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args

from distill.mfa.checks.gates import repeated, words_of_people
from distill.mfa.checks.lexicon import EMOTIONS, REFUSALS
from distill.mfa.checks.reading import Mention, read_emotions, read_units
from distill.mfa.records.schema import CodedDescription, Description, FaceLabels, Level, Record

Kind = Literal[
    "refusal",
    "empty text",
    "unit missing",
    "unit denied",
    "absent unit",
    "unlabelled unit",
    "emotion missing",
    "other emotion",
    "repetition",
    "person",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

FEWEST_WORDS: Final = 3
_OMISSIONS: Final = ("unit missing", "emotion missing")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: where it is (None: everywhere) and what it is."""

    kind: Kind
    level: Level | None
    text: str

    def __str__(self) -> str:
        return f"{self.level} level: {self.text}" if self.level else self.text


def find_problems(record: Record) -> list[Problem]:
    """The faults of a record, none of them twice.

    Words that `distill.mfa.checks.lexicon` does not know are no fault at AU level, where an entry
    names its unit; at face level a unit in such words counts as missing. A coder's sentence
    (MFA-wild) is short and was written without labels: that it leaves something out is no fault,
    that it contradicts them is one.
    """
    if record.description is None:
        return [Problem("refusal", None, f"refused: {record.refusal}")]
    described, labels = record.description, record.labels
    found = [
        *(problem for level, text in texts(described) for problem in _text(level, text, labels)),
        *_entries(described, labels),
        *_named_emotion(described, labels),
        *_face(described.face, labels),
    ]
    if record.source == "coder":
        found = [one for one in found if not (one.level == "face" and one.kind in _OMISSIONS)]
    return list(dict.fromkeys(found))


def texts(description: Description) -> list[tuple[Level, str]]:
    """Every text of a description with its level."""
    units: list[tuple[Level, str]] = [("au", entry.text) for entry in description.action_units]
    regions = description.regions if isinstance(description, CodedDescription) else []
    return [
        *units,
        *(("region", entry.text) for entry in regions),
        ("emotion", description.emotion),
        ("face", description.face),
    ]


def affirmed(mentions: Sequence[Mention], unit: str) -> bool:
    """Whether a text speaks of a unit and does not deny it."""
    return any(not mention.denied and unit in mention.labels for mention in mentions)


def invented(mention: Mention, labels: FaceLabels) -> bool:
    """Whether a mention affirms a unit that is labelled absent.

    A phrase that may also stand for a unit that is present is no invention.
    """
    absent = mention.labels[0] in labels.absent and labels.present.isdisjoint(mention.labels)
    return absent and not mention.denied


def _text(level: Level, text: str, labels: FaceLabels) -> Iterator[Problem]:
    if len(text.split()) < FEWEST_WORDS:
        yield Problem("empty text", level, f"{text.strip()!r} is no description")
    if _refusal().search(text.lower().replace("\u2019", "'")):
        yield Problem("refusal", level, f"the text declines to answer: {text[:80]!r}")
    if (twice := repeated(text)) is not None:
        yield Problem("repetition", level, f"{twice!r} is said twice")
    for kind, word in words_of_people(text):
        yield Problem("person", level, f"{word!r} says who it is ({kind}), not what the face does")
    found = [mention for mention in read_units(text) if invented(mention, labels)]
    for unit, words in _first_words(found).items():
        yield Problem("absent unit", level, f"{words!r} speaks of {unit}, which is labelled absent")
    if labels.emotion in EMOTIONS:
        named = _first_words(mention for mention in read_emotions(text) if not mention.denied)
        for emotion, words in named.items():
            if emotion != labels.emotion:
                said = f"{words!r} names {emotion}; the label is {labels.emotion}"
                yield Problem("other emotion", level, said)


def _first_words(mentions: Iterable[Mention]) -> dict[str, str]:
    """The words that name a label first, by label."""
    words: dict[str, str] = {}
    for mention in mentions:
        words.setdefault(mention.labels[0], mention.words)
    return words


def _entries(description: Description, labels: FaceLabels) -> Iterator[Problem]:
    """AU level: one entry for each unit that is present, and no other."""
    entries = Counter(entry.action_unit for entry in description.action_units)
    for unit in _ordered(labels.present - entries.keys()):
        yield Problem("unit missing", "au", f"{unit} is labelled present, but has no text")
    for unit, count in entries.items():
        if unit in labels.absent:
            yield Problem("absent unit", "au", f"{unit} has a text, but is labelled absent")
        elif unit not in labels.present:
            yield Problem("unlabelled unit", "au", f"{unit} has a text, but is not labelled")
        elif count > 1:
            yield Problem("unlabelled unit", "au", f"{unit} has {count} texts instead of one")
    for entry in description.action_units:
        if entry.action_unit in labels.present and _denied(
            read_units(entry.text), entry.action_unit
        ):
            said = f"the text of {entry.action_unit} denies it, but it is labelled present"
            yield Problem("unit denied", "au", said)


def _named_emotion(description: Description, labels: FaceLabels) -> Iterator[Problem]:
    if labels.emotion not in EMOTIONS:
        return
    levels: tuple[tuple[Level, str], ...]
    levels = (("emotion", description.emotion), ("face", description.face))
    for level, text in levels:
        named = [mention for mention in read_emotions(text) if not mention.denied]
        if text.strip() and not any(labels.emotion in mention.labels for mention in named):
            yield Problem("emotion missing", level, f"{labels.emotion}, the label, is not named")


def _face(text: str, labels: FaceLabels) -> Iterator[Problem]:
    """Face level: every unit that is present has its place in the whole description."""
    mentions = read_units(text)
    for unit in _ordered(labels.present) if text.strip() else ():
        if _denied(mentions, unit):
            yield Problem("unit denied", "face", f"{unit} is denied, but labelled present")
        elif not affirmed(mentions, unit):
            yield Problem("unit missing", "face", f"{unit} is labelled present, but not mentioned")


def _denied(mentions: Sequence[Mention], unit: str) -> bool:
    """Denied, and nowhere in the text affirmed."""
    against = any(mention.denied and mention.labels[0] == unit for mention in mentions)
    return against and not affirmed(mentions, unit)


def _ordered(units: frozenset[str]) -> list[str]:
    return sorted(units, key=lambda unit: (len(unit), unit))


@cache
def _refusal() -> re.Pattern[str]:
    return re.compile("|".join(REFUSALS))
