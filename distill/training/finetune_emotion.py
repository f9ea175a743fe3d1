"""Train, phase 3: the emotion branch settles on the trunk that phase 2 has moved.

Trunk and AU branch stay as they are, so no AU logit changes, and the folds of phase 2 stay honest.
The branch learns from the raters' votes and from the teacher's answers.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from distill.config import Recipe, SettlingConfig
from distill.faces.batches import make_batches
from distill.networks.network import FaceStateNet, channels_last
from distill.training.checkpoint import SETTLED, load_network, save_network
from distill.training.distributed import join_world
from distill.training.losses import agreement_loss, emotion_loss
from distill.training.optimizer import start_optimisation
from distill.training.pretrain import load_sources
from distill.training.teacher import find_teacher, teacher_key


def settle(recipe: Recipe, settings: SettlingConfig) -> Path:
    """Run or resume phase 3; returns the path of the network, which it replaces."""
    world = join_world()
    torch.set_num_threads(recipe.threads)
    path, last = recipe.run_folder / "network.pt", recipe.run_folder / "settling.pt"
    loaded = load_network(path)
    world.wait()
    if loaded.stage == SETTLED:
        return path
    network = channels_last(loaded.network).to(world.device)
    wild = channels_last(load_network(recipe.run_folder / "wild.pt").network)
    teacher = find_teacher(recipe, wild, None, world.device)
    key = f"{path.stat().st_mtime_ns} {settings} {teacher_key(recipe, None)}"
    _train_emotion_alone(network, recipe)
    optimisation = start_optimisation(
        network,
        lambda _: settings.lr,
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=settings.ema,
    )
    sources = load_sources(recipe, settings.batch)
    total = sum(settings.batch.values())
    start = optimisation.resume(last, key)
    for step in tqdm(
        range(start, settings.steps),
        initial=start,
        total=settings.steps,
        desc="settle the emotion branch",
        unit="step",
        mininterval=5,
        disable=not world.leads,
    ):
        network.emotion.train()
        for batch in make_batches(recipe, sources, settings.batch, step, world.rank, world.size):
            torch.manual_seed(hash((recipe.training_seed, step, batch.place)))
            batch = batch.to(world.device)
            with world.precision(recipe.train.precision):
                with torch.no_grad():
                    trunk, taught = network.features(batch.images), teacher(batch.images).emotion
                logits = network.emotion(trunk)
            logits, taught = logits.float(), taught.float()
            labelled = emotion_loss(
                logits, batch.votes, batch.possible, recipe.train.label_smoothing
            )
            share = settings.distillation
            loss = (1 - share) * labelled + share * agreement_loss(logits, taught)
            (loss * len(batch.images) / total).backward()  # type: ignore[no-untyped-call]
        world.sum_gradients(network.parameters())
        optimisation.update(step)
        if world.leads and (step + 1) % settings.checkpoint_every == 0:
            optimisation.save(last, step + 1, key)
    if world.leads:
        save_network(optimisation.average, recipe, SETTLED, path)
        last.unlink(missing_ok=True)
    world.wait()
    return path


def _train_emotion_alone(network: FaceStateNet, recipe: Recipe) -> None:
    network.requires_grad_(False)
    network.emotion.requires_grad_(True)
    network.emotion.dropout = nn.Dropout(recipe.network.dropout)
