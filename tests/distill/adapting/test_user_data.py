"""A user's table of labels: how it is read, split, and refused with its rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from distill.adapting.user_data.labels import LabelsError, UserLabels, read_labels
from distill.adapting.user_data.split import group_folds, split_rows

PICTURES = 60


def table(path: Path, header: str, row: Callable[[int], str], count: int = PICTURES) -> Path:
    lines = [header, *(row(number) for number in range(count))]
    path.write_text("\n".join(lines) + "\n")
    return path


def write(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


def test_the_table_is_read_as_spreadsheets_write_it(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("\ufeffimage, AU9 ,AU10\r\nb.png,1.0,\r\n\r\na.png,0,1\r\n".encode())
    labels = read_labels(path)
    assert (labels.kind, labels.labels) == ("multi-label", ("AU9", "AU10"))
    assert labels.images.tolist() == ["a.png", "b.png"]
    assert labels.rows.tolist() == [4, 2]
    np.testing.assert_array_equal(labels.targets, [[0, 1], [1, np.nan]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: no column `image`"),
        ("image;label\na;b\n", "row 1: no column `image` among image;label"),
        ("image,label\n", "no rows"),
        ("image,label,label\na,b,c\n", "row 1: .*'label'"),
        ("image,label,mood\na,b,c\n", "row 1: unknown columns beside `label`: mood"),
        ("image,label,score\na,b,1\n", "row 1: unknown columns beside `label`: score"),
        ("image,score,AU1\na,1,1\n", "row 1: unknown columns beside `score`: AU1"),
        ("image,AU1\na,1\n", "row 1: expected .*only `AU1`"),
        ("image,subject\na,S1\n", "row 1: expected .*found none"),
        ("image,label\na,b\nc\n", "row 3: expected 2 cells"),
        ("image,label\na,b\n,c\n", "row 3: image is empty"),
        ("image,label\na,b\nc,\n", "row 3: label is empty"),
        ("image,label\na,b\nc,d\na,e\n", "rows 2, 4: the same image"),
        ("image,subject,label\na,,b\n", "row 2: subject is empty"),
        ("image,split,label\na,test,b\n", "row 2: split has to be train or valid"),
        ("image,score\na,1\nb,high\nc,\nd,nan\n", "rows 3, 4, 5: score is not a number"),
        ("image,AU1,AU2\na,1,0\nb,2,0\n", "row 3: `AU1` is neither 0 nor 1"),
        ("image,AU1,note\na,1,blurred\n", "row 2: `note` .*unknown column"),
        ('image,label\na,"b\n', "not a comma-separated table"),
    ],
)
def test_a_bad_table_is_refused_with_its_rows(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(LabelsError, match=message):
        read_labels(write(tmp_path, text))


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes("image,label\na,fröhlich\n".encode("latin-1"))
    with pytest.raises(LabelsError, match="UTF-8"):
        read_labels(path)
    with pytest.raises(FileNotFoundError, match="no table of labels"):
        read_labels(tmp_path / "none.csv")


def read(folder: Path, header: str, row: Callable[[int], str], count: int = 30) -> UserLabels:
    return read_labels(table(folder / "labels.csv", header, row, count))


def numbered(labels: UserLabels) -> np.ndarray[tuple[int, ...], np.dtype[np.str_]]:
    return np.array([f"bytes of {image}" for image in labels.images])


def halves(n: int) -> str:
    return "train" if n < 20 else "valid"


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("image,label", lambda n: f"{n:02},same", r"rows 2, .*: one class only \(same\)"),
        (
            "image,label",
            lambda n: f"{n:02},{'rare' if n in (4, 7) else 'ab'[n % 2]}",
            "rows 6, 9: the table has 2 of the class rare",
        ),
        (
            "image,split,label",
            lambda n: f"{n:02},{halves(n)},{'late' if n > 20 else 'ab'[n % 2]}",
            "the training part has 0 of the class late",
        ),
        (
            "image,split,label",
            lambda n: f"{n:02},{halves(n)},{'a' if n % 2 or n >= 20 else 'b'}",
            "rows 22, .*: the validation part holds one answer only",
        ),
        (
            "image,AU1,AU2",
            lambda n: f"{n:02},{n % 2},{1 if n == 8 else ''}",
            "the table has 0 of `AU2` = 0",
        ),
        (
            "image,AU1,AU2",
            lambda n: f"{n:02},{n % 2},{int(n in (3, 5))}",
            "rows 5, 7: the table has 2 of `AU2` = 1",
        ),
        ("image,score", lambda n: f"{n:02},4.5", "rows 2, .*two different scores"),
        (
            "image,split,score",
            lambda n: f"{n:02},{halves(n)},{min(n, 20)}",
            "rows 22, .*: the validation part holds one score only",
        ),
        ("image,split,score", lambda n: f"{n:02},train,{n}", "rows .*: no row of the split valid"),
        (
            "image,subject,split,score",
            lambda n: f"{n:02},S{n % 19},{halves(n)},{n}",
            "the same subject in both parts",
        ),
        (
            "image,subject,split,score",
            lambda n: f"{n:02},{'S1' if n < 20 else 'S2'},{halves(n)},{n}",
            "all of one subject, but calibration",
        ),
        ("image,subject,score", lambda n: f"{n:02},S1,{n}", "all of one subject, so none"),
    ],
)
def test_labels_that_cannot_be_learned_or_judged_are_refused(
    tmp_path: Path, header: str, row: Callable[[int], str], message: str
) -> None:
    labels = read(tmp_path, header, row)
    with pytest.raises(LabelsError, match=message):
        split_rows(labels, numbered(labels), seed=0)


def test_copies_across_the_split_are_refused(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,split,score", lambda n: f"{n:02},{halves(n)},{n}")
    digests = numbered(labels)
    digests[25] = digests[3]
    with pytest.raises(LabelsError, match="rows 5, 27: copies of one picture"):
        split_rows(labels, digests, seed=0)


def test_copies_stay_together_where_the_table_has_no_split(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,label", lambda n: f"{n:02},{'ab'[n // 2 % 2]}")
    digests = np.array([f"picture {n // 2}" for n in range(30)])
    for seed in range(5):
        parts = split_rows(labels, digests, seed)
        assert not set(digests[parts.train]) & set(digests[parts.valid])


def test_a_fifth_of_the_subjects_is_held_out_by_the_seed(tmp_path: Path) -> None:
    labels = read(tmp_path, "image,subject,label", lambda n: f"{n:02},S{n % 10},{'ab'[n // 15]}")
    assert labels.subjects is not None
    drawn = [split_rows(labels, numbered(labels), seed) for seed in (0, 0, 1, 2)]
    for parts in drawn:
        held_out = set(labels.subjects[parts.valid])
        assert len(held_out) == 2
        assert not held_out & set(labels.subjects[parts.train])
        assert len(parts.train) + len(parts.valid) == 30
    np.testing.assert_array_equal(drawn[0].valid, drawn[1].valid)
    assert len({tuple(parts.valid) for parts in drawn}) > 1


def test_rare_labels_and_scores_are_spread_over_the_folds() -> None:
    groups = np.array([str(number) for number in range(50)])
    rare = np.zeros((50, 2), dtype=np.float32)
    rare[:, 0] = np.arange(50) % 2
    rare[:5, 1] = 1
    folds = group_folds("multi-label", rare, groups, 5, seed=0)
    assert sorted(folds[:5]) == [0, 1, 2, 3, 4]
    scores = np.arange(50, dtype=np.float32)[:, None]
    folds = group_folds("score", scores, groups, 5, seed=0)
    means = [scores[folds == number].mean() for number in range(5)]
    assert np.ptp(means) < 8
