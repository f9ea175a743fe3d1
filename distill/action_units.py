"""Train, phase 2: human FACS codes join the faces of phase 1; trunk and both branches move.

A trunk that knows emotion alone tells Action Units apart less well. A teacher's answers hold the
emotion branch in place meanwhile: those of phase 1 (learning without forgetting, Li & Hoiem 2016,
arXiv:1606.09282), or of an ensemble, which also tells the units of faces that nobody coded.

Phase 1 never saw a face of the coded data set, so folds by subject over phase 2 alone are honest
about the whole network: each fold's logits come from a network that saw none of its subjects. The
network that ships is then trained on all subjects with the same settings.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from distill.checkpoint import ACTION_UNITS, load_network, save_atomically, save_network
from distill.config import Recipe
from distill.faces.batches import Source, balance, make_batches
from distill.faces.store import load_store
from distill.language.alignment import Language, answer, load_language
from distill.learning.lessons import emotion_agreement, learn
from distill.learning.losses import action_unit_loss, emotion_loss, unit_agreement_loss
from distill.learning.optimise import start_optimisation
from distill.learning.parallel import World, join_world
from distill.learning.teacher import Teacher, find_teacher, teacher_key
from distill.networks.network import FaceStateNet, channels_last
from distill.networks.start import start_network
from distill.train import load_sources, predict
from mf2_edge.atomic import replacing


@dataclass(frozen=True)
class School:
    """What every fold shares: the network of phase 1, coded faces, other faces, texts.

    replay_weights: of a positive AU label of the other faces, (units,).
    """

    wild: FaceStateNet
    coded: Source
    replay: list[Source]
    replay_weights: Tensor
    language: Language | None
    world: World


def train_action_units(recipe: Recipe, *, on_all: bool = True) -> Path:
    """Fold by fold, then on all faces; returns the path of the out-of-fold logits, `folds.npz`.

    `folds.npz` has subjects, fold, labels and logits of every coded face; `network.pt` beside it
    is the network trained on all faces, left out if `on_all` is false. The processes of a
    `torchrun` share the folds; those that are done are not done again.
    """
    world = join_world()
    torch.set_num_threads(recipe.threads)
    settings = recipe.action_unit_training
    wild = recipe.run_folder / "wild.pt"
    coded = coded_source(recipe)
    before = channels_last(load_network(wild).network)
    replay = load_sources(recipe, settings.replay)
    known = np.sum([source.unit_counts() for source in replay], axis=0)
    replay_weights = balance(known).to(world.device)
    school = School(before, coded, replay, replay_weights, load_language(recipe), world)
    store = coded.store
    fold = subject_folds(store.subjects, settings.folds, recipe.seed)

    jobs = {str(number): fold != number for number in range(settings.folds)}
    if on_all:
        jobs["all"] = fold >= 0
    folder = recipe.run_folder / "folds"
    rests_on = f"{wild.stat().st_mtime_ns} {settings} {recipe.training_seed}"
    for job in list(jobs)[world.rank :: world.size]:
        path = folder / f"{job}.pt"
        key = f"{rests_on} {teacher_key(recipe, job)}"
        if _is_done(path, key):
            continue
        rows = np.flatnonzero(jobs[job])
        teacher = find_teacher(recipe, before, job, world.device)
        network = _train_fold(recipe, school, teacher, rows, folder / f"{job}-last.pt", key)
        logits = predict(network, recipe, coded, np.arange(len(store.names)))[1]
        content = {"network": network.state_dict(), "logits": torch.from_numpy(logits)}
        save_atomically({**content, "key": key}, path)
        (folder / f"{job}-last.pt").unlink(missing_ok=True)
    world.wait()

    path = recipe.run_folder / "folds.npz"
    if world.leads:
        done = {job: torch.load(folder / f"{job}.pt", weights_only=True) for job in jobs}
        out_of_fold = np.stack([done[str(own)]["logits"][row] for row, own in enumerate(fold)])
        with replacing(path) as partial:
            np.savez(
                partial,
                subjects=store.subjects,
                fold=fold,
                labels=store.action_units,
                logits=out_of_fold,
            )
        if on_all:
            before.load_state_dict(done["all"]["network"])
            save_network(before.cpu(), recipe, ACTION_UNITS, recipe.run_folder / "network.pt")
    world.wait()
    return path


def subject_folds(subjects: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each face, [n]; all faces of a subject share one."""
    names = np.random.default_rng(seed).permutation(np.unique(subjects))
    fold_of = {name: place % folds for place, name in enumerate(names)}
    return np.array([fold_of[name] for name in subjects])


