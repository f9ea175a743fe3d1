"""Data sets: official layouts, as folders and as archives, and what is not one of them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from distill.datasets import (
    EMOTIONS,
    LayoutError,
    majority,
    read_ckplus,
    read_ferplus,
    read_rafdb,
    read_unlabelled,
)
from distill.tree import Tree, open_tree


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
        _image(root / f"FER2013{split}" / "fer1.png")
        _image(root / f"FER2013{split}" / "fer2.png")
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
        _image(root / "basic/Image/aligned" / f"{name}_aligned.jpg")
    text = "".join(f"{name}.jpg {label}\n" for name, label in labels.items())
    (root / "basic/EmoLabel").mkdir(parents=True)
    (root / "basic/EmoLabel/list_patition_label.txt").write_text(text + "train_9.jpg 2\n")
    faces = list(read_rafdb(packed(root)))  # type: ignore[operator]
    assert [(face.emotion, face.split) for face in faces] == [
        ("surprise", "train"),
        ("neutral", "train"),
        ("happiness", "test"),
    ]


def test_ckplus_codes_and_subjects(packed: object, tmp_path: Path) -> None:
    root = tmp_path / "ckplus"
    root.mkdir()
    (root / "facs.csv").write_text(
        "image,subject,sequence,frame,emotion,action_units\n"
        "apex/a.png,S010,S010_004,apex,anger,4 7 17\n"
        "neutral/a.png,S010,S010_004,onset,neutral,\n"
    )
    apex, onset = read_ckplus(packed(root))  # type: ignore[operator]
    assert apex.action_units == frozenset({"AU4", "AU7", "AU17"})
    assert onset.action_units == frozenset()  # coded, and nothing there
    assert apex.subject == onset.subject == "S010"


def test_unlabelled_takes_pictures_only(tmp_path: Path) -> None:
    _image(tmp_path / "a" / "x.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    [face] = read_unlabelled(open_tree(tmp_path))
    assert (face.name, face.emotion, face.votes) == ("a/x.jpg", None, None)


@pytest.mark.parametrize(
    ("reader", "looked_for"),
    [
        (read_ferplus, "FER2013Train/label.csv"),
        (read_rafdb, "basic/EmoLabel/list_patition_label.txt"),
        (read_ckplus, "facs.csv"),
    ],
)
def test_a_wrong_tree_says_what_it_looked_for(
    reader: object, looked_for: str, tmp_path: Path
) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(LayoutError, match=looked_for) as caught:
        list(reader(open_tree(tmp_path)))  # type: ignore[operator]
    assert "holiday.jpg" in str(caught.value)


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


def _image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((48, 48, 3), np.uint8))
