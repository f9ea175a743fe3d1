"""MFA-wild: what its codes mean, who is held out, and the files that come with the project."""

from __future__ import annotations

import gzip
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from distill.config import DatasetConfig
from distill.datasets import EMOTIONS, LabelledFace
from distill.datasets.wild import (
    UNITS,
    CodesError,
    load_codes,
    region_of,
    split_of,
    wild_targets,
)
from distill.datasets.wild.files import FOLDER, read_index, read_lines, save_part, write_lines
from distill.datasets.wild.split import rafdb_picture
from distill.prepare import split_of as recipe_split_of
from mf2_edge.facs import ACTION_UNIT_NAMES, REGIONS
from tests.helpers.wild import coding_of, face_of

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "distill" / "configs"
SMILE = coding_of({6: 1, 12: 2, 25: 2}, [23], emotion="happiness", strength=3, text="A smile.")


def _floats(values: Sequence[object]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


def test_what_is_unsure_or_hidden_is_unknown_even_if_it_is_listed() -> None:
    coding = coding_of({4: 2, 12: 1, 17: 1}, unsure=[12, 25], hidden=["brows", "chin"])
    said = {unit: coding.strength(unit) for unit in ("AU4", "AU1", "AU12", "AU25", "AU17")}
    assert said == dict.fromkeys(said)
    assert (coding.strength("AU5"), coding.strength("AU10")) == (0, 0)
    assert coding.strength("AU45") is None  # nobody looked for it
    assert (SMILE.strength("AU6"), SMILE.strength("AU12"), SMILE.strength("AU1")) == (1, 2, 0)


def test_every_unit_is_of_facs_and_has_a_region() -> None:
    assert set(UNITS) <= ACTION_UNIT_NAMES.keys()
    assert {region_of(unit) for unit in UNITS} == set(REGIONS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"aus": {"12": 3}}, r"\$\.coder_a\.aus"),
        ({"aus": {"11": 1}}, "AU11 is not coded"),
        ({"aus": {"26": 1, "27": 1}}, "exclude each other"),
        ({"hidden": ["ears"]}, r"\$\.coder_a\.hidden"),
        ({"emotion": "boredom"}, r"\$\.coder_a\.emotion"),
        ({"emotion2": "happiness"}, "runner-up is the emotion itself"),
        ({"emotion_strength": 4}, "emotion_strength"),
        ({"text": "  "}, "text is empty"),
        ({"mood": 1}, "unknown field `mood`"),
    ],
)
def test_a_line_that_breaks_the_guide_is_named(change: dict[str, object], message: str) -> None:
    good = msgspec.to_builtins(face_of("train/1.jpg", SMILE))
    bad = {**good, "coder_a": {**good["coder_a"], **change}}
    content = b"\n".join(json.dumps(line).encode() for line in (good, bad))
    with pytest.raises(CodesError, match=message) as caught:
        read_lines(content, "codes.jsonl")
    assert str(caught.value).startswith("line 2 of codes.jsonl: ")


def test_targets_of_one_coder() -> None:
    targets = wild_targets([face_of("train/1.jpg", SMILE)], ("AU6", "AU12", "AU4", "AU23", "AU45"))
    np.testing.assert_array_equal(targets.units, _floats([[1, 1, 0, np.nan, np.nan]]))
    np.testing.assert_array_equal(targets.strength, _floats([[1, 2, 0, np.nan, np.nan]]))
    np.testing.assert_array_equal(targets.coders[0, 0], targets.strength[0])
    assert np.isnan(targets.coders[0, 1]).all()
    assert targets.visible.tolist() == [[1, 1, 1, 1, 1]]
    assert targets.emotion.tolist() == [[float(label == "happiness") for label in EMOTIONS]]
    assert targets.emotion_strength.tolist() == [3]
    assert targets.sentences == ("A smile.",)


