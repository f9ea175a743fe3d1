"""The school end to end in miniature: prepare, train, action units, calibrate, evaluate."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import ConfigError, Recipe, load_recipe
from distill.evaluation.calibrate import calibrate, fit_action_unit, fit_temperature
from distill.evaluation.evaluate import evaluate
from distill.faces.batches import make_batches
from distill.faces.store import load_store
from distill.prepare import prepare
from distill.training.action_units import train_action_units
from distill.training.checkpoint import SETTLED, CheckpointError, load_network
from distill.training.finetune_emotion import settle
from distill.training.phase2 import subject_folds
from distill.training.pretrain import train, wild_sources
from mf2_edge.bundle.schema import CalibrationSpec
from tests.helpers.tiny_training import RECIPE, tiny_recipe, write_blendshapes, write_recipe


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A prepared miniature."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("school"))
    prepare(recipe, workers=1)
    write_blendshapes(recipe)
    return recipe


@pytest.fixture(scope="module")
def trained(recipe: Recipe) -> Recipe:
    """The miniature after both phases."""
    train(recipe)
    train_action_units(recipe)
    return recipe


def test_stores_keep_labels_splits_and_what_is_unknown(recipe: Recipe) -> None:
    rafdb = load_store(recipe.cache_folder / "rafdb")
    assert rafdb.images.shape == (60, 128, 128, 3)
    assert set(rafdb.splits) == {"train", "valid"}
    assert np.isnan(rafdb.action_units).all()
    assert rafdb.votes.sum(axis=1) == pytest.approx(1)
    ferplus = load_store(recipe.cache_folder / "ferplus")
    assert (ferplus.splits == "leak").sum() == 1
    assert ferplus.votes[0, :2] == pytest.approx([0.7, 0.3])
    ckplus = load_store(recipe.cache_folder / "ckplus")
    anger = recipe.emotions.index("anger")
    assert (ckplus.majority == anger).all()
    assert (ckplus.votes[:, anger] == 1).all()
    unknown = {recipe.action_units[c] for c in np.flatnonzero(np.isnan(ckplus.action_units[0]))}
    assert unknown == {"AU43"}  # nobody coded it: not absent


def test_the_split_depends_on_the_name_alone(recipe: Recipe, tmp_path: Path) -> None:
    again = tiny_recipe(tmp_path)
    prepare(again, workers=1)
    for name in recipe.data:
        first, second = (
            load_store(recipe.cache_folder / name),
            load_store(again.cache_folder / name),
        )
        assert dict(zip(first.names, first.splits, strict=True)) == dict(
            zip(second.names, second.splits, strict=True)
        )


def test_a_step_is_the_same_faces_for_any_number_of_processes(recipe: Recipe) -> None:
    sources = wild_sources(recipe)
    alone = make_batches(recipe, sources, recipe.train.batch, 3)
    shared = [make_batches(recipe, sources, recipe.train.batch, 3, rank, 2) for rank in (0, 1)]
    torch.testing.assert_close(alone[0].images, shared[0][0].images)
    torch.testing.assert_close(alone[1].images, shared[1][0].images)
    assert len(alone) == sum(map(len, shared)) == 2


def test_rafdb_cannot_say_contempt_and_ferplus_can(recipe: Recipe) -> None:
    possible = {source.name: source.possible for source in wild_sources(recipe)}
    contempt = recipe.emotions.index("contempt")
    assert possible["rafdb"][contempt] == 0
    assert possible["ferplus"][contempt] == 1


def test_an_unseen_emotion_is_in_no_face(recipe: Recipe) -> None:
    fear = recipe.emotions.index("fear")
    seen = wild_sources(recipe)
    left = wild_sources(msgspec.structs.replace(recipe, unseen=("fear",)))
    for before, after in zip(seen, left, strict=True):
        votes = before.store.votes
        assert (votes[before.rows, fear] > 0).any()
        assert set(after.rows) == set(before.rows[votes[before.rows, fear] == 0])
        assert after.possible[fear] == 0


def test_training_killed_and_resumed_ends_bit_for_bit_the_same(
    recipe: Recipe, tmp_path: Path
) -> None:
    straight = msgspec.structs.replace(recipe, name="straight")
    train(straight)
    killed = msgspec.structs.replace(recipe, name="killed")
    write_recipe(killed, tmp_path / "recipe.toml")
    command = [sys.executable, "-m", "distill", "wild", "--config", str(tmp_path / "recipe.toml")]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    checkpoint = killed.run_folder / "last.pt"
    while not checkpoint.is_file() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed.run_folder / "wild.pt").exists()
    train(killed)
    expected = load_network(straight.run_folder / "wild.pt").network.state_dict()
    found = load_network(killed.run_folder / "wild.pt").network.state_dict()
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), name


def test_frozen_stages_keep_the_weights_they_started_with(trained: Recipe) -> None:
    state = torch.load(trained.run_folder / "last.pt", weights_only=True)
    network, average = state["network"], state["average"]
    frozen = [name for name in network if name.startswith(("trunk.stem.", "trunk.stage2."))]
    assert frozen
    assert all(torch.equal(network[name], average[name]) for name in frozen)
    assert not torch.equal(network["emotion.head.weight"], average["emotion.head.weight"])


def test_phase_two_moves_all_but_the_frozen_stages(trained: Recipe) -> None:
    before = load_network(trained.run_folder / "wild.pt").network.state_dict()
    after = load_network(trained.run_folder / "network.pt").network.state_dict()
    same = {name for name in before if torch.equal(before[name], after[name])}
    assert all(name.startswith(("trunk.stem.", "trunk.stage2.")) for name in same)
    assert any(name.startswith("trunk.stage2.") for name in same)


def test_a_fold_killed_and_resumed_ends_bit_for_bit_the_same(
    trained: Recipe, tmp_path: Path
) -> None:
    expected = torch.load(trained.run_folder / "folds" / "0.pt", weights_only=True)["logits"]
    killed = msgspec.structs.replace(trained, name="killed-in-phase-two")
    killed.run_folder.mkdir()
    shutil.copy2(trained.run_folder / "wild.pt", killed.run_folder)
    write_recipe(killed, tmp_path / "recipe.toml")
    command = [sys.executable, "-m", "distill", "action-units", "--config"]
    process = subprocess.Popen([*command, str(tmp_path / "recipe.toml")])
    checkpoint = killed.run_folder / "folds" / "0-last.pt"
    while not checkpoint.is_file() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    train_action_units(killed)
    found = torch.load(killed.run_folder / "folds" / "0.pt", weights_only=True)["logits"]
    assert torch.equal(expected["logits"], found["logits"])


def test_settling_moves_the_emotion_branch_alone(trained: Recipe) -> None:
    other = msgspec.structs.replace(trained, name="settled")
    other.run_folder.mkdir()
    for name in ("wild.pt", "network.pt"):
        shutil.copy2(trained.run_folder / name, other.run_folder)
    before = load_network(other.run_folder / "network.pt").network.state_dict()
    assert other.settling is not None
    settle(other, other.settling)
    settled = load_network(other.run_folder / "network.pt")
    after = settled.network.state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"emotion"}
    assert settled.stage == SETTLED


def test_finished_folds_are_kept_until_the_settings_change(trained: Recipe) -> None:
    fold = trained.run_folder / "folds" / "0.pt"
    before = fold.stat().st_mtime_ns
    train_action_units(trained)
    assert fold.stat().st_mtime_ns == before
    settings = msgspec.structs.replace(trained.action_unit_training, head_lr=1e-3)
    train_action_units(msgspec.structs.replace(trained, action_unit_training=settings))
    assert fold.stat().st_mtime_ns > before


def test_another_recipe_does_not_go_on_with_a_half_trained_network(trained: Recipe) -> None:
    """Nor is what was trained thrown away; how often it was saved is no other recipe."""
    last = trained.run_folder / "last.pt"
    before = last.read_bytes()
    faster = msgspec.structs.replace(trained.train, lr=1e-2)
    with pytest.raises(CheckpointError, match="another recipe"):
        train(msgspec.structs.replace(trained, train=faster))
    assert last.read_bytes() == before
    rarer = msgspec.structs.replace(trained.train, checkpoint_every=7)
    train(msgspec.structs.replace(trained, train=rarer))
    assert last.read_bytes() == before


def test_what_phase_three_settled_is_not_undone_by_going_over_phase_two_again(
    trained: Recipe,
) -> None:
    other = msgspec.structs.replace(trained, name="settled-and-gone-over")
    other.run_folder.mkdir()
    shutil.copy2(trained.run_folder / "wild.pt", other.run_folder)
    train_action_units(other)
    assert other.settling is not None
    before = settle(other, other.settling).read_bytes()
    train_action_units(other)
    assert (other.run_folder / "network.pt").read_bytes() == before


def test_no_subject_is_in_two_folds(trained: Recipe) -> None:
    with np.load(trained.run_folder / "folds.npz") as folds:
        fold, subjects, logits = folds["fold"], folds["subjects"], folds["logits"]
    assert all(len(set(fold[subjects == name])) == 1 for name in set(subjects))
    assert np.isfinite(logits).all()
    assert (subject_folds(subjects, 2, seed=0) == fold).all()


def test_calibration_and_results_are_what_the_manifest_reads(
    trained: Recipe, tmp_path: Path
) -> None:
    path = trained.run_folder / "folds.npz"
    with np.load(path) as folds:  # after two steps a unit may rank worse than chance: help it
        helped = dict(folds) | {"logits": folds["logits"] + 9 * (folds["labels"] == 1)}
    np.savez(path, **helped)
    # AU43 rests on pseudo-labels, which are random here: nothing to calibrate it on.
    pseudo = trained.pseudo_labels
    rules = {unit: rule for unit, rule in pseudo.rules.items() if unit != "AU43"}
    shutil.copytree(trained.runs, tmp_path, dirs_exist_ok=True)
    for labels in tmp_path.glob("cache/*/labels.npz"):
        with np.load(labels) as found:
            np.savez(labels, **(dict(found) | {"action_units": found["action_units"][:, :-1]}))
    human = msgspec.structs.replace(
        trained,
        runs=str(tmp_path),
        action_units=trained.action_units[:-1],
        pseudo_labels=msgspec.structs.replace(pseudo, rules=rules),
    )
    spec = msgspec.json.decode(calibrate(human).read_bytes(), type=CalibrationSpec)
    assert list(spec.action_units) == list(human.action_units)
    results = {result.dataset: result for result in evaluate(trained) if "test" in result.split}
    assert results["FER+"].n == 15  # the leak is out
    assert sum(label.support for label in results["FER+"].labels.values()) == 15


def test_temperature_is_recovered() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    odds = np.exp(logits)
    labels = np.array([rng.choice(5, p=row / row.sum()) for row in odds])
    boastful = (2.5 * logits).astype(np.float32)
    assert fit_temperature(boastful, labels) == pytest.approx(2.5, rel=0.1)


def test_platt_scaling_is_recovered_and_nonsense_refused() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 5000).astype(np.float32)
    truth = rng.random(5000) < 1 / (1 + np.exp(-(1.5 * logits - 1)))
    fitted = fit_action_unit("AU1", logits, truth, "here")
    assert (fitted.scale, fitted.bias) == pytest.approx((1.5, -1), rel=0.15)
    with pytest.raises(ValueError, match="AU1 cannot be calibrated"):
        fit_action_unit("AU1", -logits, truth, "here")


def test_the_shipped_recipe_is_valid_and_a_typo_is_named(tmp_path: Path) -> None:
    assert load_recipe(RECIPE).emotions[0] == "neutral"
    typo = tmp_path / "typo.toml"
    typo.write_text(RECIPE.read_text().replace("dropout", "dropuot"))
    with pytest.raises(ConfigError, match="dropuot"):
        load_recipe(typo)
    with pytest.raises(ConfigError, match=r"distill/configs"):
        load_recipe(tmp_path / "missing.toml")


def test_missing_blendshapes_are_refused_with_the_command_that_makes_them(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    prepare(recipe, workers=1)
    with pytest.raises(FileNotFoundError, match="python -m distill pseudo"):
        wild_sources(recipe)


def test_what_is_no_checkpoint_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="train one first"):
        load_network(tmp_path / "missing.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(CheckpointError, match="not a PyTorch checkpoint"):
        load_network(tmp_path / "text.pt")
    old = {"format": "mf2-edge network 1", "stage": "wild", "recipe": "{}", "network": {}}
    torch.save(old, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="another release"):
        load_network(tmp_path / "old.pt")
    torch.save({"network": {}}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not a network written by"):
        load_network(tmp_path / "other.pt")
