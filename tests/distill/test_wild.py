"""MFA-wild: what its codes mean, who is held out, and the files that come with the project."""

from __future__ import annotations

import gzip
import json
import logging
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from distill.config import DatasetConfig, load_recipe
from distill.datasets import EMOTIONS, LabelledFace, LayoutError, read_fairface, read_wild
from distill.datasets.tree import ArchiveError, TreesError, open_tree
from distill.datasets.wild import (
    REGIONS,
    UNITS,
    CodedFace,
    CodesError,
    find_codes,
    load_codes,
    region_of,
    split_of,
    wild_targets,
)
from distill.datasets.wild.files import FOLDER, read_index, read_lines, save_part, write_lines
from distill.datasets.wild.split import rafdb_picture
from distill.faces.pictures import Pictures
from distill.faces.store import load_store
from distill.prepare import prepare
from distill.prepare import split_of as recipe_split_of
from mf2_edge.facs import ACTION_UNIT_NAMES
from tests.helpers.wild import coding_of, face_of, write_face

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[2] / "distill" / "configs"
PICTURES = Path(__file__).parents[3] / "shared" / "data" / "fairface_coded.tar"
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
    hard = wild_targets(faces, units, disagreement="unknown")
    np.testing.assert_array_equal(
        hard.units, _floats([[1, np.nan, np.nan, np.nan, np.nan, np.nan, 0]])
    )
    assert [faces[0].presence(unit) for unit in ("AU1", "AU2", "AU5", "AU7")] == [
        *(True, None, None, False)
    ]
    assert soft.visible.tolist() == [[1, 1, 1, 0.5, 1]]
    shares = dict(zip(EMOTIONS, soft.emotion[0].tolist(), strict=True))
    assert shares["fear"] == pytest.approx(0.4)
    assert shares["surprise"] == pytest.approx(0.6)
    assert faces[0].agreed_emotion() is None
    assert soft.emotion_strength.tolist() == [2.5]


def test_a_unit_that_both_left_undecided_is_unknown_in_both_ways() -> None:
    face = face_of("train/1.jpg", coding_of(unsure=[10]), coding_of({10: 1}, hidden=["mouth"]))
    for targets in (
        wild_targets([face], ("AU10",), disagreement="soft"),
        wild_targets([face], ("AU10",), disagreement="unknown"),
    ):
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


def _trees(tmp_path: Path) -> Path:
    """Pictures of three coded faces, two of them in a second place as well."""
    write_face(tmp_path / "first/train/1.jpg", 10)
    write_face(tmp_path / "second/train/1.jpg", 90)
    write_face(tmp_path / "second/train/2.jpg", 20)
    write_face(tmp_path / "raf" / rafdb_picture("train_00001.jpg"), 30)
    path = tmp_path / "trees.toml"
    fairface = f'["{tmp_path}/first", "{tmp_path}/second"]'
    path.write_text(f'[trees]\nfairface = {fairface}\nrafdb = ["{tmp_path}/raf"]\n')
    return path


def _shipped(monkeypatch: pytest.MonkeyPatch, *faces: CodedFace) -> None:
    monkeypatch.setattr("distill.datasets.wild.reader.load_codes", lambda: faces)


def test_the_reader_finds_pictures_in_the_data_sets_own_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    doubtful = coding_of({6: 1, 12: 1}, [25], emotion="happiness", emotion2="surprise")
    _shipped(
        monkeypatch,
        face_of("train/1.jpg", SMILE, doubtful, age="20-29", gender="Male", race="White"),
        face_of("train/2.jpg", SMILE),
        face_of("train_00001.jpg", coding_of(), set="rafdb"),
        face_of("A_B_0001.jpg", SMILE, set="lfw"),
    )
    root = _trees(tmp_path)
    with caplog.at_level(logging.WARNING):
        faces = list(read_wild(open_tree(root)))
    assert "1 of 4 coded faces have no picture here" in caplog.text
    assert [face.name for face in faces] == [
        "fairface/train/1.jpg",
        "fairface/train/2.jpg",
        f"rafdb/{rafdb_picture('train_00001.jpg')}",
    ]
    one = faces[0]
    assert one.emotion == "happiness"
    assert one.action_units == frozenset({"AU6", "AU12"})
    assert one.coded == frozenset(UNITS) - {"AU23", "AU25"}
    np.testing.assert_array_equal(
        one.unit_labels(("AU12", "AU4", "AU25", "AU45")), _floats([1, 0, np.nan, np.nan])
    )
    assert one.shares is not None
    assert one.shares["surprise"] == pytest.approx(0.075)
    assert sum(one.shares.values()) == pytest.approx(1)
    assert one.groups == {"age": "20-29", "gender": "Male", "race": "White"}
    pictures = Pictures(root)
    assert [int(pictures.read(face).mean().round()) for face in faces] == [10, 20, 30]
    assert [face.image for face in find_codes([face.name for face in faces])] == [
        *("train/1.jpg", "train/2.jpg", "train_00001.jpg")
    ]
    with pytest.raises(CodesError, match=r"1 of 1 faces are not coded, fairface/train/3.jpg"):
        find_codes(["fairface/train/3.jpg"])