def test_targets_of_two_coders_who_differ() -> None:
    first = coding_of({1: 1, 2: 2, 5: 1}, [9], ["mouth"], "fear", "surprise", 2, "Wide eyes.")
    second = coding_of({1: 2, 5: 2}, [5, 4], emotion="surprise", strength=3)
    faces = [face_of("train/1.jpg", first, second)]
    units = ("AU1", "AU2", "AU4", "AU5", "AU9", "AU12", "AU7")
    soft = wild_targets(faces, units, runner_up=0.2)
    expected = _floats([[1, 0.5, 0.25, 0.75, 0.25, 0.25, 0]])
    np.testing.assert_array_equal(soft.units, expected)
    np.testing.assert_array_equal(soft.strength, _floats([[1.5, np.nan, 0, 1, 0, 0, 0]]))
    assert [faces[0].presence(unit) for unit in ("AU1", "AU2", "AU5", "AU7")] == [
        *(True, None, None, False)
    ]
    assert soft.visible.tolist() == [[1, 1, 1, 0.5, 1]]
    shares = dict(zip(EMOTIONS, soft.emotion[0].tolist(), strict=True))
    assert shares["fear"] == pytest.approx(0.4)
    assert shares["surprise"] == pytest.approx(0.6)
    assert faces[0].agreed_emotion() is None
    assert soft.emotion_strength.tolist() == [2.5]


def test_a_unit_that_both_left_undecided_is_unknown() -> None:
    face = face_of("train/1.jpg", coding_of(unsure=[10]), coding_of({10: 1}, hidden=["mouth"]))
    targets = wild_targets([face], ("AU10",))
    assert np.isnan(targets.units).all()
    assert np.isnan(targets.strength).all()


def test_emotions_that_nobody_asked_for_are_left_out() -> None:
    faces = [
        face_of("train/1.jpg", coding_of(emotion="contempt", emotion2="anger")),
        face_of("train/2.jpg", coding_of(emotion="contempt")),
    ]
    targets = wild_targets(faces, ("AU1",), ("neutral", "anger"))
    np.testing.assert_array_equal(targets.emotion, _floats([[0, 1], [np.nan, np.nan]]))
    assert wild_targets([]).visible.shape == (0, len(REGIONS))


def test_what_the_recipes_hold_out_of_rafdb_is_held_out_here_and_nothing_else() -> None:
    dataset = tomllib.loads((CONFIGS / "mf2-edge-base.toml").read_text())["data"]["rafdb"]
    rafdb = msgspec.convert(dataset, DatasetConfig)
    assert rafdb.validation > 0
    seen = set()
    for number in range(1, 400):
        image = f"train_{number:05d}.jpg"
        face = LabelledFace(rafdb_picture(image), "train")
        assert split_of("rafdb", image) == recipe_split_of(face, rafdb, seed=0)
        seen.add(split_of("rafdb", image))
    assert seen == {"train", "valid"}


def test_splits_are_drawn_by_photograph_and_lfw_by_person() -> None:
    splits = [split_of("fairface", f"train/{number}.jpg") for number in range(7000)]
    assert splits.count("valid") == pytest.approx(1000, rel=0.1)
    assert splits[:3] == [split_of("fairface", f"train/{number}.jpg") for number in range(3)]
    for person in ("Ada_Lovelace", "Grace_Hopper", "Mary_Anning"):
        one = {split_of("lfw", f"{person}_{number:04d}.jpg") for number in range(30)}
        assert len(one) == 1
    assert split_of("fairface", "val/1.jpg") == split_of("rafdb", "test_0001.jpg") == "test"


def test_ferplus_keeps_its_own_parts() -> None:
    """What its votes validate and test is not trained on here."""
    for part in ("Train", "Valid", "Test"):
        splits = {split_of("ferplus", f"FER2013{part}/fer{n:07d}.png") for n in range(50)}
        assert splits == {part.lower()}


