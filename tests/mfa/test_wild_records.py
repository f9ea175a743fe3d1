"""MFA-wild as records of MFA: parts of a sentence, texts at their levels, and what check says."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from distill.datasets.wild.files import FOLDER, save_part
from distill.mfa.checks.counts import gather
from distill.mfa.checks.problems import find_problems
from distill.mfa.cli import main
from distill.mfa.records.schema import CodedDescription, Record
from distill.mfa.records.store import open_store
from distill.mfa.wild.clauses import clauses, region_texts, unit_text, verdict
from distill.mfa.wild.records import coded_records
from tests.helpers.wild import coding_of, face_of

ROOT = Path(__file__).parents[2]
SENTENCE = (
    "Steep, knitted brows press down, nose root wrinkled, while the lips part over clenched teeth; "
    "reads as strong anger."
)
ANGRY = coding_of(
    {4: 2, 9: 1, 25: 2}, [10], ["chin"], "anger", "disgust", strength=3, text=SENTENCE
)


def _record(*codings: object, **fields: object) -> Record:
    first, second = (*codings, None)[:2]
    face = face_of("train/1.jpg", first, second, **fields)  # type: ignore[arg-type]
    [record] = coded_records([face], "wild", "a coder")
    return record


def test_a_sentence_falls_into_parts() -> None:
    assert clauses(SENTENCE) == [
        "Steep, knitted brows press down",
        "nose root wrinkled",
        "the lips part over clenched teeth",
        "reads as strong anger",
    ]
    assert region_texts(SENTENCE) == {
        "brows": "Steep, knitted brows press down.",
        "nose": "Nose root wrinkled.",
        "mouth": "The lips part over clenched teeth.",
    }
    assert verdict(SENTENCE) == "Reads as strong anger."
    assert verdict("A smile with raised cheeks.") is None
    assert region_texts("Brows low, mouth shut; calm.") == {}  # two words are no description


@pytest.mark.parametrize(
    ("sentence", "unit", "expected"),
    [
        (SENTENCE, "AU9", "Nose root wrinkled."),
        (SENTENCE, "AU12", None),
        ("Cheeks lifted and brows raised high; reads as glad.", "AU6", None),  # of two units
        ("The lips do not part at all; neutral.", "AU25", None),
    ],
)
def test_a_unit_gets_the_part_that_speaks_of_it_alone(
    sentence: str, unit: str, expected: str | None
) -> None:
    assert unit_text(sentence, unit) == expected


def test_a_record_has_every_level_in_the_coders_words_where_it_can() -> None:
    record = _record(ANGRY, age="20-29", gender="Male", race="White")
    assert (record.source, record.model, record.dataset) == ("coder", "a coder", "wild")
    assert record.name == "fairface/train/1.jpg"
    assert record.labels.emotion == "anger"
    assert record.labels.present == {"AU4", "AU9", "AU25"}
    assert {"AU10", "AU17", "AU45"}.isdisjoint(record.labels.absent)  # unsure, hidden, not coded
    assert {"AU1", "AU12", "AU43"} <= record.labels.absent
    described = record.description
    assert isinstance(described, CodedDescription)
    texts = {entry.action_unit: entry.text for entry in described.action_units}
    assert texts.keys() == record.labels.present
    assert texts["AU9"] == "Nose root wrinkled."
    regions = {entry.region: entry.text for entry in described.regions}
    assert regions["chin"] == "The chin cannot be seen well enough to be judged."
    assert regions["nose"] == "Nose root wrinkled."
    assert described.emotion == "Reads as strong anger. Most would call it anger, strong."
    assert described.face == SENTENCE
    assert find_problems(record) == []


def test_units_without_own_words_get_the_grammars_with_their_strength() -> None:
    coding = coding_of({12: 1, 20: 2}, emotion="happiness", text="An odd and friendly face here.")
    described = _record(coding).description
    assert described is not None
    ends = {entry.action_unit: entry.text.split(". ")[-1] for entry in described.action_units}
    assert ends == {"AU12": "It is slight.", "AU20": "It is marked."}
    assert described.emotion.startswith("An odd and friendly face here.")


def test_what_coders_differ_about_is_unknown_to_the_record() -> None:
    other = coding_of({9: 1, 12: 1}, emotion="disgust")
    record = _record(ANGRY, other)
    assert record.labels.present == {"AU9"}
    assert "AU4" not in record.labels.absent
    assert record.labels.emotion is None
    assert find_problems(record) == []


def test_check_flags_what_contradicts_and_not_what_is_left_out() -> None:
    short = coding_of({4: 1, 12: 2}, emotion="happiness", text="The eyes look down, lips at rest.")
    assert find_problems(_record(short)) == []
    wrong = coding_of(
        {12: 2}, emotion="happiness", text="Brows drawn together in anger over a broad smile."
    )
    kinds = {(problem.kind, problem.level) for problem in find_problems(_record(wrong))}
    assert ("absent unit", "face") in kinds
    assert ("other emotion", "face") in kinds
    stats = gather([_record(wrong), _record(short)])
    assert (stats.records, stats.clean, stats.present["AU12"]) == (2, 1, 2)
    assert len(stats.levels["region"].lengths) > 0


def _recipe(folder: Path, wild: bool) -> Path:
    content = tomllib.loads((ROOT / "distill" / "configs" / "mf2-edge-base.toml").read_text())
    content["runs"] = str(folder)
    coded = content["data"].pop("wild")
    content["train"]["batch"].pop("wild")
    if wild:
        content["data"]["coded"] = coded | {"root": "nowhere"}
    path = folder / "recipe.toml"
    path.write_bytes(tomli_w.dumps(content).encode())
    return path


def test_build_check_and_stats_take_coded_faces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "codes"
    faces = [face_of(f"train/{number}.jpg", ANGRY) for number in range(30)]
    save_part(folder, "codes-001.jsonl.gz", faces, "a coder")
    monkeypatch.setattr("distill.mfa.wild.offline.FOLDER", folder)
    recipe = ["--config", str(_recipe(tmp_path, wild=True))]
    build = ["build", "--source", "coder", *recipe]
    assert main([*build, "--split", "valid"]) == 0
    held_out = [face.name for face in faces if face.split == "valid"]
    assert 0 < len(held_out) < 30
    assert capsys.readouterr().out == f"{len(held_out)} faces described\n"
    assert main(build) == 0
    assert capsys.readouterr().out == f"{30 - len(held_out)} faces described\n"
    with open_store(tmp_path / "mfa" / "mfa.sqlite") as store:
        records = list(store.records("coder"))
    assert {record.dataset for record in records} == {"coded"}
    assert all(isinstance(record.description, CodedDescription) for record in records)
    assert main(["check", *recipe]) == 0
    assert "30 records checked, 0 with problems" in capsys.readouterr().out
    assert main(["stats", "--source", "coder", *recipe]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("30 records (coder a coder: 30), 0 refused")
    assert "\nregion " in printed


def test_a_recipe_without_the_data_set_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = _recipe(tmp_path, wild=False)
    assert main(["build", "--source", "coder", "--config", str(recipe)]) == 2
    assert "no data set with reader = 'wild'" in capsys.readouterr().err


def test_the_records_that_come_with_the_project_rarely_contradict_their_codes() -> None:
    """Every twentieth; `check` counts them all (docs/mfa-wild.md)."""
    from distill.datasets.wild.files import load_parts

    faces = [face for _, some in load_parts(FOLDER) for face in some][::20]
    records = list(coded_records(faces, "wild", "a coder"))
    assert len(records) == len(faces)
    assert len({record.key for record in records}) == len(records)
    wrong = [record for record in records if find_problems(record)]
    assert len(wrong) < 0.12 * len(records)
