"""Made-up faces, the recipe on them, and where recipes look for data."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from distill.__main__ import main
from distill.config import load_recipe
from distill.datasets import READERS
from distill.datasets.made_up import UNITS, MadeUpError
from distill.datasets.tree import DATA_ROOT, FolderTree, files_of, open_tree
from distill.extended_toml import read_extended
from distill.faces.store import load_store
from distill.prepare import prepare
from mf2_edge.facs import ACTION_UNIT_NAMES

RECIPE = Path(__file__).parents[3] / "distill" / "configs" / "made-up.toml"


def test_drawings_are_always_the_same_and_differ_by_what_they_show() -> None:
    tree = open_tree(Path("made-up:80"))
    faces = list(READERS["made-up"](tree))
    assert len(faces) == 80
    assert {face.split for face in faces} == {"train", "valid"}
    assert {face.emotion for face in faces} == set(UNITS)
    assert set().union(*UNITS.values()) <= set(ACTION_UNIT_NAMES)
    subjects = {face.subject: face.split for face in faces}
    assert all(subjects[face.subject] == face.split for face in faces)
    shown = [(face.subject, face.emotion) for face in faces]
    assert len(set(shown)) == 80  # a subject's second drawing shows another emotion
    assert tree.read(faces[0].name) == open_tree(Path("made-up:80")).read(faces[0].name)
    pictures = {tree.read(face.name) for face in faces}
    assert len(pictures) == 80
    decoded = cv2.imdecode(np.frombuffer(pictures.pop(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (112, 112, 3)


@pytest.mark.parametrize("root", ["made-up:", "made-up:0", "made-up:x", "made-up:999999999"])
def test_a_wrong_number_of_drawings(root: str) -> None:
    with pytest.raises(MadeUpError, match="expected made-up:COUNT"):
        open_tree(Path(root))


def test_the_recipe_prepares_without_any_file(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPE)
    data = {"made_up": msgspec.structs.replace(recipe.data["made_up"], root="made-up:16")}
    prepare(msgspec.structs.replace(recipe, data=data, runs=str(tmp_path)), workers=1)
    store = load_store(tmp_path / "cache" / "made_up")
    assert store.images.shape == (16, 128, 128, 3)
    assert files_of(Path(data["made_up"].root)) == ()


def test_data_lies_in_the_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere" / "rafdb").mkdir(parents=True)
    (tmp_path / "elsewhere" / "rafdb" / "picture.jpg").write_bytes(b"x")
    (tmp_path / "trees.toml").write_text('[trees]\nrafdb = ["elsewhere/rafdb"]\n')
    with pytest.raises(FileNotFoundError, match="--data-root, or MF2_EDGE_DATA"):
        open_tree(Path("elsewhere/rafdb"))
    monkeypatch.setenv(DATA_ROOT, str(tmp_path))
    tree = open_tree(Path("elsewhere/rafdb"))
    assert isinstance(tree, FolderTree)
    assert tree.names() == ["picture.jpg"]
    assert open_tree(tmp_path / "trees.toml").names() == ["rafdb/picture.jpg"]
    assert files_of(tmp_path / "trees.toml") == (tmp_path / "elsewhere" / "rafdb",)
    with pytest.raises(FileNotFoundError):
        open_tree(Path("/elsewhere/rafdb"))  # what says exactly where it is stays there


def test_recipes_name_their_data_relative_to_its_folder() -> None:
    files = [read_extended(path) for path in RECIPE.parent.glob("*.toml")]
    roots = [data["root"] for file in files for data in file.get("data", {}).values()]
    roots += [root for file in files for named in file.get("trees", {}).values() for root in named]
    assert len(roots) > 10
    assert not [root for root in roots if Path(root).is_absolute() or ".." in Path(root).parts]


def test_the_option_says_where_data_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(DATA_ROOT, "")
    recipe = RECIPE.parent / "mf2-edge-base.toml"
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "--config", str(recipe), "--data-root", str(tmp_path)]) == 2
    assert "no data set at" in capsys.readouterr().err