def test_a_part_is_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    faces = [
        face_of("train/10.jpg", coding_of({25: 1, 4: 2}, [12, 1])),
        face_of("train/9.jpg", SMILE, SMILE, age="20-29", gender="Female", race="Black"),
        face_of("A_B_0001.jpg", SMILE, set="lfw"),
    ]
    part = save_part(tmp_path, "codes-001.jsonl.gz", faces, "a coder")
    before = (tmp_path / part.file).read_bytes()
    shuffled = [faces[2], faces[0], faces[1]]
    assert save_part(tmp_path, "codes-001.jsonl.gz", shuffled, "a coder") == part
    assert (tmp_path / part.file).read_bytes() == before
    loaded = load_codes(tmp_path)
    assert [face.image for face in loaded] == ["train/9.jpg", "train/10.jpg", "A_B_0001.jpg"]
    assert loaded[0] == faces[1]
    assert list(loaded[1].coder_a.aus) == ["4", "25"]
    assert read_lines(write_lines(faces), "x") == list(loaded)


def test_parts_add_up_and_no_face_is_in_two(tmp_path: Path) -> None:
    one, two = face_of("train/1.jpg", SMILE), face_of("train/2.jpg", SMILE)
    save_part(tmp_path, "codes-001.jsonl.gz", [one], "a coder")
    assert load_codes(tmp_path) == (one,)
    save_part(tmp_path, "codes-002.jsonl.gz", [two], "a coder")
    assert load_codes(tmp_path) == (one, two)
    with pytest.raises(CodesError, match=r"fairface/train/1.jpg is coded twice"):
        save_part(tmp_path, "codes-003.jsonl.gz", [one], "a coder")
    with pytest.raises(CodesError, match="coded twice"):
        save_part(tmp_path, "codes-003.jsonl.gz", [one, one], "a coder")
    assert [part.file for part in read_index(tmp_path).parts] == [
        "codes-001.jsonl.gz",
        "codes-002.jsonl.gz",
    ]


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CodesError, match="no codes in"):
        load_codes(tmp_path)
    part = save_part(tmp_path, "codes-001.jsonl.gz", [face_of("train/1.jpg", SMILE)], "a coder")
    (tmp_path / part.file).write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(CodesError, match=r"is not what codes.json lists"):
        load_codes(tmp_path)
    (tmp_path / part.file).write_bytes(b"no gzip")
    with pytest.raises(CodesError, match="cannot be read"):
        load_codes(tmp_path)
    (tmp_path / "codes.json").write_text("[]")
    with pytest.raises(CodesError, match=r"codes\.json"):
        load_codes(tmp_path)


def test_the_codes_that_come_with_the_project() -> None:
    faces = load_codes()
    parts = read_index(FOLDER).parts
    assert len(faces) == sum(part.faces for part in parts) == len({face.name for face in faces})
    assert len(faces) >= 7835
    assert sum((FOLDER / part.file).stat().st_size for part in parts) < 4e6
    held_out = [face for face in faces if face.split == "valid"]
    assert 0.1 < len(held_out) / len(faces) < 0.16
    assert {face.split for face in faces} == {"train", "valid"}
    assert all(face.coder_a.text for face in faces)
    targets = wild_targets(faces)
    known = targets.units[~np.isnan(targets.units)]
    assert set(known.tolist()) == {0.0, 0.25, 0.5, 0.75, 1.0}
    np.testing.assert_allclose(targets.emotion.sum(axis=1), 1, rtol=1e-6)
    # A target says what the face's own codes say.
    rows = np.random.default_rng(0).choice(len(faces), 200, replace=False)
    for row in rows:
        for place, unit in enumerate(UNITS):
            both = [coding.strength(unit) for coding in faces[row].codings]
            decided = [one > 0 for one in both if one is not None]
            value = targets.units[row, place]
            if not decided:
                assert np.isnan(value)
            elif len(decided) == len(both):
                assert value == np.mean(decided)
