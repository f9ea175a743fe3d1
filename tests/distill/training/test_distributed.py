"""Processes of torchrun train what one does; bf16 trains as well; curves are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from distill.config import Recipe
from distill.prepare import prepare
from distill.training.checkpoint import load_network
from distill.training.init import start_network
from distill.training.loop import train
from distill.training.run_log import RunLog
from tests.helpers.tiny_training import tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A miniature, trained by one process."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("parallel"))
    recipe = replace(recipe, train=replace(recipe.train, log_every=2))
    prepare(recipe, workers=1)
    train(recipe)
    return recipe


def _weights(path: Path) -> torch.Tensor:
    return torch.cat([p.flatten() for p in load_network(path).network.parameters()])


def test_three_processes_train_what_one_does(alone: Recipe, tmp_path: Path) -> None:
    """A step has two small batches, so one of the processes has none."""
    shared = replace(alone, name="shared")
    write_recipe(shared, tmp_path / "recipe.toml")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=3"]
    command = [*launch, "-m", "distill", "train", "--config", str(tmp_path / "recipe.toml")]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    one, three = (_weights(recipe.run_folder / "network.pt") for recipe in (alone, shared))
    torch.manual_seed(alone.training_seed)
    start = torch.cat([p.detach().flatten() for p in start_network(alone).parameters()])
    # Sums of gradients in another order differ in their last bits, which Adam's sign-like first
    # steps enlarge where a gradient is next to nothing.
    assert (one - three).norm() < 0.02 * (one - start).norm()


def test_bf16_trains_to_nearly_the_same(alone: Recipe) -> None:
    narrow = replace(alone, name="bf16", train=replace(alone.train, precision="bf16"))
    train(narrow)
    losses = [
        [json.loads(line) for line in (r.run_folder / "log.jsonl").read_text().splitlines()]
        for r in (alone, narrow)
    ]
    assert losses[0][0].keys() == {
        *("step", "lr", "grad_norm", "faces_per_s"),
        *(f"loss_{head}" for head in alone.heads),
    }
    assert losses[0][0]["faces_per_s"] > 0
    assert losses[0][0]["grad_norm"] > 0
    assert losses[0][0]["lr"] == pytest.approx(alone.train.head_lr, rel=0.5)
    assert any("accuracy_rafdb" in line for line in losses[0])
    assert [line["step"] for line in losses[0]] == [line["step"] for line in losses[1]]
    wide, half = (load_network(r.run_folder / "network.pt").network for r in (alone, narrow))
    faces = torch.randn(4, 3, 112, 112)
    with torch.inference_mode():
        torch.testing.assert_close(wide(faces)[0], half(faces)[0], atol=0.05, rtol=0.05)


def test_curves_of_a_resumed_run_go_on_where_it_was_killed(tmp_path: Path) -> None:
    first = RunLog(tmp_path, 0)
    for step in (20, 40, 60):
        first.write(step, loss=1.0)
    first.close()
    again = RunLog(tmp_path, 40)
    again.write(60, loss=0.5)
    again.close()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1] == {"step": 60, "loss": 0.5}
    curves = EventAccumulator(str(tmp_path / "events" / "log"))
    curves.Reload()
    assert [(e.step, e.value) for e in curves.Scalars("loss")] == [(20, 1.0), (60, 0.5)]