def balanced(labels: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows, those with rare units repeated: by the root of how rare the rarest of them is.

    labels [n, units] of 0, 1, NaN. Most coded faces are neutral; shown as often as they are there,
    they would leave little room for the units that show least.
    """
    present = labels[rows] == 1
    rarity = np.sqrt(len(rows) / np.maximum(present.sum(axis=0), 1))
    times = np.maximum(1, (present * rarity).max(axis=1).round()).astype(np.int64)
    return np.repeat(rows, times)


def coded_source(recipe: Recipe) -> Source:
    """All faces with human FACS codes, as a source of training."""
    store = load_store(recipe.cache_folder / recipe.action_unit_training.dataset)
    possible = np.ones(len(recipe.emotions), dtype=np.float32)
    rows = np.arange(len(store.names))
    return Source(recipe.action_unit_training.dataset, store, rows, possible, store.action_units)


def _train_fold(
    recipe: Recipe,
    school: School,
    teacher: Teacher,
    rows: NDArray[np.int64],
    checkpoint: Path,
    key: str,
) -> FaceStateNet:
    """A network that saw the given coded faces alone; averaged weights."""
    settings = recipe.action_unit_training
    torch.manual_seed(recipe.training_seed)
    network = _start_fold(recipe, school.wild).to(school.world.device)
    optimisation = start_optimisation(
        network,
        lambda name: _rate(recipe, name),
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=settings.ema,
    )
    coded = replace(school.coded, rows=balanced(school.coded.action_units, rows))
    weights = balance(coded.unit_counts()).to(school.world.device)
    start = optimisation.resume(checkpoint, key) if _is_done(checkpoint, key) else 0
    for step in tqdm(
        range(start, settings.steps),
        initial=start,
        total=settings.steps,
        desc=f"action units, {checkpoint.stem.removesuffix('-last')}",
        unit="step",
        mininterval=5,
    ):
        torch.manual_seed(hash((recipe.training_seed, step)))  # dropout, the same after a resume
        network.train()
        _learn_codes(network, recipe, school, coded, weights, step)
        _remember(network, recipe, school, teacher, step)
        optimisation.update(step)
        if (step + 1) % settings.checkpoint_every == 0:
            optimisation.save(checkpoint, step + 1, key)
    return optimisation.average


def _start_fold(recipe: Recipe, wild: FaceStateNet) -> FaceStateNet:
    if not recipe.action_unit_training.fresh_branch:
        network = deepcopy(wild)
        network.freeze(*recipe.network.frozen)
        return network
    # The AU branch starts from the face network again: that learns better than from phase 1's.
    network = start_network(recipe)
    branch = deepcopy(network.action_units.state_dict())
    network.load_state_dict(wild.state_dict())
    network.action_units.load_state_dict(branch)
    return network


def _learn_codes(
    network: FaceStateNet,
    recipe: Recipe,
    school: School,
    coded: Source,
    weights: Tensor,
    step: int,
) -> None:
    """Leave the gradient of a step's human-coded faces: their units, and their emotion if known."""
    settings = recipe.action_unit_training
    rng = np.random.default_rng((recipe.training_seed, step, 0))
    for batch in make_batches(recipe, [coded], {coded.name: settings.batch}, step):
        batch = batch.to(school.world.device)
        with school.world.precision(recipe.train.precision):
            emotion, units, alignment = answer(network, batch, school.language, rng)
        loss = alignment + action_unit_loss(units.float(), batch.action_units, weights)
        loss = loss + 0.5 * emotion_loss(
            emotion.float(), batch.votes, batch.possible, recipe.train.label_smoothing
        )
        (loss * len(batch.images) / settings.batch).backward()  # type: ignore[no-untyped-call]


def _remember(
    network: FaceStateNet, recipe: Recipe, school: School, teacher: Teacher, step: int
) -> None:
    """Leave the gradient of a step's other faces, judged by their labels and by the teacher."""
    settings = recipe.action_unit_training
    total, sources = sum(settings.replay.values()), school.replay
    weights = school.replay_weights
    relation = recipe.lessons.relation if recipe.lessons else "kl"
    rng = np.random.default_rng((recipe.training_seed, step, 1))
    for batch in make_batches(recipe, sources, settings.replay, step):
        batch = batch.to(school.world.device)
        with school.world.precision(recipe.train.precision):
            taught = teacher(batch.images)
            emotion, units, besides = (
                answer(network, batch, school.language, rng)
                if recipe.lessons is None
                else learn(network, batch.images, taught, recipe.lessons)
            )
        emotion, units = emotion.float(), units.float()
        labelled = emotion_loss(emotion, batch.votes, batch.possible, recipe.train.label_smoothing)
        share = settings.distillation
        agreement = emotion_agreement(emotion, taught.emotion, relation)
        loss = besides + (1 - share) * labelled + share * agreement
        loss = loss + recipe.train.au_weight * action_unit_loss(units, batch.action_units, weights)
        if taught.action_units is not None:
            unit_agreement = unit_agreement_loss(units, taught.action_units)
            loss = loss + settings.unit_distillation * unit_agreement
        (loss * len(batch.images) / total).backward()  # type: ignore[no-untyped-call]


def _rate(recipe: Recipe, parameter: str) -> float:
    """Peak learning rate of a parameter by its name."""
    settings = recipe.action_unit_training
    if parameter.startswith(("trunk.", "emotion.", "related_emotion.", "face_to_text.")):
        return settings.trunk_lr
    return settings.head_lr if ".head." in parameter else settings.branch_lr


def _is_done(path: Path, key: str) -> bool:
    """Whether a file was written with this phase-1 network and these settings."""
    return path.is_file() and torch.load(path, weights_only=True).get("key") == key
