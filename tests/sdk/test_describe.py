"""Descriptions: good English, true to the facts, the same for the same seed."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mf2_edge.errors import DescriptionError
from mf2_edge.facs import ACTION_UNIT_MUSCLES, ACTION_UNIT_NAMES, EMOTION_PROTOTYPES, fit_prototype
from mf2_edge.text.describe import (
    GRAMMAR_VERSION,
    Level,
    clause_list,
    describe,
    describe_units,
    list_of,
    with_article,
)
from mf2_edge.text.facts import FaceFacts, certainty
from mf2_edge.text.wording import ADJECTIVES, ADVERBS, WORDS, Certainty
from mf2_edge.types import ActionUnit, Box, Emotion, FaceState, Reason, Status

UNITS = list(ACTION_UNIT_NAMES)
LEVELS = get_args(Level)
SEEDS = st.integers(0, 2**32)


@st.composite
def facts(draw: st.DrawFn) -> FaceFacts:
    some_units = st.sampled_from(UNITS)
    present = draw(st.dictionaries(some_units, st.sampled_from(Certainty), max_size=7))
    absent = draw(st.frozensets(some_units, max_size=5)) - present.keys()
    emotion = draw(st.sampled_from([None, *EMOTION_PROTOTYPES]))
    return FaceFacts(emotion, present, absent, draw(st.sampled_from(Certainty)))


def plain(
    emotion: str | None, present: tuple[str, ...] = (), absent: tuple[str, ...] = ()
) -> FaceFacts:
    return FaceFacts(emotion, dict.fromkeys(present, Certainty.PLAIN), frozenset(absent))


def units_in(text: str) -> set[str]:
    return set(re.findall(r"\bAU\d+\b", text))


@given(facts(), SEEDS)
def test_sentences_are_well_formed(known: FaceFacts, seed: int) -> None:
    for level in LEVELS:
        text = describe(known, level, seed)
        assert text.endswith(".")
        assert "  " not in text
        assert not re.search(r"\s[.,;:]|[.,;:]{2}|[{}]|\(\)|,\.", text), text
        # Every sentence has a capital; "AU12 ..." has one of its own.
        assert all(part[0].isupper() for part in re.split(r"(?<=[.]) ", text)), text
        assert not re.search(r"\ba (?!one)[aeiou]|\ban [^aeiou]", text), text
        assert not re.search(r"\b(\w+) \1\b", text), text


@given(facts(), SEEDS)
def test_every_present_unit_is_told_and_no_other(known: FaceFacts, seed: int) -> None:
    assert units_in(describe(known, "au", seed)) == set(known.present)
    assert units_in(describe(known, "face", seed)) == set(known.present)
    assert units_in(describe(known, "emotion", seed)) <= set(known.present)
    for unit, text in describe_units(known, seed).items():
        assert units_in(text) == {unit}


@given(facts(), SEEDS)
def test_no_other_emotion_is_named(known: FaceFacts, seed: int) -> None:
    own = {known.emotion, ADJECTIVES.get(known.emotion or "")}
    others = {*ADJECTIVES, *ADJECTIVES.values()} - own
    for level in LEVELS:
        words = set(re.findall(r"[a-z]+", describe(known, level, seed).lower()))
        assert words & others == set()


@given(facts(), SEEDS)
def test_same_seed_same_text(known: FaceFacts, seed: int) -> None:
    for level in LEVELS:
        assert describe(known, level, seed) == describe(known, level, seed)


@pytest.mark.parametrize("level", LEVELS)
def test_other_seeds_give_other_wordings(level: Level) -> None:
    known = plain("happiness", ("AU6", "AU12"))
    texts = {describe(known, level, seed) for seed in range(200)}
    assert len(texts) > {"au": 190, "emotion": 40, "face": 170}[level]


def test_texts_are_the_same_in_another_process() -> None:
    """No hash randomisation, no set order: the text depends on facts and seed alone."""
    code = (
        "from mf2_edge.text.describe import *; from mf2_edge.text.wording import Certainty as C\n"
        "f = FaceFacts('fear', dict.fromkeys(['AU20', 'AU4', 'AU1'], C.PLAIN), frozenset())\n"
        "print(*(describe(f, level, 3) for level in ('au', 'emotion', 'face')), sep='\\n', end='')"
    )
    known = plain("fear", ("AU1", "AU4", "AU20"))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n".join(describe(known, level, 3) for level in LEVELS)


def test_a_change_of_wording_asks_for_a_new_version() -> None:
    """Records name their grammar: other texts under the same name would lie."""
    digest = hashlib.blake2b(digest_size=8)
    for emotion in (None, *EMOTION_PROTOTYPES):
        for seed in range(40):
            part = tuple(unit for number, unit in enumerate(UNITS) if (seed >> number % 6) & 1)
            known = plain(emotion, part, tuple(set(UNITS[::2]) - set(part)))
            for level in LEVELS:
                digest.update(describe(known, level, seed).encode())
    assert (GRAMMAR_VERSION, digest.hexdigest()) == ("grammar-1", "ff1df2012a754b9e")


def test_certainty_words_follow_the_probability() -> None:
    assert [certainty(p) for p in (1.0, 0.9, 0.89, 0.7, 0.69, 0.5, 0.49, 0.0)] == [
        Certainty.CLEAR,
        Certainty.CLEAR,
        Certainty.PLAIN,
        Certainty.PLAIN,
        Certainty.PROBABLE,
        Certainty.PROBABLE,
        Certainty.POSSIBLE,
        Certainty.POSSIBLE,
    ]
    for sure, adverbs in ADVERBS.items():
        for seed in range(20):
            known = FaceFacts("anger", {"AU4": sure}, frozenset(), sure)
            for level in ("au", "emotion"):
                words = re.findall(r"\w+", describe(known, level, seed))
                used = {a for some in ADVERBS.values() for a in some if a and a in " ".join(words)}
                assert used <= set(adverbs)
                assert used or sure is Certainty.PLAIN


def test_no_word_of_intensity() -> None:
    """Nothing here measures it."""
    claims = r"slight|strong|intense|mild|marked|extreme|subtl|faint|deeply|weak|very|trace"
    said = " ".join(
        describe(plain(emotion, tuple(UNITS)), level, seed)
        for emotion in EMOTION_PROTOTYPES
        for level in LEVELS
        for seed in range(30)
    )
    assert re.findall(rf"\b(?:{claims})\w*", said) == []


@pytest.mark.parametrize(
    ("emotion", "present", "absent", "verdict", "foreign"),
    [
        ("happiness", ("AU6", "AU12", "AU25"), (), "full", ()),
        ("happiness", ("AU12",), ("AU6",), "partial", ()),
        ("happiness", ("AU12",), (), "some", ()),
        ("happiness", ("AU4",), ("AU6", "AU12"), "none", ("AU4",)),
        ("happiness", ("AU4",), (), "unknown", ("AU4",)),
        ("surprise", ("AU1", "AU2", "AU5", "AU27"), (), "full", ()),
        ("anger", ("AU4", "AU5", "AU7", "AU24"), ("AU23",), "full", ()),
        ("disgust", ("AU9", "AU17"), ("AU10",), "full", ()),
        ("contempt", ("AU14",), ("AU12",), "some", ()),
        ("neutral", (), ("AU12",), "full", ()),
        ("neutral", ("AU12",), (), "none", ("AU12",)),
        ("neutral", (), (), "unknown", ()),
        (None, ("AU12",), (), "unknown", ()),
    ],
)
def test_fit_of_units_and_emotion(
    emotion: str | None,
    present: tuple[str, ...],
    absent: tuple[str, ...],
    verdict: str,
    foreign: tuple[str, ...],
) -> None:
    fit = fit_prototype(emotion, present, frozenset(absent))
    assert (fit.verdict, fit.foreign) == (verdict, foreign)


def test_the_face_level_says_when_units_and_emotion_do_not_fit() -> None:
    for seed in range(50):
        text = describe(plain("happiness", ("AU4",), ("AU6", "AU12")), "face", seed)
        assert re.search("not fit|disagree", text), text
        text = describe(plain("happiness", ("AU6", "AU12")), "face", seed)
        assert not re.search("not fit|disagree|not found", text), text


def test_prototypes_name_known_units_and_every_unit_has_words() -> None:
    assert list(WORDS) == list(ACTION_UNIT_MUSCLES) == UNITS
    for prototype in EMOTION_PROTOTYPES.values():
        assert prototype.units <= set(UNITS)
    assert set(ADJECTIVES) == set(EMOTION_PROTOTYPES)
    for unit, words in WORDS.items():
        for what in words.what:  # place and subject stand in one sentence
            assert not any(where.endswith(what) for where in words.where), unit


def test_brows_that_rise_do_not_sink() -> None:
    for seed in range(40):
        for level in ("au", "face"):
            text = describe(plain("fear", ("AU1", "AU2", "AU4")), level, seed)
            assert not re.search(r"\bsink|lowered|drawn down", text), text


def test_unknown_is_told_apart_from_absent() -> None:
    for seed in range(20):
        assert "known" in describe(plain("surprise"), "au", seed)
        assert "found" in describe(plain("surprise", (), ("AU1",)), "au", seed)


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(DescriptionError, match=r"no words for AU99: expected units among AU1,"):
        plain("anger", ("AU99",))
    with pytest.raises(DescriptionError, match="no level 'mouth': expected 'au', 'emotion' or"):
        describe(plain("anger"), "mouth", 0)  # type: ignore[arg-type]


def test_an_emotion_without_a_prototype_is_named_and_no_more() -> None:
    text = describe(plain("calm", ("AU12",)), "face", 0)
    assert "calm" in text
    assert "AU12" in text


def test_phrases() -> None:
    assert [list_of(["a"]), list_of(["a", "b"]), list_of(["a", "b", "c"])] == [
        "a",
        "a and b",
        "a, b and c",
    ]
    assert clause_list(["a", "b"]) == "a, and b"
    assert clause_list(["a", "b", "c"]) == "a, b, and c"
    assert [with_article("angry"), with_article("happy")] == ["an angry", "a happy"]


def test_a_state_describes_itself() -> None:
    def unit(label: str, score: float, threshold: float) -> ActionUnit:
        name = ACTION_UNIT_NAMES[label]
        return ActionUnit(name, score, score >= threshold, Reason.CONFIDENT)

    scores = {"happiness": 0.95, "neutral": 0.05}
    state = FaceState(
        Box(0, 0, 10, 10),
        None,
        1.0,
        Emotion("happiness", "happiness", scores, Reason.CONFIDENT),
        {
            "AU6": unit("AU6", 0.55, 0.5),
            "AU12": unit("AU12", 0.95, 0.5),
            "AU4": unit("AU4", 0.2, 0.5),
        },
        Status.OK,
    )
    present = {"AU6": Certainty.PROBABLE, "AU12": Certainty.CLEAR}
    known = FaceFacts("happiness", present, frozenset({"AU4"}), Certainty.CLEAR)
    for level in LEVELS:
        assert state.describe(level, seed=5) == describe(known, level, 5)
    assert state.describe() == describe(known, "face", 0)


def test_the_example_in_the_docs_prints_what_they_say(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "descriptions.md").read_text()
    [code] = [b for b in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "describe" in b]
    [shown] = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/descriptions.md", "exec"), {})
    assert capsys.readouterr().out == shown
