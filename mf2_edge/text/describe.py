"""Describe: a face's Action Units and emotion in words, at three levels, by a seeded grammar.

    au       each unit that is present: what moves, where, by which muscle
    emotion  which emotion, and which units support it
    face     both together, and whether they fit

Nothing is said of a unit that is absent or unknown. "Slightly" and "markedly" tell how strong a
movement is where that is known; hidden regions of the face are named. Equal facts and seeds give
equal texts, on every platform. The words are in `mf2_edge.text.wording`, the facts about units and
emotions in `mf2_edge.facs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal

from mf2_edge.errors import DescriptionError
from mf2_edge.facs import (
    ACTION_UNIT_MUSCLES,
    ACTION_UNIT_NAMES,
    Fit,
    fit_prototype,
)
from mf2_edge.text import sentences
from mf2_edge.text.facts import FaceFacts
from mf2_edge.text.wording import (
    ADJECTIVES,
    ADVERBS,
    CAUTIONS,
    KNITTED_BROW,
    STRENGTHS,
    TITLES,
    UPPER_FACE,
    WORDS,
    Certainty,
    UnitWords,
)

GRAMMAR_VERSION: Final = "grammar-1"
"""Goes up whenever any text changes: a record's `model` says which grammar wrote it."""

Level = Literal["au", "emotion", "face"]


class Choice:
    """Picks a wording for each slot, by a hash of seed and slot.

    No other slot and no library version changes what is picked.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def __call__(self, slot: str, options: Sequence[str]) -> str:
        """The option for a slot."""
        digest = blake2b(f"{self._seed}/{slot}".encode(), digest_size=8).digest()
        return options[int.from_bytes(digest, "big") % len(options)]


def describe(facts: FaceFacts, level: Level, seed: int) -> str:
    """One text. Raises DescriptionError for a level that does not exist."""
    if level == "au":
        choose = Choice(f"{seed}/au")
        texts = describe_units(facts, seed)
        told = " ".join(texts.values()) or _nothing_found(facts, choose)
        return " ".join(filter(None, [told, _hidden(facts, choose)]))
    if level == "emotion":
        return _emotion(facts, Choice(f"{seed}/emotion"))
    if level == "face":
        choose = Choice(f"{seed}/face")
        return " ".join(filter(None, [_face(facts, choose), _hidden(facts, choose)]))
    raise DescriptionError(f"no level {level!r}: expected 'au', 'emotion' or 'face'")


def describe_units(facts: FaceFacts, seed: int) -> dict[str, str]:
    """A sentence for each unit that is present, in the order of FACS."""
    return {unit: _unit(facts, unit, Choice(f"{seed}/{unit}")) for unit in facts.present}


def _unit(facts: FaceFacts, unit: str, choose: Choice) -> str:
    words = _words(facts, unit)
    sentence = choose("sentence", sentences.UNIT).format(
        unit=unit,
        name=_title(unit),
        what=choose("what", words.what),
        moves=f"{choose('moves', words.moves)}{_strongly(facts, unit)}",
        where=choose("where", words.where),
        muscle=ACTION_UNIT_MUSCLES[unit],
        ly=_adverb(facts.present[unit], choose),
    )
    return capitalised(sentence)


def _emotion(facts: FaceFacts, choose: Choice) -> str:
    fit = fit_prototype(facts.emotion, tuple(facts.present), facts.absent)
    if facts.emotion is None:
        known = sentences.UNITS_AT_WORK if facts.present else None
        rest = _tell(known, tuple(facts.present), facts, choose, named=True)
        return " ".join([_verdict(facts, choose), rest or _nothing_found(facts, choose)])
    units = fit.foreign if facts.emotion == "neutral" else fit.supporting
    support = sentences.NEUTRAL_SUPPORT if facts.emotion == "neutral" else sentences.SUPPORT
    told = [
        _verdict(facts, choose),
        _tell(support[fit.verdict], units, facts, choose, named=True),
        _sides(fit, facts, choose),
    ]
    return " ".join(filter(None, told))


def _face(facts: FaceFacts, choose: Choice) -> str:
    fit = fit_prototype(facts.emotion, tuple(facts.present), facts.absent)
    verdict = _verdict(facts, choose)
    seen = _observations(facts, choose)
    order = choose("order", ("verdict first", "units first", "in one"))
    if order == "in one" and facts.emotion is not None and 0 < len(facts.present) <= 4:
        shapes = [_shape(facts, unit, choose) for unit in facts.present]
        told = [f"With {list_of(shapes)}, {verdict[0].lower()}{verdict[1:]}"]
    else:
        told = [verdict, seen] if order == "verdict first" else [seen, verdict]
    if facts.emotion is None or not (facts.present or facts.absent):
        return " ".join(filter(None, told))
    units = fit.foreign if facts.emotion == "neutral" else fit.supporting
    verdicts = sentences.NEUTRAL_FIT if facts.emotion == "neutral" else sentences.FIT
    told.append(_tell(verdicts[fit.verdict], units, facts, choose))
    if fit.foreign and facts.emotion != "neutral":
        told.append(_tell(sentences.FOREIGN, fit.foreign, facts, choose))
    told.append(_sides(fit, facts, choose))
    return " ".join(filter(None, told))


def _verdict(facts: FaceFacts, choose: Choice) -> str:
    """The sentence that names the emotion."""
    if facts.emotion is None:
        return choose("verdict", sentences.UNNAMED)
    adjective = ADJECTIVES.get(facts.emotion, facts.emotion)
    patterns = sentences.NEUTRAL if facts.emotion == "neutral" else sentences.EMOTION
    sentence = choose("verdict", patterns).format(
        noun=facts.emotion,
        adjective=adjective,
        an_adjective=with_article(adjective),
        ly=_adverb(facts.emotion_certainty, choose),
    )
    return capitalised(sentence)


def _observations(facts: FaceFacts, choose: Choice) -> str:
    """What moves, zone by zone; each unit as a clause."""
    if not facts.present:
        return _nothing_found(facts, choose)
    told = []
    for zone, leads in sentences.ZONES.items():
        clauses, subject = [], ""
        for unit in facts.present:
            if (unit in UPPER_FACE) != (zone == "upper"):
                continue
            words = _words(facts, unit)
            what = choose(f"what {unit}", words.what)
            moves = f"{choose(f'moves {unit}', words.moves)}{_strongly(facts, unit)}"
            # Subjects that two units share are plural, all of them.
            clauses.append(f"{'they' if what == subject else what} {moves} ({_mark(facts, unit)})")
            subject = what
        if clauses:
            told.append(capitalised(f"{choose(zone, leads)}{clause_list(clauses)}."))
    return " ".join(told)


def _shape(facts: FaceFacts, unit: str, choose: Choice) -> str:
    strength = STRENGTHS[facts.strength.get(unit)].adjective
    shape = choose(f"shape {unit}", _words(facts, unit).shapes)
    return f"{shape} ({_mark(facts, unit)}{f', {strength}' if strength else ''})"


def _strongly(facts: FaceFacts, unit: str) -> str:
    """An adverb of strength after a space, or "" where it is not known."""
    return f" {STRENGTHS[facts.strength.get(unit)].adverb}".rstrip()


def _hidden(facts: FaceFacts, choose: Choice) -> str:
    """Which regions cannot be judged; "" where all can."""
    if not facts.hidden:
        return ""
    regions = list_of([f"the {region}" for region in facts.hidden])
    return capitalised(choose("hidden", sentences.HIDDEN).format(regions=regions))


def _mark(facts: FaceFacts, unit: str) -> str:
    """The unit's number, with a caution if it is uncertain."""
    return f"{CAUTIONS[facts.present[unit]]}{unit}"


