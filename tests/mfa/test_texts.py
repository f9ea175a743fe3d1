"""MFA's texts: the offline source, and the check that reads texts against labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.mfa.checks.check import check_records, flag, report
from distill.mfa.checks.lexicon import grammar_phrases
from distill.mfa.checks.problems import find_problems
from distill.mfa.checks.reading import Mention, read_emotions, read_units
from distill.mfa.cli import main
from distill.mfa.prompt.template import describe_labels
from distill.mfa.records.schema import ActionUnitText, Description, FaceLabels
from distill.mfa.records.store import open_store
from mf2_edge.facs import ACTION_UNIT_NAMES, EMOTION_PROTOTYPES
from mf2_edge.text.wording import TITLES, WORDS
from tests.helpers.mfa.records import (
    labels_of,
    random_records,
    record_of,
    refused,
    write_recipe,
    write_store,
)
from tests.helpers.mfa.sentences import DEVELOPMENT, HELD_OUT, Sentence

UNITS = list(ACTION_UNIT_NAMES)
JOY = labels_of("happiness", "6 12", "4 15 26")


@st.composite
def labels(draw: st.DrawFn) -> FaceLabels:
    present = draw(st.frozensets(st.sampled_from(UNITS), max_size=7))
    if draw(st.booleans()):
        absent = frozenset(UNITS) - present
    else:
        absent = draw(st.frozensets(st.sampled_from(UNITS), max_size=6)) - present
    return FaceLabels(draw(st.sampled_from([None, *EMOTION_PROTOTYPES])), present, absent)


@given(labels(), st.integers(0, 2**32))
def test_templates_tell_the_labels_and_pass_the_check(known: FaceLabels, seed: int) -> None:
    described = describe_labels(known, seed)
    assert {entry.action_unit for entry in described.action_units} == known.present
    assert len(described.action_units) == len(known.present)
    assert describe_labels(known, seed) == described
    assert find_problems(record_of(known, description=described)) == []


@settings(max_examples=60)
@given(st.sampled_from(UNITS), st.integers(0, 2**32))
def test_the_lexicon_knows_the_grammar_without_its_numbers(unit: str, seed: int) -> None:
    known = FaceLabels(None, frozenset({unit}), frozenset(UNITS) - {unit})
    [entry] = describe_labels(known, seed).action_units
    title = TITLES.get(unit, f"the {ACTION_UNIT_NAMES[unit]}")
    text = re.sub(rf"\(?AU\d+\)?|\b{title}\b", "this", entry.text, flags=re.IGNORECASE)
    mentions = [mention for mention in read_units(text) if not mention.denied]
    assert any(unit in mention.labels for mention in mentions), text
    assert all(unit in mention.labels for mention in mentions), text


def test_no_two_units_share_a_phrase_of_the_grammar() -> None:
    said = [phrase for words in WORDS.values() for phrase in words.shapes]
    said += [f"{w} {m}" for words in WORDS.values() for w in words.what for m in words.moves]
    assert len(said) == len(set(said))
    assert {grammar_phrases()[phrase] for phrase in said} == set(UNITS)


def measure(
    sentences: Sequence[Sentence], field: str, read: Callable[[str], Sequence[Mention]]
) -> tuple[float, float]:
    """Precision of the mentions and recall of the truth."""
    right = mentioned = found = true = 0
    for sentence in sentences:
        prefix = "" if field == "emotions" else "AU"
        truth = {f"{prefix}{word}" for word in getattr(sentence, field).split()}
        mentions = [m for m in read(sentence.text) if m.denied == (field == "denied")]
        right += sum(bool(truth & set(mention.labels)) for mention in mentions)
        mentioned += len(mentions)
        found += sum(any(label in m.labels for m in mentions) for label in truth)
        true += len(truth)
    return right / mentioned, found / true


@pytest.mark.parametrize("sentences", [DEVELOPMENT, HELD_OUT], ids=["development", "held out"])
@pytest.mark.parametrize(
    ("field", "read", "precision", "recall"),
    [
        ("units", read_units, 0.95, 0.95),
        ("denied", read_units, 0.9, 0.9),
        ("emotions", read_emotions, 0.95, 0.85),
    ],
)
def test_precision_and_recall_on_free_prose(
    sentences: Sequence[Sentence],
    field: str,
    read: Callable[[str], Sequence[Mention]],
    precision: float,
    recall: float,
) -> None:
    measured = measure(sentences, field, read)
    assert measured[0] >= precision
    assert measured[1] >= recall


GOOD = Description(
    action_units=[
        ActionUnitText(action_unit="AU6", text="The cheeks are lifted markedly."),
        ActionUnitText(action_unit="AU12", text="The mouth corners curl up in a broad smile."),
    ],
    emotion="Strong happiness, carried by AU6 and AU12.",
    face="A happy face: cheeks lifted, mouth corners drawn upward, no sign of a lowered brow.",
)


def edited(level: str, text: str, unit: int = 1) -> Description:
    if level != "au":
        return GOOD.model_copy(update={level: text})
    entries = list(GOOD.action_units)
    entries[unit] = ActionUnitText(action_unit=entries[unit].action_unit, text=text)
    return GOOD.model_copy(update={"action_units": entries})


def entries(*units: str) -> Description:
    texts = [ActionUnitText(action_unit=unit, text="It moves visibly here.") for unit in units]
    return GOOD.model_copy(update={"action_units": texts})


def test_a_good_free_description_passes() -> None:
    assert find_problems(record_of(JOY, description=GOOD, source="gpt")) == []


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (edited("face", ""), "empty text: face level: '' is no description"),
        (edited("au", "Yes."), "empty text: au level: 'Yes.' is no description"),
        (edited("emotion", "I\u2019m sorry, all I see is happiness."), "refusal: emotion level"),
        (edited("face", "A happy face with lifted cheeks."), "unit missing: face level: AU12"),
        (
            edited("face", "A happy face, cheeks lifted, without a smile."),
            "unit denied: face level: AU12 is denied",
        ),
        (
            edited("au", "The lip corners are not pulled up."),
            "unit denied: au level: the text of AU12 denies it",
        ),
        (
            edited("face", GOOD.face + " The brows are furrowed."),
            "absent unit: face level: 'brows are furrowed' speaks of AU4",
        ),
        (
            edited("emotion", "Happiness, shown by AU6, AU12 and AU15."),
            "absent unit: emotion level: 'au6, au12 and au15' speaks of AU15",
        ),
        (
            edited("au", "The mouth corners curl up and the jaw drops."),
            "absent unit: au level: 'the jaw drops' speaks of AU26",
        ),
        (entries("AU6"), "unit missing: au level: AU12 is labelled present, but has no text"),
        (entries("AU6", "AU12", "AU4"), "absent unit: au level: AU4 has a text"),
        (entries("AU6", "AU12", "AU5"), "unlabelled unit: au level: AU5 has a text"),
        (entries("AU6", "AU12", "AU12"), "unlabelled unit: au level: AU12 has 2 texts"),
        (edited("emotion", "The look is carried by AU12."), "emotion missing: emotion level"),
        (
            edited("face", GOOD.face + " There is also some anger in it."),
            "other emotion: face level: 'anger' names anger; the label is happiness",
        ),
    ],
)
def test_what_is_wrong_is_found_and_nothing_else(described: Description, expected: str) -> None:
    [problem] = find_problems(record_of(JOY, description=described, source="gpt"))
    assert f"{problem.kind}: {problem}".startswith(expected)


def test_unknown_units_and_emotions_are_no_fault() -> None:
    free = edited("face", GOOD.face + " The lips are parted and the nose wrinkles in amusement.")
    assert find_problems(record_of(JOY, description=free, source="gpt")) == []
    unnamed = labels_of(None, "6 12", "4 15 26")
    assert find_problems(record_of(unnamed, description=free, source="gpt")) == []


def test_a_refusal_is_one_problem() -> None:
    [problem] = find_problems(refused(record_of(JOY)))
    assert str(problem) == "refused: I'm sorry, I can't assist with that."


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path)


def test_check_lists_flags_and_takes_flags_back(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = record_of(JOY, 1, edited("face", ""), "gpt", "bad.png")
    path = write_store(tmp_path / "mfa.sqlite", [record_of(JOY), bad])
    with open_store(path) as store:  # an earlier check did not like a good one
        store.flag(record_of(JOY).key, ["looked odd"])
    command = ["check", "--config", str(recipe), "--store", str(path)]
    assert main(command) == 1
    printed = capsys.readouterr().out
    assert "rafdb/bad.png (gpt, gpt-4o-2024-11-20): face level: '' is no description" in printed
    assert re.search(r"^empty text +1 +1$", printed, flags=re.MULTILINE)
    assert printed.endswith("2 records checked, 1 with problems\n")
    with open_store(path) as store:
        assert store.flagged() == {bad.key: ["face level: '' is no description"]}

    assert main([*command, "--source", "template"]) == 0
    assert capsys.readouterr().out == "1 records checked, 0 with problems\n"


def test_an_unchanged_flag_is_not_written_again(tmp_path: Path) -> None:
    records = [record_of(JOY), record_of(JOY, 1, entries("AU6"), "gpt")]
    with open_store(write_store(tmp_path / "mfa.sqlite", records)) as store:
        for _ in range(2):
            flag(store, records, check_records(records))
        written = store.connection.execute("SELECT count(*) FROM flags").fetchone()[0]
    assert written == 1


def test_check_of_nothing_says_so(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "empty.sqlite")
    assert main(["check", "--config", str(recipe), "--store", store]) == 2
    assert "there are no records in" in capsys.readouterr().err


def test_the_report_counts_records_and_problems() -> None:
    records = [*random_records(3), refused(record_of(JOY, 9, name="x.png"))]
    text = report(records, check_records(records))
    assert re.search(r"^refusal +1 +1$", text, flags=re.MULTILINE)
    assert text.endswith("4 records checked, 1 with problems\n")
