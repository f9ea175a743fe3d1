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
from distill.adapting.user_data.labels import LabelsError, read_labels
from distill.adapting.user_data.split import picture_digests
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
