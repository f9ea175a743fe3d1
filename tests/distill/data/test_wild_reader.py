"""MFA-wild: its faces found in the pictures of other data sets, and prepared."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from distill.config import DatasetConfig, load_recipe
from distill.datasets import LayoutError, read_fairface, read_wild
from distill.datasets.tree import DATA_ROOT, ArchiveError, TreesError, open_tree
from distill.datasets.wild import (
    UNITS,
    CodedFace,
    CodesError,
    find_codes,
    load_codes,
    split_of,
)
from distill.datasets.wild.split import rafdb_picture
from distill.faces.pictures import Pictures
from distill.faces.store import load_store
from distill.prepare import prepare
from tests.helpers.wild import coding_of, face_of, write_face

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[3] / "distill" / "configs"
PICTURES = Path(__file__).parents[4] / "shared" / "data" / "fairface_coded.tar"
SMILE = coding_of({6: 1, 12: 2, 25: 2}, [23], emotion="happiness", strength=3, text="A smile.")


def _floats(values: Sequence[object]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)


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
    _shipped(monkeypatch, face_of("FER2013Valid/fer0028638.png", SMILE, set="ferplus"))
    write_face(tmp_path / "ferplus/FER2013Valid/fer0028638.png", 0)
    [face] = read_wild(open_tree(tmp_path))
    assert (face.name, face.split) == ("ferplus/FER2013Valid/fer0028638.png", "valid")
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
    monkeypatch.setenv(DATA_ROOT, str(PICTURES.parent))
    faces = list(read_wild(open_tree(root)))
    assert [face.name for face in faces] == [face.name for face in load_codes()]
    pictures = Pictures(root)
    for face in faces[::800]:
        assert pictures.read(face).std() > 5
