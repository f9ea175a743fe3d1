"""Train, phase 1: the trunk and both branches on in-the-wild faces (FER+, RAF-DB).

Emotion learns from raters' votes, the AU branch from pseudo-labels. Human FACS codes come in
phase 2 (`action_units.py`), which starts from the trunk that this phase leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from distill.config import ConfigError, Recipe
from distill.faces.batches import Batch, FaceSource, Source, balance, centre_tensor, make_batches
from distill.faces.pseudo import pseudo_labels
from distill.faces.store import load_faces
from distill.networks.activations import fade, to_relu
from distill.networks.network import FaceStateNet
from distill.training.checkpoint import WILD, save_network
from distill.training.distillation import emotion_agreement, learn
from distill.training.distributed import World, join_world
from distill.training.init import start_network
from distill.training.losses import action_unit_loss, emotion_loss
from distill.training.optimizer import start_optimisation
from distill.training.run_log import RunLog
from distill.training.shard_source import open_streams
from distill.training.teacher import find_teacher
from distill.training.teacher_outputs import Teacher
from distill.training.text_alignment import Language, answer, load_language


def train(recipe: Recipe) -> Path:
    """Run or resume phase 1; returns the path of the trained network (averaged weights)."""
    world = join_world()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.training_seed)
    stores, language = wild_sources(recipe), load_language(recipe)
    sources: list[FaceSource] = [*stores, *open_streams(recipe)]
    network = start_network(recipe).to(world.device)
    optimisation = start_optimisation(
        network,
        lambda name: recipe.train.head_lr if ".head." in name else recipe.train.lr,
        steps=recipe.train.steps,
        warmup=recipe.train.warmup,
        weight_decay=recipe.train.weight_decay,
        ema=recipe.train.ema,
    )
    average = optimisation.average
    teacher = find_teacher(recipe, network, None, world.device) if recipe.lessons else None
    folder = recipe.run_folder
    path = folder / "wild.pt"
    key = _key(recipe)
    start = optimisation.resume(folder / "last.pt", key)
    log = RunLog(folder, start) if world.leads else None

    learnt = [source.unit_counts() for source in sources if recipe.train.batch[source.name]]
    weights = balance(np.sum(learnt, axis=0)).to(world.device)
    steps = tqdm(
        range(start, recipe.train.steps),
        initial=start,
        total=recipe.train.steps,
        desc=f"train {recipe.name}",
        unit="step",
        mininterval=5,
        disable=not world.leads,
    )
    for step in steps:
        network.train()
        for fading in (network, average):
            fade(fading, max(0.0, 1 - (step + 1) / max(1, recipe.train.fade_steps)))
        batches = make_batches(recipe, sources, recipe.train.batch, step, world.rank, world.size)
        losses = accumulate(network, recipe, batches, weights, language, teacher, step, world)
        world.sum_gradients(network.parameters())
        optimisation.update(step)
        done = step + 1
        if log is not None:
            if done % 20 == 0:
                log.write(done, loss_emotion=losses[0], loss_units=losses[1])
            if done % recipe.train.evaluate_every == 0:
                log.write(done, **validate(average, recipe, stores))
            if done % recipe.train.checkpoint_every == 0 or done == recipe.train.steps:
                optimisation.save(folder / "last.pt", done, key)
    if world.leads and not (path.is_file() and start == recipe.train.steps):
        if recipe.network.activation == "relu":
            to_relu(average)
        save_network(average, recipe, WILD, path)
    if log is not None:
        log.close()
    world.wait()
    return path


def _key(recipe: Recipe) -> str:
    """What phase 1 rests on, as a hash; threads, and how often it is saved, change nothing."""
    names = ("emotions", "action_units", "alignment", "preprocessing", "margin", "pseudo_labels")
    rests_on = {n: getattr(recipe, n) for n in (*names, "network", "texts", "training_seed")}
    if recipe.unseen:
        rests_on["unseen"] = recipe.unseen
    often = msgspec.structs.replace(recipe.train, checkpoint_every=0, evaluate_every=0)
    return hashlib.sha256(msgspec.json.encode([rests_on, recipe.seed, often])).hexdigest()


def accumulate(
    network: FaceStateNet,
    recipe: Recipe,
    batches: Sequence[Batch],
    weights: Tensor,
    language: Language | None,
    teacher: Teacher | None,
    step: int,
    world: World,
) -> tuple[float, float]:
    """Leave this process's share of a step's gradient; returns its mean losses (emotion, AU).

    With a teacher, the loss of emotion has the recipe's share of what it says.
    """
    settings = recipe.train
    count = ceil(sum(settings.batch.values()) / settings.micro_batch)
    sums = torch.zeros(2, device=world.device)
    for batch in batches:
        seed = (recipe.training_seed, step, batch.place)
        torch.manual_seed(hash(seed))  # dropout: the same after a resume, and for any world
        batch = batch.to(world.device)
        with world.precision(settings.precision):
            taught = teacher(batch.images) if teacher is not None else None
            emotion, units, besides = (
                answer(network, batch, language, np.random.default_rng(seed))
                if taught is None
                else learn(network, batch.images, taught, recipe.lessons)
            )
        emotion, units = emotion.float(), units.float()
        labelled = emotion_loss(emotion, batch.votes, batch.possible, settings.label_smoothing)
        if taught is not None and recipe.lessons is not None:
            share, kind = recipe.lessons.share, recipe.lessons.relation
            agreement = emotion_agreement(emotion, taught.emotion.float(), kind)
            labelled = (1 - share) * labelled + share * agreement
        losses = (labelled, action_unit_loss(units, batch.action_units, weights))
        ((losses[0] + settings.au_weight * losses[1] + besides) / count).backward()  # type: ignore[no-untyped-call]
        sums += torch.stack(losses).detach()
    return round(sums[0].item() / len(batches), 4), round(sums[1].item() / len(batches), 4)


def wild_sources(recipe: Recipe) -> list[Source]:
    """The faces of phase 1 that are in the cache, with pseudo-labels where the recipe has them."""
    return load_sources(recipe, [n for n in recipe.train.batch if not recipe.data[n].streamed])


def load_sources(recipe: Recipe, names: Iterable[str]) -> list[Source]:
    """Training faces of the named data sets; of labelled ones, those with a known emotion.

    Raises ConfigError for shards, which phase 1 alone trains from, FileNotFoundError for a data
    set that was not prepared.
    """
    sources = []
    for name in names:
        if recipe.data[name].streamed:
            raise ConfigError(
                f"data.{name} is shards, which phase 1 alone trains from; name a prepared data set"
            )
        store = load_faces(recipe, name)
        units = store.action_units
        if name in recipe.pseudo_labels.datasets:
            rules = recipe.pseudo_labels.rules
            units = pseudo_labels(recipe.cache_folder / name, rules, recipe.action_units)
        rows = store.rows("train")
        known = ~np.isnan(store.votes[rows]).any(axis=1)
        rows = rows[known] if known.any() else rows
        unseen = [recipe.emotions.index(emotion) for emotion in recipe.unseen]
        rows = rows[~(store.votes[rows][:, unseen] > 0).any(axis=1)]
        possible = (np.nansum(store.votes[rows], axis=0) > 0).astype(np.float32)
        sources.append(Source(name, store, rows, possible, units))
    return sources


def validate(network: nn.Module, recipe: Recipe, sources: Iterable[Source]) -> dict[str, float]:
    """Accuracy a data set on its "valid" split (hard labels), 0..1, as `accuracy_<name>`."""
    result = {}
    for source in sources:
        rows = source.store.labelled("valid")
        if not len(rows):
            continue  # nobody labelled it
        predicted = predict(network, recipe, source, rows)[0].argmax(axis=1)
        result[f"accuracy_{source.name}"] = float((predicted == source.store.majority[rows]).mean())
    return result


def predict(
    network: nn.Module, recipe: Recipe, source: Source, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Emotion and AU logits, float32 [rows, labels], of stored faces as the product sees them."""
    network.eval()
    device = next(network.parameters()).device
    emotion, units = [], []
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, len(rows) // 64)):
            images = centre_tensor(recipe, source.store.images[part]).to(device)
            logits: tuple[Tensor, ...] = network(images)  # integers tell vectors as well
            emotion.append(logits[0].cpu().numpy())
            units.append(logits[1].cpu().numpy())
    return np.concatenate(emotion), np.concatenate(units)
