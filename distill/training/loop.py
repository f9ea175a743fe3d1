"""The training loop: one network, all heads, faces of several data sets in every step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from distill.config import Recipe
from distill.faces.batches import Batch, FaceSource, balance, make_batches
from distill.networks.activations import fade, to_relu
from distill.training.checkpoint import TRAINED, save_network
from distill.training.distributed import World, join_world
from distill.training.init import start_network
from distill.training.losses.objective import Objective
from distill.training.losses.text_alignment import load_language
from distill.training.optimizer import Optimisation, start_optimisation
from distill.training.run_log import RunLog
from distill.training.sources import evaluation_stores, training_sources, validate
from distill.training.teachers.find import find_teacher, teacher_key

LARGEST_POSITIVE_WEIGHT = 3.0
LOG_EVERY = 20


@dataclass(frozen=True)
class Steps:
    """How many steps, where they are kept, and what happens besides.

    before: called with the step before each; evaluate: figures of the averaged network.
    """

    count: int
    checkpoint: Path
    key: str
    """What the training rests on; a checkpoint with another key is refused."""
    checkpoint_every: int
    title: str
    before: Callable[[int], None] = lambda _: None
    evaluate_every: int = 0
    evaluate: Callable[[], dict[str, float]] = dict


def train(recipe: Recipe, fold: int | None = None) -> Path:
    """Train or resume; returns the path of the network, whose weights are the averaged ones.

    `fold` leaves the subjects of a fold of the FACS-coded data set out.
    """
    world = join_world()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.training_seed)
    sources = training_sources(recipe, fold)
    network = start_network(recipe).to(world.device)
    objective = make_objective(recipe, sources, fold, world)
    settings, folder = recipe.train, recipe.folder(fold)
    optimisation = start_optimisation(
        network,
        lambda name: learning_rate(recipe, name),
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=settings.ema,
    )
    average = optimisation.average

    def fade_slopes(step: int) -> None:
        for fading in (network, average):
            fade(fading, max(0.0, 1 - (step + 1) / max(1, settings.fade_steps)))

    steps = Steps(
        settings.steps,
        folder / "last.pt",
        training_key(recipe, fold),
        settings.checkpoint_every,
        f"train {recipe.name}" + ("" if fold is None else f", fold {fold}"),
        before=fade_slopes,
        evaluate_every=settings.evaluate_every,
        evaluate=lambda: validate(average, recipe, evaluation_stores(recipe)),
    )
    ran = run_steps(optimisation, objective, sources, steps)
    path = folder / "network.pt"
    if world.leads and (ran or not path.is_file()):
        if recipe.network.activation == "relu":
            to_relu(average)
        save_network(average, recipe, TRAINED, path, fold)
    world.wait()
    return path


def make_objective(
    recipe: Recipe, sources: Sequence[FaceSource], fold: int | None, world: World
) -> Objective:
    """The losses of a recipe over these sources."""
    counts = np.sum([source.unit_counts() for source in sources], axis=0)
    weights = balance(counts, LARGEST_POSITIVE_WEIGHT).to(world.device)
    teacher = find_teacher(recipe, fold, world.device, sources)
    return Objective(recipe, world, weights, teacher, load_language(recipe))


def run_steps(
    optimisation: Optimisation[Any],
    objective: Objective,
    sources: Sequence[FaceSource],
    steps: Steps,
) -> bool:
    """Do the steps that are not done yet; returns whether there were any.

    A step is a function of the recipe's seed and its number, so a run that is killed and resumed
    ends as one that was not. Raises CheckpointError for a checkpoint of another training.
    """
    recipe, world, network = objective.recipe, objective.world, optimisation.network
    start = optimisation.resume(steps.checkpoint, steps.key)
    log = RunLog(steps.checkpoint.parent, start) if world.leads else None
    progress = tqdm(
        range(start, steps.count),
        initial=start,
        total=steps.count,
        desc=steps.title,
        unit="step",
        mininterval=5,
        disable=not world.leads,
    )
    for step in progress:
        network.train()
        steps.before(step)
        batches = make_batches(recipe, sources, recipe.train.batch, step, world.rank, world.size)
        losses = accumulate(network, objective, batches, step)
        world.sum_gradients(network.parameters())
        optimisation.update(step)
        if log is None:
            continue
        done = step + 1
        if done % LOG_EVERY == 0:
            log.write(done, **{f"loss_{name}": value for name, value in losses.items()})
        if steps.evaluate_every and (done % steps.evaluate_every == 0 or done == steps.count):
            log.write(done, **steps.evaluate())
        if done % steps.checkpoint_every == 0 or done == steps.count:
            optimisation.save(steps.checkpoint, done, steps.key)
    if log is not None:
        log.close()
    world.wait()
    return start < steps.count


def accumulate(
    network: nn.Module, objective: Objective, batches: Sequence[Batch], step: int
) -> dict[str, float]:
    """Leave this process's share of a step's gradient; returns its mean losses by name."""
    settings = objective.recipe.train
    count = ceil(sum(settings.batch.values()) / settings.micro_batch)
    sums: dict[str, float] = {}
    for batch in batches:
        losses = objective.losses(network, batch.to(objective.world.device), step)
        (objective.total(losses) / count).backward()  # type: ignore[no-untyped-call]
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.item()
    return {name: round(value / len(batches), 4) for name, value in sums.items()}


def learning_rate(recipe: Recipe, parameter: str) -> float:
    """Peak learning rate of a parameter by its name."""
    settings = recipe.train
    if ".head." in parameter or parameter.startswith(tuple(f"{h}." for h in recipe.network.heads)):
        return settings.head_lr
    if parameter.startswith("trunk.") and settings.trunk_lr is not None:
        return settings.trunk_lr
    return settings.lr


def training_key(recipe: Recipe, fold: int | None) -> str:
    """What a training rests on, as a hash; threads, and how often it is saved, change nothing."""
    faces = ("emotions", "action_units", "alignment", "preprocessing", "margin", "network")
    training = ("texts", "unseen", "training_seed", "seed", "folds", "distillation")
    rests_on = {name: getattr(recipe, name) for name in (*faces, *training)}
    rests_on["blend"] = {name: data.blend for name, data in recipe.data.items()}
    often = msgspec.structs.replace(recipe.train, checkpoint_every=0, evaluate_every=0)
    content = [rests_on, often, fold, teacher_key(recipe, fold)]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
