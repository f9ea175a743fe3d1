"""Data sets: official layouts, as folders and as archives, and what is not one of them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from distill.datasets import (
    EMOTIONS,
    READERS,
    LayoutError,
    majority,
    read_affectnet,
    read_ckplus,
    read_ferplus,
    read_rafdb,
    read_unlabelled,
)
from distill.datasets.tree import Tree, open_tree
from mf2_edge.types import Box
from tests.helpers.dataset_trees import (
    affectnet_crops,
    affectnet_lists,
    ckplus_official,
    write_picture,
    write_text,
)


@pytest.fixture(params=["folder", "tar"])
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """Opens a folder of files as it is, or packed into an archive."""

    def open_as(root: Path) -> Tree:
        if request.param == "folder":
            return open_tree(root)
        archive = tmp_path / "set.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(root, arcname=".")
        return open_tree(archive)

    return open_as


def test_ferplus_votes_majority_and_leaks(packed: object, tmp_path: Path) -> None:
    root = tmp_path / "ferplus"
    for split in ("Train", "Valid", "Test"):
        write_picture(root / f"FER2013{split}" / "fer1.png")
        write_picture(root / f"FER2013{split}" / "fer2.png")
        rows = [
            'fer1.png,"(0, 0, 48, 48)",8,1,1,0,0,0,0,0,0,0',
            'gone.png,"(0, 0)",9,0,0,0,0,0,0,0,0,0',
        ]
        rows += ['fer2.png,"(0, 0, 48, 48)",0,0,0,0,2,0,0,2,3,3']
        (root / f"FER2013{split}" / "label.csv").write_text("\n".join(rows) + "\n")
    (root / "test_leaks.txt").write_text("fer2.png\n")
    faces = list(read_ferplus(packed(root)))  # type: ignore[operator]
    assert [(face.name, face.split) for face in faces] == [
        ("FER2013Train/fer1.png", "train"),
        ("FER2013Train/fer2.png", "train"),
        ("FER2013Valid/fer1.png", "valid"),
        ("FER2013Valid/fer2.png", "valid"),
        ("FER2013Test/fer1.png", "test"),
        ("FER2013Test/fer2.png", "leak"),
    ]
    assert [face.emotion for face in faces[:2]] == ["neutral", None]
    assert faces[0].votes is not None
    assert faces[0].votes["happiness"] == 1
    assert faces[0].action_units is None  # nobody coded it: unknown, not absent


def test_rafdb_labels_and_splits(packed: object, tmp_path: Path) -> None:
    root = tmp_path / "rafdb"
    labels = {"train_1": 1, "train_2": 7, "test_1": 4}
    for name in labels:
        write_picture(root / "basic/Image/aligned" / f"{name}_aligned.jpg")
    text = "".join(f"{name}.jpg {label}\n" for name, label in labels.items())
    (root / "basic/EmoLabel").mkdir(parents=True)
    (root / "basic/EmoLabel/list_patition_label.txt").write_text(text + "train_9.jpg 2\n")
    faces = list(read_rafdb(packed(root)))  # type: ignore[operator]
    assert [(face.emotion, face.split) for face in faces] == [
        ("surprise", "train"),
        ("neutral", "train"),
        ("happiness", "test"),
    ]


def test_ckplus_table_codes_subjects_and_emotions(packed: object, tmp_path: Path) -> None:
    root = tmp_path / "ckplus"
    write_text(
        root / "facs.csv",
        "image,subject,sequence,frame,emotion,action_units",
        "apex/a.png,S010,S010_004,apex,happy,4 7 17",
        "apex/b.png,S011,S011_001,apex,,12",
        "neutral/a.png,S010,S010_004,onset,neutral,",
    )
    apex, unnamed, onset = read_ckplus(packed(root))  # type: ignore[operator]
    assert apex.action_units == frozenset({"AU4", "AU7", "AU17"})
    assert apex.coded is None  # all of FACS
    assert onset.action_units == frozenset()  # coded, and nothing there
    assert apex.subject == onset.subject == "S010"
    assert (apex.emotion, unnamed.emotion, onset.emotion) == ("happiness", None, "neutral")


def test_ckplus_table_refuses_a_word_that_is_no_emotion(tmp_path: Path) -> None:
    write_text(
        tmp_path / "facs.csv",
        "image,subject,sequence,frame,emotion,action_units",
        "apex/a.png,S010,S010_004,apex,joy,4",
    )
    with pytest.raises(LayoutError, match=r"apex/a.png has the emotion 'joy'.*happiness"):
        list(read_ckplus(open_tree(tmp_path)))


def test_ckplus_official_layout(packed: object, tmp_path: Path) -> None:
    ckplus_official(tmp_path / "ckplus")
    faces = list(read_ckplus(packed(tmp_path / "ckplus")))  # type: ignore[operator]
    pictures = "cohn-kanade-images"
    assert [(face.name, face.emotion, face.action_units, face.subject) for face in faces] == [
        (f"{pictures}/S005/001/S005_001_00000001.png", "neutral", frozenset(), "S005"),
        (f"{pictures}/S005/001/S005_001_00000003.png", "anger", {"AU4", "AU17"}, "S005"),
        (f"{pictures}/S005/002/S005_002_00000001.png", "neutral", frozenset(), "S005"),
        (f"{pictures}/S005/002/S005_002_00000002.png", None, {"AU12"}, "S005"),
        (f"{pictures}/S010/001/S010_001_00000001.png", "neutral", None, "S010"),
        (f"{pictures}/S010/001/S010_001_00000002.png", None, None, "S010"),
    ]
    assert all(face.whole_frame and face.coded is None for face in faces)


def test_ckplus_official_names_the_line_that_it_cannot_read(tmp_path: Path) -> None:
    ckplus_official(tmp_path)
    write_text(tmp_path / "FACS/S005/002/S005_002_00000002_facs.txt", "12 3", "lips apart")
    with pytest.raises(LayoutError, match=r"line 2 of FACS/S005/002/.*'lips apart'"):
        list(read_ckplus(open_tree(tmp_path)))


@pytest.mark.parametrize("header", [True, False])
def test_affectnet_first_release(packed: object, tmp_path: Path, header: bool) -> None:
    affectnet_lists(tmp_path / "affectnet", header=header)
    faces = list(read_affectnet(packed(tmp_path / "affectnet")))  # type: ignore[operator]
    train = [face for face in faces if face.split == "train"]
    assert [face.emotion for face in train] == [
        *("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
        *(None, None),  # the annotator named none; 10 was no face
    ]
    assert [face.emotion for face in faces if face.split == "valid"] == ["neutral", "contempt"]
    assert all(face.box == Box(5, 6, 40, 42) and not face.whole_frame for face in faces)
    assert all(face.action_units is None for face in faces)


def test_affectnet_later_release(packed: object, tmp_path: Path) -> None:
    affectnet_crops(tmp_path / "affectnet")
    faces = list(read_affectnet(packed(tmp_path / "affectnet")))  # type: ignore[operator]
    assert len(faces) == 18
    valid = {face.name: face.emotion for face in faces if face.split == "valid"}
    assert valid["val_set/images/9.jpg"] == "contempt"
    assert valid["val_set/images/2.jpg"] == "sadness"
    assert {face.box for face in faces} == {None}


def test_affectnet_refuses_labels_it_does_not_know(tmp_path: Path) -> None:
    affectnet_crops(tmp_path)
    np.save(tmp_path / "val_set/annotations/0_exp.npy", np.array("11"))
    with pytest.raises(LayoutError, match=r"0_exp.npy.*from 0 to 10"):
        list(read_affectnet(open_tree(tmp_path)))


def test_rafdb_names_the_line_that_it_cannot_read(tmp_path: Path) -> None:
    write_picture(tmp_path / "basic/Image/aligned/train_1_aligned.jpg")
    write_text(
        tmp_path / "basic/EmoLabel/list_patition_label.txt", "train_1.jpg 1", "train_2.jpg 9"
    )
    with pytest.raises(LayoutError, match=r"line 2 .*'train_2.jpg 9'.*from 1 to 7"):
        list(read_rafdb(open_tree(tmp_path)))


def test_unlabelled_takes_pictures_only(tmp_path: Path) -> None:
    write_picture(tmp_path / "a" / "x.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    [face] = read_unlabelled(open_tree(tmp_path))
    assert (face.name, face.emotion, face.votes) == ("a/x.jpg", None, None)


@pytest.mark.parametrize(
    ("dataset", "looked_for"),
    [
        ("ferplus", "FER2013Train/label.csv"),
        ("rafdb", "basic/EmoLabel/list_patition_label.txt"),
        ("ckplus", "facs.csv"),
        ("ckplus", "cohn-kanade-images/Sxxx/yyy"),
        ("affectnet", "Manually_Annotated_file_lists"),
        ("affectnet", "_set/annotations/*_exp.npy"),
        ("disfa", "ActionUnit_Labels/SNxxx/SNxxx_auN.txt"),
        ("bp4d", "AUCoding/AU_OCC/Fxxx_Tx.csv"),
        ("affwild2-au", "AU_Detection_Challenge/{Train,Validation}_Set"),
        ("affwild2-expr", "EXPR_Recognition_Challenge/{Train,Validation}_Set"),
    ],
)
def test_a_wrong_tree_says_what_it_looked_for(
    dataset: str, looked_for: str, tmp_path: Path
) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(LayoutError) as caught:
        list(READERS[dataset](open_tree(tmp_path)))
    assert looked_for in str(caught.value)
    assert "holiday.jpg" in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "labels", "looked_for"),
    [
        ("rafdb", "basic/EmoLabel/list_patition_label.txt", "basic/Image/aligned"),
        ("ckplus", "FACS/S005/001/S005_001_00000003_facs.txt", "cohn-kanade-images"),
        ("affectnet", "Manually_Annotated_file_lists/training.csv", "Manually_Annotated_Images"),
        ("affectnet", "train_set/annotations/1_exp.npy", "train,val}_set/images"),
        ("disfa", "ActionUnit_Labels/SN001/SN001_au1.txt", "Videos_LeftCamera/LeftVideoSNxxx"),
        ("bp4d", "AUCoding/AU_OCC/F001_T1.csv", "Fxxx/Tx/<frame>.jpg"),
        ("affwild2-au", "AU_Detection_Challenge/Train_Set/a.txt", "cropped_aligned/VIDEO"),
        ("affwild2-expr", "EXPR_Recognition_Challenge/Train_Set/a.txt", "cropped_aligned/VIDEO"),
    ],
)
def test_labels_without_pictures_say_what_is_missing(
    dataset: str, labels: str, looked_for: str, tmp_path: Path
) -> None:
    write_text(tmp_path / labels)
    with pytest.raises(LayoutError) as caught:
        list(READERS[dataset](open_tree(tmp_path)))
    assert looked_for in str(caught.value)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere.*expected a folder or"):
        open_tree(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({"neutral": 6, "sadness": 4}, "neutral"),
        ({"neutral": 5, "sadness": 5}, None),  # no more than half
        ({"neutral": 2, "sadness": 1, "fear": 1, "anger": 1}, "neutral"),  # single votes dropped
        ({"neutral": 1, "sadness": 1}, None),
        ({"not-a-face": 9, "neutral": 1}, None),
        ({"unknown": 4, "happiness": 6}, "happiness"),
    ],
)
def test_majority_rule(votes: dict[str, float], expected: str | None) -> None:
    assert majority(votes) == expected
    assert expected is None or expected in EMOTIONS
