"""Train, phase 2: human FACS codes join the faces of phase 1; trunk and both branches move.

Phase 1 never saw a face of the coded data set, so folds by subject over phase 2 alone are honest
about the whole network: each fold's logits come from a network that saw none of its subjects. The
network that ships is then trained on all subjects with the same settings.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from distill.config import ConfigError, Recipe
from distill.networks.activations import has_slopes
from distill.networks.network import FaceStateNet, channels_last
from distill.training.checkpoint import ACTION_UNITS, load_network, save_network
from distill.training.distributed import join_world
from distill.training.folds import ALL, Job, Result, is_done, train_folds
from distill.training.init import start_network
from distill.training.optimizer import start_optimisation
from distill.training.phase2 import School, coded_rows, learn_codes, open_school, remember
from distill.training.pretrain import predict
from distill.training.teacher import find_teacher, teacher_key
from distill.training.teacher_outputs import Teacher


def train_action_units(recipe: Recipe, *, on_all: bool = True) -> Path:
    """Fold by fold, then on all faces; returns the path of the out-of-fold logits, `folds.npz`.

    `folds.npz` has subjects, fold, labels and logits of every coded face; `network.pt` beside it
    is the network trained on all faces, left out if `on_all` is false. The processes of a
    `torchrun` share the folds; those that are done are not done again.
    """
    world = join_world()
    torch.set_num_threads(recipe.threads)
    path = recipe.run_folder / "wild.pt"
    wild = channels_last(load_network(path).network)
    school = open_school(recipe, world)
    rests_on = f"{path.stat().st_mtime_ns} {recipe.action_unit_training} {recipe.training_seed}"

    def train(job: Job) -> Result:
        teacher = find_teacher(recipe, wild, job.name, world.device)
        network = _train_fold(recipe, school, wild, teacher, job)
        faces = np.arange(len(school.coded.store.names))
        logits = predict(network, recipe, school.coded, faces)[1]
        return {"network": network.state_dict()}, {"logits": logits}

    folder = recipe.run_folder / "folds"
    train_folds(
        recipe,
        school,
        folder,
        lambda job: f"{rests_on} {teacher_key(recipe, job)}",
        train,
        on_all=on_all,
    )
    done, network = folder / f"{ALL}.pt", recipe.run_folder / "network.pt"
    if on_all and world.leads and not _is_newer(network, done):
        wild.load_state_dict(torch.load(done, weights_only=True)["network"])
        save_network(wild.cpu(), recipe, ACTION_UNITS, network)
    world.wait()
    return folder.with_suffix(".npz")


def _train_fold(
    recipe: Recipe, school: School, wild: FaceStateNet, teacher: Teacher, job: Job
) -> FaceStateNet:
    """A network that saw the job's coded faces alone; averaged weights."""
    settings = recipe.action_unit_training
    torch.manual_seed(recipe.training_seed)
    network = _start_fold(recipe, wild).to(school.world.device)
    optimisation = start_optimisation(
        network,
        lambda name: _rate(recipe, name),
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=settings.ema,
    )
    coded = coded_rows(school, job.rows)
    start = optimisation.resume(job.checkpoint, job.key) if is_done(job.checkpoint, job.key) else 0
    for step in tqdm(
        range(start, settings.steps),
        initial=start,
        total=settings.steps,
        desc=f"action units, {job.name}",
        unit="step",
        mininterval=5,
    ):
        torch.manual_seed(hash((recipe.training_seed, step)))  # dropout, the same after a resume
        network.train()
        learn_codes(network, recipe, school, coded, step)
        remember(network, recipe, school, teacher, step)
        optimisation.update(step)
        if (step + 1) % settings.checkpoint_every == 0:
            optimisation.save(job.checkpoint, step + 1, job.key)
    return optimisation.average


def _start_fold(recipe: Recipe, wild: FaceStateNet) -> FaceStateNet:
    if not recipe.action_unit_training.fresh_branch:
        network = deepcopy(wild)
        network.freeze(*recipe.network.frozen)
        return network
    # The AU branch starts from the face network again: that learns better than from phase 1's.
    network = start_network(recipe)
    if recipe.network.activation == "relu" and has_slopes(network):
        raise ConfigError(
            "action_unit_training.fresh_branch starts the AU branch with slopes, which would not "
            'fade in phase 2, and the recipe says activation = "relu": say fresh_branch = false'
        )
    branch = deepcopy(network.action_units.state_dict())
    network.load_state_dict(wild.state_dict())
    network.action_units.load_state_dict(branch)
    return network


def _is_newer(network: Path, done: Path) -> bool:
    """Whether the network was made of this training already; phase 3 may have settled it since."""
    return network.is_file() and network.stat().st_mtime_ns > done.stat().st_mtime_ns


def _rate(recipe: Recipe, parameter: str) -> float:
    """Peak learning rate of a parameter by its name."""
    settings = recipe.action_unit_training
    if parameter.startswith(("trunk.", "emotion.", "related_emotion.", "face_to_text.", "embed.")):
        return settings.trunk_lr
    return settings.head_lr if ".head." in parameter else settings.branch_lr