def _tell(
    patterns: Sequence[str] | None,
    units: Sequence[str],
    facts: FaceFacts,
    choose: Choice,
    named: bool = False,
) -> str:
    """A sentence about some units, with verbs that agree; "" without patterns."""
    if patterns is None:
        return ""
    one = len(units) == 1
    style = choose("naming", ("{unit} ({name})", "{title} ({unit})")) if named else "{unit}"
    names = [
        style.format(unit=unit, name=ACTION_UNIT_NAMES[unit], title=_title(unit)) for unit in units
    ]
    sentence = choose(patterns[0], patterns).format(
        units=list_of(names),
        noun=facts.emotion,
        **{"s": "s" if one else "", "is": "is" if one else "are", "was": "was" if one else "were"},
    )
    return capitalised(sentence)


def _sides(fit: Fit, facts: FaceFacts, choose: Choice) -> str:
    """A caution for one-sided emotions, since units are known without sides."""
    if not (fit.one_sided and fit.supporting):
        return ""
    return capitalised(choose("sides", sentences.ONE_SIDED).format(noun=facts.emotion))


def _nothing_found(facts: FaceFacts, choose: Choice) -> str:
    if facts.absent:
        return choose("nothing", sentences.NOTHING_FOUND)
    return choose("nothing", sentences.NOTHING_KNOWN)


def _words(facts: FaceFacts, unit: str) -> UnitWords:
    knitted = unit == "AU4" and not facts.present.keys().isdisjoint({"AU1", "AU2"})
    return KNITTED_BROW if knitted else WORDS[unit]


def _title(unit: str) -> str:
    """The name as a noun phrase: "the cheek raiser"."""
    return TITLES.get(unit, f"the {ACTION_UNIT_NAMES[unit]}")


def _adverb(sure: Certainty, choose: Choice) -> str:
    """An adverb after a space, or ""."""
    return f" {choose('adverb', ADVERBS[sure])}".rstrip()


def list_of(items: Sequence[str]) -> str:
    """Short items: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def clause_list(items: Sequence[str]) -> str:
    """Clauses, which hold an "and" themselves: "a", "a, and b", "a, b, and c"."""
    return ", ".join([*items[:-1], f"and {items[-1]}"]) if len(items) > 1 else items[0]


def with_article(word: str) -> str:
    """The word after "a" or "an", by its first letter."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def capitalised(sentence: str) -> str:
    """The sentence with a capital first letter; the rest stays as it is."""
    return sentence[0].upper() + sentence[1:]
