"""Checks on the words of texts: who somebody is, and what is said twice; their rates."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from distill.mfa.checks.gates import repeated, words_of_people
from distill.mfa.checks.problems import KINDS, find_problems
from distill.mfa.prompt.template import describe_labels
from distill.mfa.wild.quality import Quality, measure, table
from tests.helpers.mfa.records import labels_of, random_records, record_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("The young woman smiles; her lip corners rise.", {"age", "gender"}),
        ("A middle-aged Asian face with raised brows.", {"age", "race"}),
        ("A fair-skinned face, perhaps a famous actor.", {"race", "identity"}),
        ("The white teeth show; there is dark hair, and the mouth is human.", set()),
        ("Themes of the old mandible: a manly, oldish, womanly ache.", {"age"}),
    ],
)
def test_words_that_say_who_somebody_is_are_found_whole(text: str, kinds: set[str]) -> None:
    assert {kind for kind, _ in words_of_people(text)} == kinds


def test_ten_words_in_a_row_stand_once_in_a_text() -> None:
    said = "The lip corners are pulled up, and the lower lids are tight"
    assert repeated(f"{said}; the lip corners are pulled up, and both lids rise.") is None
    assert repeated(f"{said}. {said}.") == "the lip corners are pulled up and the lower lids"


def test_a_record_with_such_words_is_flagged_and_the_grammar_has_none() -> None:
    labels = labels_of("happiness", "6 12", "4")
    described = describe_labels(labels, 0)
    personal = described.model_copy(update={"face": f"{described.face} She is a child."})
    found = {problem.kind for problem in find_problems(record_of(labels, 0, personal, "gpt"))}
    assert found == {"person"}
    kinds = {problem.kind for record in random_records(60) for problem in find_problems(record)}
    assert not kinds & {"person", "repetition"}


def test_rates_are_counted_by_record() -> None:
    labels = labels_of("happiness", "12", "4")
    described = describe_labels(labels, 0)
    lowered = described.model_copy(
        update={"face": f"{described.face} The brows are lowered. His brows are lowered too."}
    )
    records = [record_of(labels, 0, text, "coder") for text in (described, described, lowered)]
    quality = measure(records, "0" * 64)
    assert (quality.records, quality.clean) == (3, 2)
    assert {kind: n for kind, n in quality.problems.items() if n} == {
        "absent unit": 1,
        "person": 1,
    }
    assert quality.person == {"gender": 1}
    assert (quality.distinct, quality.shared) == (2, 2)
    assert "2 without problems (66.67%)" in table(quality)


def test_the_figures_that_ship_are_of_the_codes_that_ship() -> None:
    path = ROOT / "benchmarks/results/mfa-quality.json"
    quality = msgspec.json.decode(path.read_bytes(), type=Quality)
    agreement = msgspec.json.decode((ROOT / "benchmarks/results/mfa-wild.json").read_bytes())
    assert quality.codes_sha256 == agreement["codes_sha256"]
    assert set(quality.problems) == set(KINDS)
