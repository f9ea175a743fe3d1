"""Prepare: what a store keeps of labels, and which part of a picture it aligns."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from distill.config import DatasetConfig, Recipe, load_recipe
from distill.datasets import LayoutError
from distill.faces.store import LABELS, FaceStore, load_store
from distill.prepare import prepare
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.types import Box
from tests.helpers.dataset_trees import (
    SAMPLE,
    affectnet_lists,
    bp4d_codes,
    disfa_labels,
    write_picture,
    write_text,
)
from tests.helpers.tiny_training import RECIPE


def _prepared(folder: Path, reader: str, **changes: object) -> tuple[Recipe, FaceStore]:
    data = {reader: DatasetConfig(reader=reader, root=str(folder / "set"), terms="-", title="T")}
    shipped, replace = load_recipe(RECIPE), msgspec.structs.replace
    alone = replace(shipped.train, batch={reader: 1})
    runs = str(folder / "runs")
    recipe = replace(shipped, runs=runs, data=data, train=alone, folds=None, **changes)
    prepare(recipe, workers=1)
    return recipe, load_store(recipe.cache_folder / reader)


def test_units_that_were_not_looked_for_are_unknown_and_others_absent(tmp_path: Path) -> None:
    bp4d_codes(tmp_path / "set", "F001_T1", (1, 2, 4), ["1,1,0,9", "2,0,0,0"])
    for frame in (1, 2):
        write_picture(tmp_path / f"set/F001/T1/{frame}.jpg")
    recipe, store = _prepared(tmp_path, "bp4d")
    columns = [recipe.action_units.index(unit) for unit in ("AU1", "AU2", "AU4", "AU12")]
    # AU2 is absent although no face of the set shows it: a coder looked for it.
    expected = [[1, 0, np.nan, np.nan], [0, 0, 0, np.nan]]
    np.testing.assert_array_equal(store.action_units[:, columns], expected)
    assert store.subjects.tolist() == ["F001", "F001"]
    assert np.isnan(store.votes).all()
    assert (store.majority == -1).all()


def test_an_emotion_label_is_one_vote_and_one_the_recipe_lacks_is_none(tmp_path: Path) -> None:
    write_text(
        tmp_path / "set/facs.csv",
        "image,subject,sequence,frame,emotion,action_units",
        "a.png,S1,1,apex,happy,12",
        "b.png,S1,1,onset,neutral,",
        "c.png,S1,2,apex,contempt,14",
        "d.png,S1,3,apex,,14",
    )
    for name in "abcd":
        write_picture(tmp_path / f"set/{name}.png")
    emotions = ("neutral", "happiness", "anger")
    _, store = _prepared(tmp_path, "ckplus", emotions=emotions)
    assert store.majority.tolist() == [1, 0, -1, -1]
    expected = [[0, 1, 0], [1, 0, 0], [np.nan] * 3, [np.nan] * 3]
    np.testing.assert_array_equal(store.votes, expected)


def test_a_box_and_a_whole_frame_give_the_face_of_the_product(tmp_path: Path) -> None:
    """AffectNet's boxes and DISFA's frames both hold a photograph with a known face."""
    photograph = cv2.imread(str(SAMPLE))
    assert photograph is not None
    rgb = np.asarray(cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    [face] = BlazeFaceDetector().detect(rgb)
    assert face.landmarks is not None

    disfa = tmp_path / "disfa"
    disfa_labels(disfa / "set", {"SN001": {12: (4,)}})
    (disfa / "set/SN001").mkdir(parents=True)
    cv2.imwrite(str(disfa / "set/SN001/1.png"), photograph)
    recipe, store = _prepared(disfa, "disfa")
    expected = align(rgb, face.landmarks, recipe.alignment, recipe.margin)
    np.testing.assert_array_equal(store.images[0], expected)
    assert store.aligned.all()

    affectnet = tmp_path / "affectnet"
    box = Box(*(round(v) for v in (face.box.x, face.box.y, face.box.width, face.box.height)))
    write_text(
        affectnet / "set/Manually_Annotated_file_lists/training.csv",
        f"aa/1.png,{box.x},{box.y},{box.width},{box.height},0;0,1,0,0",
    )
    (affectnet / "set/Manually_Annotated_Images/aa").mkdir(parents=True)
    cv2.imwrite(str(affectnet / "set/Manually_Annotated_Images/aa/1.png"), photograph)
    _, store = _prepared(affectnet, "affectnet")
    inside = BlazeFaceDetector().refine(rgb, box)
    assert inside is not None
    assert inside.landmarks is not None
    expected = align(rgb, inside.landmarks, recipe.alignment, recipe.margin)
    np.testing.assert_array_equal(store.images[0], expected)
    assert store.aligned.all()


def test_a_box_without_a_face_is_resized_by_itself(tmp_path: Path) -> None:
    affectnet_lists(tmp_path / "set")
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[6:48, 5:45] = 200  # the box of all rows
    for path in (tmp_path / "set/Manually_Annotated_Images").rglob("*.jpg"):
        cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
    _, store = _prepared(tmp_path, "affectnet")
    assert not store.aligned.any()
    assert np.asarray(store.images).min() > 150  # nothing of the black around it


def test_a_data_set_whose_pictures_are_elsewhere_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "set/AUCoding/F001_T1.csv", "0,1", "5,1")
    write_picture(tmp_path / "set/F001/T1/6.jpg")
    with pytest.raises(LayoutError, match="no picture to them"):
        _prepared(tmp_path, "bp4d")


def test_a_changed_label_is_read_anew_and_its_face_not_aligned_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two faces of which one is coded otherwise later, and a third that comes then."""
    lines = ["image,subject,sequence,frame,emotion,action_units", "a.png,S1,1,apex,happy,12"]
    write_text(tmp_path / "set/facs.csv", *lines, "b.png,S1,2,apex,sadness,4")
    for name in ("a", "b"):
        write_picture(tmp_path / f"set/{name}.png")
    recipe, before = _prepared(tmp_path, "ckplus")
    folder = recipe.cache_folder / "ckplus"
    stamp = (folder / LABELS).stat().st_mtime_ns
    prepare(recipe, workers=1)  # nothing changed
    assert (folder / LABELS).stat().st_mtime_ns == stamp
    marked = np.load(folder / "images.npy", mmap_mode="r+")
    marked[1] = 7  # what no alignment gives: told apart from a face that is aligned again
    marked.flush()
    write_text(
        tmp_path / "set/facs.csv",
        *lines,
        "b.png,S1,2,apex,sadness,4 15",
        "c.png,S1,3,apex,sadness,4",
    )
    write_picture(tmp_path / "set/c.png")
    prepare(recipe, workers=1)
    after = load_store(folder)
    assert "its faces or labels changed" in caplog.text
    column = recipe.action_units.index("AU15")
    assert after.names.tolist() == [*before.names.tolist(), "c.png"]
    assert after.action_units[:, column].tolist() == [0, 1, 0]
    assert (after.images[1] == 7).all()
    assert not (after.images[2] == 7).all()
    assert after.aligned.tolist()[:2] == before.aligned.tolist()
    (tmp_path / "set/facs.csv").unlink()
    (tmp_path / "set").rename(tmp_path / "away")
    prepare(recipe, workers=1)  # the cache is all that is left, and stays
    assert load_store(folder).names.tolist() == after.names.tolist()
