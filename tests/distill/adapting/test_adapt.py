"""`python -m distill adapt`: a user's table, what is refused, and heads learned from it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from distill.__main__ import main
from distill.adapting import calibrate_head
from distill.adapting.frozen import file_digest, open_frozen
from distill.adapting.heads import load_head
from distill.adapting.user_data.faces import align_pictures
from distill.adapting.user_data.labels import LabelsError, UserLabels, read_labels
from distill.adapting.user_data.split import group_folds, picture_digests, split_rows
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align
from mf2_edge.pipeline.detect import BlazeFaceDetector
from tests.helpers.dataset_trees import SAMPLE
from tests.helpers.tiny_teacher import stripes, write_picture, write_teacher

pytestmark = pytest.mark.slow

PICTURES = 60


@pytest.fixture(autouse=True)
def _few_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibration trains a network a fold."""
    monkeypatch.setattr(calibrate_head, "FOLDS", 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MF² and pictures 0.png...: every other one striped across, thicker and thicker."""
    folder = tmp_path_factory.mktemp("adapt")
    write_teacher(folder / "mf2.pt")
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        write_picture(folder / f"{number}.png", stripes(bool(number % 2), 3 + number // 6, rng))
    return folder


def table(path: Path, header: str, row: Callable[[int], str], count: int = PICTURES) -> Path:
    lines = [header, *(row(number) for number in range(count))]
    path.write_text("\n".join(lines) + "\n")
    return path


def write(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


def adapt(folder: Path, task: str, data: Path) -> int:
    places = ["--images", str(folder), "--out", str(folder / "out")]
    network = ["--checkpoint", str(folder / "mf2.pt")]
    return main(["adapt", "--data", str(data), "--task", task, *places, *network])


def results(folder: Path, task: str) -> dict[str, AccuracySpec]:
    file = folder / "out" / task / "results.json"
    found = msgspec.json.decode(file.read_bytes(), type=list[AccuracySpec])
    return {result.metric: result for result in found}


def test_three_tasks_beside_one_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backbone = file_digest(folder / "mf2.pt")
    direction = table(
        folder / "direction.csv",
        "image,label",
        lambda n: f"{n}.png,{'across' if n % 2 else 'along'}",
    )
    assert adapt(folder, "direction", direction) == 0
    assert re.search(r"no face found in \d+ of 60 pictures", capsys.readouterr().out)
    figures = results(folder, "direction")
    assert figures["accuracy"].value > 0.8
    assert set(figures["macro F1"].labels) == {"across", "along"}
    assert figures["accuracy"].n == 12
    head = load_head(folder / "out/direction/head.pt", folder / "mf2.pt")
    assert head.card.labels == ("across", "along")
    assert head.card.calibration.multi_class is not None
    first = (folder / "out/direction/head.pt").read_bytes()

    both = table(
        folder / "both.csv",
        "image,subject,across,thick,chance",
        lambda n: f"{n}.png,S{n // 4},{n % 2},{'' if n % 5 == 0 else int(n > 30)},{n // 2 % 2}",
    )
    assert adapt(folder, "both", both) == 0
    figures = results(folder, "both")
    assert "by subject" in figures["mean F1"].split
    assert figures["mean F1"].labels["across"].value > 0.7
    head = load_head(folder / "out/both/head.pt", folder / "mf2.pt")
    assert head.card.calibration.multi_label is not None
    assert "out-of-fold" in head.card.calibration.multi_label["across"].fitted_on

    score = table(folder / "score.csv", "image,score", lambda n: f"{n}.png,{100 + n / 2}")
    assert adapt(folder, "thickness", score) == 0
    figures = results(folder, "thickness")
    assert figures["mean absolute error"].value < 7  # a constant would be off by 7.5
    assert figures["concordance correlation"].value > 0.5
    assert figures["Pearson correlation"].value > 0.5

    assert (folder / "out/direction/head.pt").read_bytes() == first
    assert file_digest(folder / "mf2.pt") == backbone
    # The pictures were aligned and read once for all three tasks.
    assert len(list((folder / "out/cache").glob("hidden-*[!s].npy"))) == 1


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


def test_missing_files_are_refused_with_their_rows(folder: Path, tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, "image,score\nx.png,1\n0.png,2\ny.png,3\n"))
    with pytest.raises(LabelsError, match=r"rows 2, 4: no such file .*x\.png"):
        picture_digests(labels, folder)
    with pytest.raises(FileNotFoundError, match="no folder of pictures"):
        picture_digests(labels, folder / "none")


def test_many_rows_are_named_in_short(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "labels.csv", "image,score", lambda n: f"none{n}.png,{n}", 30)
    with pytest.raises(LabelsError, match=r"rows 2, 3, 4, .*, 11 and 20 more: no such file"):
        picture_digests(read_labels(path), folder)


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


def test_photographs_and_crops_are_aligned_as_the_product_does(
    folder: Path, tmp_path: Path
) -> None:
    photograph = read_image(SAMPLE)
    shutil.copy(SAMPLE, tmp_path / "photo.jpg")
    face = BlazeFaceDetector().detect(photograph)[0]
    box = face.box
    room = int(0.25 * box.width)  # a detector's box leaves out forehead and chin
    top, left = int(box.y) - room, int(box.x) - room
    size = int(box.width) + 2 * room
    crop = photograph[top : top + size, left : left + size]
    write_picture(tmp_path / "crop.png", np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)))
    shutil.copy(folder / "0.png", tmp_path / "nobody.png")
    labels = read_labels(write(tmp_path, "image,score\ncrop.png,1\nnobody.png,2\nphoto.jpg,3\n"))
    recipe = open_frozen(folder / "mf2.pt")[1].recipe
    cut = recipe.alignment, recipe.margin
    digests = picture_digests(labels, tmp_path)
    faces = align_pictures(labels, digests, tmp_path, *cut, tmp_path / "cache", 1)
    assert faces.unaligned.tolist() == [False, True, False]
    images = np.load(faces.images)
    assert face.landmarks is not None
    expected = align(photograph, face.landmarks, recipe.alignment, recipe.margin)
    np.testing.assert_array_equal(images[2], expected)
    middle = (slice(8, -8), slice(8, -8))
    alike = np.corrcoef(images[0][middle].ravel(), expected[middle].ravel())[0, 1]
    assert alike > 0.85, "the crop's face lies elsewhere than the photograph's"

    (tmp_path / "nobody.png").write_bytes(b"no picture")
    digests = picture_digests(labels, tmp_path)
    with pytest.raises(LabelsError, match=r"row 3: not a picture .*nobody\.png"):
        align_pictures(labels, digests, tmp_path, *cut, tmp_path / "cache", 1)


def test_the_command_says_what_is_wrong(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path, "image,label\nnone.png,a\n")
    assert adapt(folder, "broken", data) == 2
    assert "distill adapt: row 2: no such file" in capsys.readouterr().err
    assert adapt(folder, "../broken", data) == 2
    assert "--task '../broken'" in capsys.readouterr().err
    assert not (folder / "out" / "broken").exists()
