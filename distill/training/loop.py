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
from torch import Tensor, nn
from tqdm import tqdm

from distill.config import Recipe
from distill.faces.batches import Batch, FaceSource, balance
from distill.networks.activations import fade, to_relu
from distill.networks.drop_path import add_drop_path
from distill.networks.features import FeatureNet
from distill.networks.network import FaceStateNet
from distill.train_config import TrainConfig
from distill.training.checkpoint import TRAINED, save_network
from distill.training.distributed import World, join_world
from distill.training.init import start_network
from distill.training.layer_decay import layers_above
from distill.training.losses.objective import Objective
from distill.training.losses.text_alignment import load_language
from distill.training.optimizer import Optimisation, start_optimisation
from distill.training.run_log import RunLog, StepClock
from distill.training.run_record import write_run_record
from distill.training.sources.prefetch import batches_of_steps
from distill.training.sources.stored import evaluation_stores, training_sources
from distill.training.sources.validation import validate
from distill.training.teachers.find import find_teacher, teacher_key

LARGEST_POSITIVE_WEIGHT = 3.0


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
    world.check_precision(recipe.train.precision)
    objective = make_objective(recipe, sources, fold, world)
    settings, folder = recipe.train, recipe.folder(fold)
    above = layers_above(network)
    optimisation = start_optimisation(
        network,
        lambda name: learning_rate(recipe, name) * settings.layer_decay ** above.get(name, 0),
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=settings.ema,
        clip_grad=settings.clip_grad,
    )
    prepare_training(network, settings)
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
    if world.leads:
        write_run_record(recipe, fold, world, folder / "run.json")
    ran = run_steps(optimisation, objective, sources, steps)
    path = folder / "network.pt"
    if world.leads and (ran or not path.is_file()):
        if recipe.network.activation == "relu":
            to_relu(average)
        save_network(average, recipe, TRAINED, path, fold)
    world.wait()
    return path


def prepare_training(network: FaceStateNet, settings: TrainConfig) -> None:
    """What holds in training alone: blocks that are skipped or computed twice, compilation.

    After the copy whose weights are the averaged ones was made.
    """
    if settings.drop_path:
        add_drop_path(network, settings.drop_path)
    network.set_grad_checkpointing(settings.grad_checkpointing)
    if settings.torchcompile:
        network.compile(backend=settings.torchcompile)
        if isinstance(network, FeatureNet):  # which training asks for more than its logits
            reading: Any = torch.compile(network.read, backend=settings.torchcompile)
            network.__dict__["read"] = reading


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
    clock = StepClock(sum(recipe.train.batch.values()), start)
    made = batches_of_steps(recipe, sources, world, range(start, steps.count))
    for step, batches in zip(progress, made, strict=True):
        network.train()
        steps.before(step)
        losses = accumulate(network, objective, batches, step)
        world.sum_gradients(network.parameters())
        rate = optimisation.rate
        norm = optimisation.update(step)
        if log is None:
            continue
        done = step + 1
        if due(done, recipe.train.log_every):
            parts = {f"loss_{name}": round(value.item(), 4) for name, value in losses.items()}
            speed = round(clock.faces_per_s(done), 1)
            log.write(done, **parts, lr=rate, grad_norm=round(norm.item(), 4), faces_per_s=speed)
        last = done == steps.count
        if steps.evaluate_every and (last or due(done, steps.evaluate_every)):
            log.write(done, **steps.evaluate())
        if last or due(done, steps.checkpoint_every):
            optimisation.save(steps.checkpoint, done, steps.key)
    if log is not None:
        log.close()
    world.wait()
    return start < steps.count


def due(done: int, every: int) -> bool:
    """Whether a step is one of every `every`; of 0 none is."""
    return every > 0 and done % every == 0


def accumulate(
    network: nn.Module, objective: Objective, batches: Sequence[Batch], step: int
) -> dict[str, Tensor]:
    """Leave this process's share of a step's gradient; returns its mean losses by name.

    A process has no share, and no losses, where a step has fewer batches than there are processes.
    """
    settings = objective.recipe.train
    count = ceil(sum(settings.batch.values()) / settings.micro_batch)
    sums: dict[str, Tensor] = {}
    for batch in batches:
        losses = objective.losses(network, batch, step)
        (objective.total(losses) / count).backward()  # type: ignore[no-untyped-call]
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.detach() / len(batches)
    return sums


def learning_rate(recipe: Recipe, parameter: str) -> float:
    """Peak learning rate of a parameter by its name."""
    settings = recipe.train
    if ".head." in parameter or parameter.startswith(tuple(f"{h}." for h in recipe.network.heads)):
        return settings.head_lr
    if parameter.startswith("trunk.") and settings.trunk_lr is not None:
        return settings.trunk_lr
    return settings.lr


def training_key(recipe: Recipe, fold: int | None) -> str:
    """What a training rests on, as a hash; neither threads, workers nor how often it is saved."""
    faces = ("emotions", "action_units", "alignment", "preprocessing", "margin", "network")
    training = ("texts", "unseen", "training_seed", "seed", "folds", "distillation")
    rests_on = {name: getattr(recipe, name) for name in (*faces, *training)}
    rests_on["blend"] = {name: data.blend for name, data in recipe.data.items()}
    often = msgspec.structs.replace(
        recipe.train, checkpoint_every=0, evaluate_every=0, log_every=20, workers=0
    )
    content = [rests_on, often, fold, teacher_key(recipe, fold)]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
