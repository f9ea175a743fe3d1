"""Training end to end in miniature: prepare, train with and without a fold, calibrate, evaluate."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import HEADS, Recipe
from distill.evaluation.calibrate import calibrate
from distill.evaluation.protocols.out_of_fold import out_of_fold_logits
from distill.evaluation.protocols.recipe import evaluate
from distill.faces.batches import make_batches, sampling_weights
from distill.faces.store import load_store
from distill.prepare import prepare
from distill.training.checkpoint import (
    FORMAT,
    TRAINED,
    CheckpointError,
    load_network,
    save_network,
)
from distill.training.distributed import join_world
from distill.training.init import start_network
from distill.training.loop import make_objective, train
from distill.training.sources.stored import load_source, subject_folds, training_sources
from mf2_edge.bundle.schema import CalibrationSpec, ReliabilitySpec
from tests.helpers.tiny_training import tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A prepared miniature."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("training"))
    prepare(recipe, workers=1)
    return recipe


@pytest.fixture(scope="module")
def trained(recipe: Recipe) -> Recipe:
    """The miniature, trained on all faces and without each fold."""
    train(recipe)
    for fold in (0, 1):
        train(recipe, fold)
    return recipe


def test_stores_keep_labels_splits_and_what_is_unknown(recipe: Recipe) -> None:
    rafdb = load_store(recipe.cache_folder / "rafdb")
    assert rafdb.images.shape == (60, 128, 128, 3)
    assert set(rafdb.splits) == {"train", "valid"}
    for head in ("action_units", "strength", "visibility"):
        assert np.isnan(rafdb.targets()[head]).all()
    assert rafdb.votes.sum(axis=1) == pytest.approx(1)
    ferplus = load_store(recipe.cache_folder / "ferplus")
    assert (ferplus.splits == "leak").sum() == 1
    assert ferplus.votes[0, :2] == pytest.approx([0.7, 0.3])
    ckplus = load_store(recipe.cache_folder / "ckplus")
    assert (ckplus.majority == recipe.emotions.index("anger")).all()
    unknown = {recipe.action_units[c] for c in np.flatnonzero(np.isnan(ckplus.action_units[0]))}
    assert unknown == {"AU16", "AU18", "AU43"}  # nobody coded them: not absent
    assert (ckplus.visibility == 1).all()
    assert np.isnan(ckplus.strength).all()


def test_coded_faces_keep_doubt_strength_and_hidden_regions(recipe: Recipe) -> None:
    wild = load_store(recipe.cache_folder / "wild")
    assert set(wild.coders) == {1, 2}
    units = wild.action_units
    assert {0.0, 1.0} <= set(np.unique(units[~np.isnan(units)]))
    assert (units[wild.coders == 2] == 0.5).any()  # two coders contradict each other
    marked = wild.strength > 0
    assert marked.any()
    assert (units[marked] >= 0.5).all()  # what is marked is there
    assert (np.isnan(wild.strength) == np.isnan(units)).all()
    assert (wild.visibility < 1).any()


def test_a_step_is_the_same_faces_for_any_number_of_processes(recipe: Recipe) -> None:
    sources = training_sources(recipe, None)
    alone = make_batches(recipe, sources, recipe.train.batch, 3)
    shared = [make_batches(recipe, sources, recipe.train.batch, 3, rank, 2) for rank in (0, 1)]
    torch.testing.assert_close(alone[0].images, shared[0][0].images)
    torch.testing.assert_close(alone[1].images, shared[1][0].images)
    assert len(alone) == sum(map(len, shared)) == 2
    assert alone[0].targets.keys() == set(recipe.heads)


def test_rafdb_has_no_contempt_and_ferplus_has(recipe: Recipe) -> None:
    contempt = recipe.emotions.index("contempt")
    assert load_source(recipe, "rafdb").possible[contempt] == 0
    assert load_source(recipe, "ferplus").possible[contempt] == 1


def test_an_unseen_emotion_is_in_no_face(recipe: Recipe) -> None:
    fear = recipe.emotions.index("fear")
    for name in ("rafdb", "ferplus", "wild"):
        before = load_source(recipe, name)
        after = load_source(replace(recipe, unseen=("fear",)), name)
        votes = before.store.votes
        assert (votes[before.rows, fear] > 0).any()
        assert set(after.rows) == set(before.rows[votes[before.rows, fear] == 0])
        assert after.possible[fear] == 0


def test_a_photograph_that_two_data_sets_label_has_both_labels(recipe: Recipe) -> None:
    """RAF-DB and a copy of it whose labels are moved by one emotion."""
    folder = recipe.cache_folder
    with np.load(folder / "rafdb" / "labels.npz") as kept:
        labels = dict(kept)
    names = np.array([f"rafdb/{name}" for name in labels["names"]])
    moved = np.roll(labels["votes"], 1, axis=1)
    twin = folder / "twin"
    twin.mkdir()
    (twin / "images.npy").symlink_to(folder / "rafdb" / "images.npy")
    np.savez(twin / "labels.npz", **(labels | {"names": names, "votes": moved}))
    data = recipe.data | {"twin": replace(recipe.data["rafdb"], blend={"rafdb": 0.75})}
    source = load_source(replace(recipe, data=data), "twin")
    np.testing.assert_allclose(source.store.votes, 0.75 * labels["votes"] + 0.25 * moved)
    data["rafdb"] = replace(data["rafdb"], eval_only=True)
    batch = recipe.train.batch | {"rafdb": 0}
    alone = replace(recipe, data=data, train=replace(recipe.train, batch=batch))
    np.testing.assert_array_equal(load_source(alone, "twin").store.votes, moved)


def test_rare_labels_are_drawn_more_often_up_to_the_cap() -> None:
    votes = np.eye(2, dtype=np.float32)[[0] * 99 + [1]]
    nothing = np.full((100, 1), np.nan, dtype=np.float32)
    weights = sampling_weights(votes, nothing, 0.5, 6.0)
    assert weights[0] == pytest.approx((100 / 99) ** 0.5)
    assert weights[-1] == 6  # the root of 100 is beyond the cap
    units = np.zeros((100, 1), dtype=np.float32)
    units[0] = 1
    assert sampling_weights(votes * np.nan, units, 0.5, 20.0)[:2] == pytest.approx([10, 1])
    assert (sampling_weights(votes, units, 0.0, 6.0) == 1).all()


@pytest.mark.parametrize("head", ["action_units", "strength", "visibility"])
def test_what_is_unknown_trains_nothing_and_is_not_absent(recipe: Recipe, head: str) -> None:
    """Its loss and the gradient of its head are 0; the same labels as absent would not be."""
    sources = training_sources(recipe, None)
    network = start_network(recipe).train()
    objective = make_objective(recipe, sources, None, join_world())
    batch = make_batches(recipe, sources, recipe.train.batch, 0)[0]
    weight = network.get_parameter(
        "action_units.head.weight" if head == "action_units" else f"{head}.weight"
    )
    gradients = []
    for value in (float("nan"), 0.0):
        batch.targets[head].fill_(value)
        network.zero_grad()
        losses = objective.losses(network, batch, 0)
        objective.total(losses).backward()  # type: ignore[no-untyped-call]
        assert (losses[head].item() == 0) == np.isnan(value)
        gradients.append(weight.grad)
    assert gradients[0] is None or not gradients[0].any()
    assert gradients[1] is not None
    assert gradients[1].any()


def test_every_head_has_a_loss_and_its_weight_counts(recipe: Recipe) -> None:
    sources = training_sources(recipe, None)
    network = start_network(recipe).train()
    objective = make_objective(recipe, sources, None, join_world())
    losses = objective.losses(network, make_batches(recipe, sources, recipe.train.batch, 0)[0], 0)
    assert tuple(losses) == recipe.heads == (*HEADS, "strength", "visibility")
    weights = recipe.train.weights
    expected = sum(getattr(weights, name) * loss.item() for name, loss in losses.items())
    assert objective.total(losses).item() == pytest.approx(expected, rel=1e-5)


def test_training_killed_and_resumed_ends_bit_for_bit_the_same(
    recipe: Recipe, tmp_path: Path
) -> None:
    straight = replace(recipe, name="straight")
    train(straight)
    killed = replace(recipe, name="killed")
    write_recipe(killed, tmp_path / "recipe.toml")
    command = [sys.executable, "-m", "distill", "train", "--config", str(tmp_path / "recipe.toml")]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    checkpoint = killed.run_folder / "last.pt"
    while not checkpoint.is_file() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed.run_folder / "network.pt").exists()
    train(killed)
    expected = load_network(straight.run_folder / "network.pt").network.state_dict()
    found = load_network(killed.run_folder / "network.pt").network.state_dict()
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_frozen_stages_keep_the_weights_they_started_with(trained: Recipe) -> None:
    state = torch.load(trained.run_folder / "last.pt", weights_only=True)
    network, average = state["network"], state["average"]
    frozen = [name for name in network if name.startswith(("trunk.stem.", "trunk.stage2."))]
    assert frozen
    assert all(torch.equal(network[name], average[name]) for name in frozen)
    for head in ("emotion.head", "action_units.head", "strength", "visibility"):
        assert not torch.equal(network[f"{head}.weight"], average[f"{head}.weight"])


def test_a_fold_never_trains_on_its_subjects(recipe: Recipe) -> None:
    store = load_store(recipe.cache_folder / "ckplus")
    fold = subject_folds(recipe, store)
    assert set(fold) == {0, 1}
    assert all(len(set(fold[store.subjects == name])) == 1 for name in set(store.subjects))
    for number in (0, 1):
        rows = load_source(recipe, "ckplus", number).rows
        assert set(rows) == set(np.flatnonzero(fold != number))
    assert len(load_source(recipe, "ckplus").rows) == len(fold)


def test_pooled_logits_are_of_the_network_that_saw_no_such_subject(trained: Recipe) -> None:
    folds = out_of_fold_logits(trained, "fp32")
    assert folds is not None
    assert len(folds.labels) == 40
    assert [load_network(trained.folder(f) / "network.pt").fold for f in (None, 0, 1)] == [
        None,
        0,
        1,
    ]
    alone = replace(trained, name="alone")
    assert out_of_fold_logits(alone, "fp32") is None  # nothing was trained
    network = load_network(trained.folder(1) / "network.pt").network
    save_network(network, trained, TRAINED, alone.run_folder / "network.pt", fold=1)
    own = out_of_fold_logits(alone, "fp32")
    assert own is not None
    assert set(own.fold) == {1}
    np.testing.assert_allclose(own.logits, folds.logits[folds.fold == 1], rtol=1e-5, atol=1e-6)


def test_another_recipe_does_not_go_on_with_a_half_trained_network(trained: Recipe) -> None:
    """Nor is what was trained thrown away; how often it was saved is no other recipe."""
    last = trained.run_folder / "last.pt"
    before = last.read_bytes()
    with pytest.raises(CheckpointError, match="another recipe"):
        train(replace(trained, train=replace(trained.train, lr=1e-2)))
    assert last.read_bytes() == before
    train(replace(trained, train=replace(trained.train, checkpoint_every=7)))
    assert last.read_bytes() == before


def test_calibration_reliability_and_results_are_what_the_manifest_reads(trained: Recipe) -> None:
    spec = msgspec.json.decode(calibrate(trained).read_bytes(), type=CalibrationSpec)
    assert tuple(spec.action_units) == tuple(spec.strength) == trained.action_units
    assert tuple(spec.visibility) == trained.labels("visibility")
    assert "MFA-wild" in spec.emotion.fitted_on
    few = spec.action_units["AU18"]
    assert few.fitted_on.startswith("nothing: ")
    assert (few.scale, few.bias) == (1, 0)
    results = evaluate(trained)
    assert {result.dataset for result in results} == {"MFA-wild", "RAF-DB (basic)", "FER+", "CK+"}
    test = next(each for each in results if each.split.startswith("test"))
    assert test.n == 15  # the leak is out
    reliability = msgspec.json.decode(
        (trained.run_folder / "reliability.json").read_bytes(), type=ReliabilitySpec
    )
    measured = reliability.action_units["AU25"]
    assert measured.world is not None
    assert measured.laboratory is not None
    assert measured.laboratory.n == 40
    assert measured.world.support <= measured.world.n
    happiness = reliability.emotion["happiness"].world
    assert happiness is not None
    assert 0 < happiness.support < happiness.n
    assert 0 <= happiness.recall <= 1


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train one first"):
        load_network(tmp_path / "missing.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        load_network(tmp_path / "text.pt")
    for content, message in (
        ({"format": FORMAT, "stage": TRAINED, "recipe": "{}", "network": {}}, "another release"),
        ({"format": "mf2-edge network 1", "recipe": "{}"}, "another release"),
        ({"network": {}}, "not a network written by"),
    ):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(CheckpointError, match=message):
            load_network(tmp_path / "other.pt")
