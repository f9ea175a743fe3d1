"""Train, phase 4: quantization-aware, from the network that phases 2 and 3 left.

The network of a phone computes in 8-bit integers: weights by channel, activations by tensor, both
symmetric or affine as XNNPACK, Core ML and LiteRT share them. Their rounding is simulated while
the network goes on learning from the same labels and the same teacher (Jacob et al. 2018,
arXiv:1712.05877; PyTorch's PT2E). Ranges are frozen for the last part, so that the weights settle
on the integers that ship. Fold by fold as in phase 2, so the figures stay honest.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from distill.config import QuantizationConfig, Recipe
from distill.faces.batches import Source, centre_tensor
from distill.networks.fake_quantized import (
    convert,
    freeze_ranges,
    prepare,
    save_program,
    take_weights,
)
from distill.networks.network import FaceStateNet, channels_last
from distill.training.checkpoint import ROUNDED, CheckpointError, load_network, save_network
from distill.training.distributed import join_world
from distill.training.folds import ALL, Job, Result, is_done, train_folds
from distill.training.optimizer import start_optimisation
from distill.training.phase2 import School, coded_rows, learn_codes, open_school, remember
from distill.training.pretrain import predict
from distill.training.teacher import find_teacher, teacher_key
from distill.training.teacher_outputs import Teacher
from distill.training.trained import FLOAT_LOGITS, INTEGER_LOGITS

RANGE_FACES = 256
"""Faces of each replayed data set that the first ranges come from."""


def quantize(recipe: Recipe, settings: QuantizationConfig) -> Path:
    """Run or resume phase 4; returns the path of the integer network, `int8/all.pt2`.

    `int8/network.pt` is the same network in float, of the weights that the integers round;
    `int8.npz` has the out-of-fold logits of every coded face, of the integers and of these floats.
    0 steps quantize after training, from ranges alone. Raises CheckpointError for a network with
    PReLU, which has no integer form.
    """
    world = join_world()
    torch.set_num_threads(recipe.threads)
    school = open_school(recipe, world)
    wild = channels_last(load_network(recipe.run_folder / "wild.pt").network)
    folder = recipe.run_folder / "int8"

    def train(job: Job) -> Result:
        network = channels_last(_float_network(recipe, job.name))
        teacher = find_teacher(recipe, wild, job.name, world.device)
        simulated = _train_job(recipe, settings, school, teacher, network, job)
        integers, floats = convert(simulated), take_weights(network, simulated)
        if job.name == ALL:
            size = recipe.alignment
            save_program(integers, (2, 3, size.height, size.width), folder / f"{ALL}.pt2")
            save_network(floats, recipe, ROUNDED, folder / "network.pt")
        faces = np.arange(len(school.coded.store.names))
        named = {INTEGER_LOGITS: integers, FLOAT_LOGITS: floats}
        return {}, {
            name: predict(which, recipe, school.coded, faces)[1] for name, which in named.items()
        }

    rests_on = f"{settings} {recipe.action_unit_training} {recipe.training_seed}"
    train_folds(
        recipe,
        school,
        folder,
        lambda job: (
            f"{_source(recipe, job).stat().st_mtime_ns} {rests_on} {teacher_key(recipe, job)}"
        ),
        train,
        on_all=True,
    )
    return folder / f"{ALL}.pt2"


def _source(recipe: Recipe, job: str) -> Path:
    """The float network that a job starts from: a fold's of phase 2, or the one that ships."""
    folder = recipe.run_folder
    return folder / "network.pt" if job == ALL else folder / "folds" / f"{job}.pt"


def _float_network(recipe: Recipe, job: str) -> FaceStateNet:
    path = _source(recipe, job)
    if job == ALL:
        network = load_network(path).network
    else:
        network = load_network(recipe.run_folder / "wild.pt").network
        network.load_state_dict(torch.load(path, weights_only=True)["network"])
    if any(isinstance(module, nn.PReLU) for module in network.modules()):
        raise CheckpointError(
            f"{path} has PReLU, which no quantized runtime takes: train a recipe whose network has "
            'activation = "relu"'
        )
    return network


def _train_job(
    recipe: Recipe,
    settings: QuantizationConfig,
    school: School,
    teacher: Teacher,
    network: FaceStateNet,
    job: Job,
) -> nn.Module:
    """The network with its rounding simulated, trained on the job's coded faces and the others."""
    size = recipe.alignment
    simulated = prepare(network, (2, 3, size.height, size.width))
    shown = [school.coded, *school.replay] if recipe.learns_codes else school.replay
    _find_ranges(simulated, recipe, shown)
    optimisation = start_optimisation(
        simulated,
        lambda _: settings.lr,
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=0.0,  # an average of weights would not fit the ranges
    )
    coded = coded_rows(school, job.rows)
    # Whatever precision phases 1 to 3 computed in: what rounds is float32.
    train = msgspec.structs.replace(recipe.train, precision="float32")
    exact = msgspec.structs.replace(recipe, train=train)
    start = optimisation.resume(job.checkpoint, job.key) if is_done(job.checkpoint, job.key) else 0
    for step in tqdm(
        range(start, settings.steps),
        initial=start,
        total=settings.steps,
        desc=f"quantize, {job.name}",
        unit="step",
        mininterval=5,
    ):
        if step >= settings.steps * settings.free_ranges:
            freeze_ranges(simulated)
        if recipe.learns_codes:
            learn_codes(simulated, exact, school, coded, step)
        remember(simulated, exact, school, teacher, step)
        optimisation.update(step)
        if (step + 1) % settings.checkpoint_every == 0:
            optimisation.save(job.checkpoint, step + 1, job.key)
    return simulated


@torch.no_grad()
def _find_ranges(simulated: nn.Module, recipe: Recipe, sources: list[Source]) -> None:
    """Let the observers see faces as the product does, some of every data set."""
    rng = np.random.default_rng(recipe.training_seed)
    for source in sources:
        rows = rng.permutation(source.rows)[:RANGE_FACES]
        for part in np.array_split(rows, max(1, len(rows) // 32)):
            simulated(centre_tensor(recipe, source.store.images[part]))