def test_a_folder_of_data_sets_is_read_too_and_a_wrong_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _shipped(monkeypatch, face_of("A_B_0001.jpg", SMILE, set="lfw"))
    write_face(tmp_path / "lfw/A_B_0001.jpg", 0)
    [face] = read_wild(open_tree(tmp_path))
    assert (face.name, face.subject) == ("lfw/A_B_0001.jpg", "A_B")
    with pytest.raises(LayoutError, match="this is not MFA-wild"):
        list(read_wild(open_tree(tmp_path / "lfw")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("trees = ", "is not TOML"),
        ('name = "x"', r"expected a table \[trees\]"),
        ('[trees]\nlfw = "x"', r"trees.lfw is 'x'; expected a list of paths"),
    ],
)
def test_a_toml_of_another_kind_is_refused(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "trees.toml"
    path.write_text(content)
    with pytest.raises(TreesError, match=message):
        open_tree(path)


def test_a_joined_tree_names_what_is_missing_and_where_files_lie(tmp_path: Path) -> None:
    tree = open_tree(_trees(tmp_path))
    assert tree.path("fairface/train/2.jpg") == tmp_path / "second/train/2.jpg"
    with pytest.raises(KeyError):
        tree.read("fairface/train/9.jpg")
    (tmp_path / "raf").rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="raf"):
        open_tree(tmp_path / "trees.toml")
    assert not issubclass(TreesError, ArchiveError)


@pytest.mark.parametrize(
    ("table", "column"), [("labels.csv", "image"), ("fairface_label_train.csv", "file")]
)
def test_fairface_in_both_layouts(table: str, column: str, tmp_path: Path) -> None:
    for image in ("train/1.jpg", "train/2.jpg", "val/1.jpg"):
        write_face(tmp_path / image, 0)
    lines = [f"{column},age,gender,race", "train/1.jpg,0-2,Male,East Asian"]
    lines += ["train/2.jpg,more than 70,Female,Black", "train/3.jpg,3-9,Male,White"]
    (tmp_path / table).write_text("\n".join([*lines, "val/1.jpg,3-9,Male,White"]) + "\n")
    faces = list(read_fairface(open_tree(tmp_path)))
    assert [face.name for face in faces] == ["train/1.jpg", "train/2.jpg", "val/1.jpg"]
    assert [face.split for face in faces] == [
        split_of("fairface", "train/1.jpg"),
        split_of("fairface", "train/2.jpg"),
        "test",
    ]
    assert faces[0].groups == {"age": "0-2", "gender": "Male", "race": "East Asian"}
    assert faces[0].emotion is None
    assert np.isnan(faces[0].unit_labels(UNITS)).all()


def test_what_is_not_fairface_is_refused(tmp_path: Path) -> None:
    write_face(tmp_path / "holiday.jpg", 0)
    with pytest.raises(LayoutError, match=r"not FairFace.*labels.csv"):
        list(read_fairface(open_tree(tmp_path)))
    (tmp_path / "labels.csv").write_text("image,age\nholiday.jpg,3\n")
    with pytest.raises(LayoutError, match=r"no column gender or race of labels\.csv"):
        list(read_fairface(open_tree(tmp_path)))


def test_prepared_faces_keep_distributions_and_what_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _shipped(
        monkeypatch,
        face_of("train/1.jpg", SMILE, coding_of({12: 1}, emotion="neutral", emotion2="anger")),
        face_of("train/2.jpg", coding_of(emotion="contempt")),
    )
    data = DatasetConfig(reader="wild", root=str(_trees(tmp_path)), terms="-", title="T")
    recipe = msgspec.structs.replace(
        load_recipe(CONFIGS / "mf2-edge-base.toml"),
        runs=str(tmp_path / "runs"),
        data={"wild": data},
        folds=None,
        train=msgspec.structs.replace(
            load_recipe(CONFIGS / "mf2-edge-base.toml").train, batch={"wild": 1}
        ),
        emotions=("neutral", "happiness"),
        action_units=("AU12", "AU6", "AU23", "AU45"),
    )
    prepare(recipe, workers=1)
    store = load_store(recipe.cache_folder / "wild")
    np.testing.assert_allclose(store.votes[0], [0.425 / 0.925, 0.5 / 0.925], rtol=1e-6)
    assert np.isnan(store.votes[1]).all()
    assert store.majority.tolist() == [-1, -1]
    # Two coders contradict each other about AU6; one doubts AU23, which is absent for the other.
    expected = _floats([[1, 0.5, 0.25, np.nan], [0, 0, 0, np.nan]])
    assert store.coders.tolist() == [2, 1]
    np.testing.assert_array_equal(store.action_units, expected)
    assert [face.image for face in find_codes(store.names.tolist(), _FACES)] == [
        *("train/1.jpg", "train/2.jpg")
    ]


_FACES = [face_of("train/1.jpg", SMILE), face_of("train/2.jpg", SMILE)]


@pytest.mark.skipif(not PICTURES.is_file(), reason="needs the pictures in ../shared/data")
def test_every_coded_face_has_its_picture_where_the_data_sets_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = CONFIGS / "wild-trees.toml"
    monkeypatch.chdir(CONFIGS.parents[1])
    faces = list(read_wild(open_tree(root)))
    assert [face.name for face in faces] == [face.name for face in load_codes()]
    pictures = Pictures(root)
    for face in faces[::800]:
        assert pictures.read(face).std() > 5


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
