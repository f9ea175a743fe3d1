"""A sentence as a head: a direction in the text space, read relative to faces without labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import torch

from distill.__main__ import main
from distill.adapting.frozen import open_frozen
from distill.adapting.text.head import load_text_head, make_text_head, read_faces
from distill.adapting.text.sheet import write_sheet
from distill.adapting.text.space import open_text_space
from distill.faces.batches import centre_tensor
from distill.faces.store import load_store
from distill.language.encode_text import encode_texts
from distill.training.checkpoint import CheckpointError, save_network
from tests.helpers.mfa.records import write_cache
from tests.helpers.tiny_teacher import write_teacher

pytestmark = pytest.mark.slow

FACES = 40
SENTENCE = "a person who smiles"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MF² of random weights, faces of noise, and the head of a sentence."""
    folder = tmp_path_factory.mktemp("text")
    write_teacher(folder / "mf2.pt")
    write_cache(folder / "faces", FACES)
    assert main(command(folder)) == 0
    return folder


def command(folder: Path, **changes: str) -> list[str]:
    options = {
        "text": SENTENCE,
        "faces": str(folder / "faces"),
        "task": "smile",
        "checkpoint": str(folder / "mf2.pt"),
        "out": str(folder / "out"),
    } | changes
    return ["adapt", *(part for key, value in options.items() for part in (f"--{key}", value))]


def test_an_answer_is_the_share_of_faces_that_are_less_like_the_sentence(folder: Path) -> None:
    head = load_text_head(folder / "out" / "smile" / "head.pt", folder / "mf2.pt")
    network, loaded = open_frozen(folder / "mf2.pt")
    store = load_store(folder / "faces")
    vectors = read_faces(folder / "mf2.pt", head.space, store.images)
    likeness = vectors @ encode_texts([SENTENCE])[0]
    with torch.inference_mode():
        reading = network.read(centre_tensor(loaded.recipe, store.images[:5]))
    np.testing.assert_allclose(reading.face_text.numpy(), vectors[:5], atol=1e-5)
    answers = head.answers(likeness)
    rank = likeness.argsort().argsort() / (FACES - 1)
    np.testing.assert_allclose(answers, rank, atol=0.02)
    assert (head.card.sentence, head.card.faces) == (SENTENCE, FACES)
    assert head.answers(np.array([1.0, -1.0])).tolist() == [1, 0]  # as like it as can be, and not


def test_a_network_that_never_learned_the_text_space_reads_no_sentence(folder: Path) -> None:
    network, loaded = open_frozen(folder / "mf2.pt")
    recipe = msgspec.structs.replace(loaded.recipe, texts=None, teacher=None, distillation=None)
    save_network(network, recipe, loaded.stage, folder / "deaf.pt")
    store = load_store(folder / "faces")
    with pytest.raises(CheckpointError, match="never learned the text space"):
        make_text_head("smile", SENTENCE, folder / "deaf.pt", store.images, "faces")


def test_the_sheet_shows_the_faces_most_and_least_like_it(folder: Path) -> None:
    sheet = cv2.imread(str(folder / "out" / "smile" / "sheet.jpg"))
    assert sheet is not None
    assert sheet.shape == (2 * (2 * 128 + 8), 8 * 128, 3)
    store = load_store(folder / "faces")
    network = folder / "mf2.pt"
    likeness = read_faces(network, open_text_space(network), store.images)
    likeness = likeness @ encode_texts([SENTENCE])[0]
    best = store.images[likeness.argmax()][..., ::-1].astype(float)
    shown = sheet[:128, :128].astype(float)
    assert np.corrcoef(best.mean(axis=2).ravel(), shown.mean(axis=2).ravel())[0, 1] > 0.8


def test_a_group_of_a_sheet_starts_a_line_of_its_own(tmp_path: Path) -> None:
    dark, light = np.zeros((3, 8, 8, 3), np.uint8), np.full((2, 8, 8, 3), 200, np.uint8)
    write_sheet([dark, light], tmp_path / "sheet.jpg", columns=2)
    sheet = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert sheet is not None
    assert sheet.shape == (16 + 8 + 8 + 8, 16, 3)
    assert sheet[:8].mean() < 10
    assert sheet[26:30].mean() == pytest.approx(200, abs=5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": "  "}, "--text is empty"),
        ({"faces": "nowhere"}, "--faces nowhere: no such folder"),
        ({"task": "../up"}, "expected letters"),
        ({"checkpoint": "nothing.pt"}, "no checkpoint at nothing.pt"),
    ],
)
def test_what_is_missing_is_said(
    folder: Path, changes: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(folder, **changes)) == 2
    assert message in capsys.readouterr().err


def test_labels_and_a_sentence_are_not_mixed(folder: Path) -> None:
    for changes in ({"data": "labels.csv"}, {"data": "labels.csv", "images": "photos"}):
        with pytest.raises(SystemExit):
            main(command(folder, **changes))
    with pytest.raises(SystemExit):
        main(["adapt", "--task", "smile"])


def test_a_head_of_another_network_is_refused(folder: Path) -> None:
    write_teacher(folder / "other.pt", seed=1)
    with pytest.raises(CheckpointError, match="belongs to the network with"):
        load_text_head(folder / "out" / "smile" / "head.pt", folder / "other.pt")
    with pytest.raises(CheckpointError, match="make one first"):
        load_text_head(folder / "none.pt", folder / "mf2.pt")
    with pytest.raises(CheckpointError, match="is not a head"):
        load_text_head(folder / "mf2.pt", folder / "mf2.pt")
