"""DFN: cached hidden states of a frozen MF², the side network, heads beside one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill.adapting.frozen import file_digest, open_frozen
from distill.adapting.heads import Head, HeadCard, load_head, save_head
from distill.adapting.hidden import HiddenStates, hidden_states
from distill.adapting.task_metrics import concordance, pearson
from distill.adapting.train_dfn import FaceOrder, Schedule, Task, predict_dfn, train_dfn
from distill.adapting.user_data.labels import Kind
from distill.faces.augment import centre
from distill.faces.batches import to_tensor
from distill.networks.dfn import DFN, Layout
from distill.training.checkpoint import CheckpointError
from mf2_edge.bundle.head_schema import TaskCalibration
from mf2_edge.bundle.schema import ActionUnitCalibration, EmotionCalibration
from tests.helpers.heads import read_tasks
from tests.helpers.tiny_teacher import stripes, write_teacher

pytestmark = pytest.mark.slow

FACES = 60
SHORT = Schedule(least_steps=60, most_steps=60, batch=32)
LAYOUT = Layout((3, 4, 5), 6, 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MF² and aligned faces: every other one striped across, thicker and thicker."""
    folder = tmp_path_factory.mktemp("dfn")
    write_teacher(folder / "mf2.pt")
    rng = np.random.default_rng(0)
    faces = [stripes(bool(n % 2), 3 + n // 6, rng) for n in range(FACES)]
    np.save(folder / "faces.npy", np.stack(faces))
    return folder


def make(folder: Path, faces: int = FACES, checkpoint: str = "mf2.pt") -> HiddenStates:
    return hidden_states(
        folder / checkpoint,
        folder / "faces.npy",
        np.arange(faces),
        folder / "cache",
        views=2,
        seed=0,
        workers=1,
    )


@pytest.fixture(scope="module")
def states(folder: Path) -> HiddenStates:
    return make(folder)


def targets(kind: Kind) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Direction as two classes; direction and thickness as labels, a third unknown; thickness."""
    place = np.arange(FACES)
    if kind == "multi-class":
        return np.eye(2, dtype=np.float32)[place % 2]
    if kind == "multi-label":
        labels = np.stack([place % 2, place > 30], axis=1).astype(np.float32)
        labels[place % 3 == 0, 1] = np.nan
        return labels
    return ((place[:, None] - 29.5) / 17.3).astype(np.float32)


def test_the_first_view_is_what_the_product_sees(folder: Path, states: HiddenStates) -> None:
    mf2, loaded = open_frozen(folder / "mf2.pt")
    faces = np.load(folder / "faces.npy")[:3]
    cut = np.stack([centre(face, 112, 112) for face in faces])
    with torch.inference_mode():
        reading = mf2.read(to_tensor(cut, loaded.recipe.preprocessing))
    stages, tokens = states.layout.split(torch.from_numpy(states.values[:3, 0]).float())
    for made, read in zip((*stages, tokens), (*reading.stages, reading.tokens), strict=True):
        torch.testing.assert_close(made, read, rtol=2e-3, atol=2e-3)
    assert not np.allclose(states.values[0, 0], states.values[0, 1], atol=1e-2)
    assert not np.allclose(states.values[0, 1], states.values[0, 2], atol=1e-2)


def test_hidden_states_are_made_once_and_go_on_after_a_kill(
    folder: Path, states: HiddenStates
) -> None:
    whole = np.array(states.values)
    on_disk = np.load(states.path, mmap_mode="r+")
    on_disk[0] = 7  # a mark that making it again would wipe out
    on_disk[5] = 0
    marks = np.load(states.path.with_suffix(".marks.npy"), mmap_mode="r+")
    marks[5] = 0  # as a kill leaves a face that is not done
    again = make(folder)
    assert again.path == states.path
    assert (again.values[0] == 7).all()
    np.testing.assert_array_equal(again.values[1:], whole[1:])
    again.values[0] = whole[0]


def test_other_faces_and_another_mf2_have_files_of_their_own(
    folder: Path, states: HiddenStates
) -> None:
    write_teacher(folder / "other.pt", seed=1)
    paths = {make(folder, 2).path, make(folder, 2, "other.pt").path, states.path}
    assert len(paths) == 3


@pytest.mark.parametrize("kind", ["multi-class", "multi-label", "score"])
def test_a_dfn_learns_faces_that_it_generalises_from(states: HiddenStates, kind: Kind) -> None:
    learned, evaluated = np.arange(FACES)[::2], np.arange(FACES)[1::2]
    places = np.random.default_rng(0).permutation(FACES)
    task, train, valid = Task(kind, targets(kind)), places[learned], places[evaluated]
    logits = predict_dfn(train_dfn(states, task, train, 0, SHORT), states, valid)
    truth = task.targets[valid]
    if kind == "score":
        assert concordance(truth[:, 0].astype(float), logits[:, 0].astype(float)) > 0.6
    elif kind == "multi-class":
        assert (logits.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.8
    else:
        known = ~np.isnan(truth)
        assert ((logits > 0) == (truth == 1))[known].mean() > 0.8


def test_training_is_a_function_of_its_seed(states: HiddenStates) -> None:
    task, rows = Task("multi-class", targets("multi-class")), np.arange(40)
    brief = Schedule(least_steps=3, most_steps=3)
    first, again, other = (
        predict_dfn(train_dfn(states, task, rows, seed, brief), states, rows) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_every_stage_and_every_token_reaches_the_answer() -> None:
    dfn = DFN(LAYOUT, 2, torch.zeros(LAYOUT.width), torch.ones(LAYOUT.width), width=16).eval()
    flat = torch.randn(1, LAYOUT.width, requires_grad=True)
    dfn(*LAYOUT.split(flat)).sum().backward()
    assert flat.grad is not None
    assert (flat.grad != 0).all()


def test_a_hidden_value_that_never_changes_is_not_blown_up() -> None:
    flat = torch.full((1, LAYOUT.width), 1e-4)
    dfn = DFN(LAYOUT, 2, torch.zeros(LAYOUT.width), torch.zeros(LAYOUT.width), width=16)
    assert torch.isfinite(dfn.eval()(*LAYOUT.split(flat))).all()
    assert dfn.scale.max() == pytest.approx(1000)


def test_a_dfn_can_be_exported() -> None:
    dfn = DFN(LAYOUT, 2, torch.zeros(LAYOUT.width), torch.ones(LAYOUT.width), width=16).eval()
    inputs = LAYOUT.split(torch.randn(1, LAYOUT.width))
    exported = torch.export.export(dfn, inputs).module()
    torch.testing.assert_close(exported(*inputs), dfn(*inputs))


def test_an_epoch_shows_every_face_once() -> None:
    order = FaceOrder(np.arange(10, 20), batch=4, seed=0)
    shown = np.concatenate([order.at(step) for step in range(5)])
    np.testing.assert_array_equal(np.sort(shown[:10]), np.arange(10, 20))
    np.testing.assert_array_equal(np.sort(shown[10:]), np.arange(10, 20))
    assert shown[:10].tolist() != shown[10:].tolist()


def head(folder: Path, states: HiddenStates, kind: Kind, labels: tuple[str, ...]) -> Head:
    dfn = train_dfn(states, Task(kind, targets(kind)), np.arange(FACES), 0, SHORT)
    if kind == "multi-class":
        calibration = TaskCalibration(
            multi_class=EmotionCalibration(temperature=2.0, fitted_on="nothing")
        )
    else:
        fitted = ActionUnitCalibration(scale=2.0, bias=0.5, fitted_on="nothing")
        calibration = TaskCalibration(multi_label=dict.fromkeys(labels, fitted))
    card = HeadCard(
        task=kind,
        kind=kind,
        labels=labels,
        mf2_sha256=file_digest(folder / "mf2.pt"),
        layout=states.layout,
        width=dfn.width,
        calibration=calibration,
        faces=FACES,
        seed=0,
    )
    return Head(dfn, card)


def test_heads_share_one_mf2_and_leave_it_and_one_another_alone(
    folder: Path, states: HiddenStates
) -> None:
    mf2, loaded = open_frozen(folder / "mf2.pt")
    before = {name: value.clone() for name, value in mf2.state_dict().items()}
    faces = np.load(folder / "faces.npy")[:4]
    cut = np.stack([centre(face, 112, 112) for face in faces])
    pixels = to_tensor(cut, loaded.recipe.preprocessing)

    first = head(folder, states, "multi-class", ("along", "across"))
    save_head(first, folder / "first.pt")
    file = (folder / "first.pt").read_bytes()
    alone = read_tasks(mf2, {"first": load_head(folder / "first.pt", folder / "mf2.pt")}, pixels)
    save_head(head(folder, states, "multi-label", ("across", "thick")), folder / "second.pt")
    heads = {
        name: load_head(folder / f"{name}.pt", folder / "mf2.pt") for name in ("first", "second")
    }
    beside = read_tasks(mf2, heads, pixels)

    np.testing.assert_array_equal(alone["first"], beside["first"])
    assert (folder / "first.pt").read_bytes() == file
    assert all(torch.equal(before[name], value) for name, value in mf2.state_dict().items())
    assert not any(parameter.requires_grad for parameter in mf2.parameters())
    logits = predict_dfn(first.dfn, states, np.arange(4)).astype(np.float64)
    by_hand = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(beside["first"], by_hand, atol=5e-3)  # states are float16
    logits = predict_dfn(heads["second"].dfn, states, np.arange(4)).astype(np.float64)
    np.testing.assert_allclose(beside["second"], 1 / (1 + np.exp(-(2 * logits + 0.5))), atol=5e-3)


def test_a_head_of_another_mf2_is_refused(folder: Path, states: HiddenStates) -> None:
    save_head(head(folder, states, "multi-class", ("along", "across")), folder / "head.pt")
    write_teacher(folder / "another.pt", seed=2)
    with pytest.raises(CheckpointError, match=r"belongs to the network.*another\.pt"):
        load_head(folder / "head.pt", folder / "another.pt")
    with pytest.raises(CheckpointError, match="distill adapt"):
        load_head(folder / "none.pt", folder / "mf2.pt")
    with pytest.raises(CheckpointError, match="not a head"):
        load_head(folder / "mf2.pt", folder / "mf2.pt")
    (folder / "noise.pt").write_bytes(b"noise")
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        load_head(folder / "noise.pt", folder / "mf2.pt")


def test_correlations_are_those_of_their_definitions() -> None:
    truth = np.array([0.0, 1.0, 2.0, 3.0])
    assert pearson(truth, 2 * truth + 5) == pytest.approx(1)
    assert concordance(truth, truth) == pytest.approx(1)
    assert concordance(truth, truth + 1) == pytest.approx(2 * 1.25 / (1.25 + 1.25 + 1))
    assert pearson(truth, np.ones(4)) == 0
    assert pearson(truth, -truth) == pytest.approx(-1)
