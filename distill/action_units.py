"""Train, phase 2: the AU branch on human FACS codes, over the frozen trunk.

The trunk never saw a face of the coded data set, so folds by subject over the branch alone are
honest about the whole network: each fold's logits come from a branch that saw none of its
subjects. The branch that ships is then trained on all subjects with the same settings.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from distill.augment import augment, centre
from distill.batches import positive_weights, to_tensor
from distill.checkpoint import ACTION_UNITS, load_network, save_atomically, save_network
from distill.config import Recipe
from distill.facestore import FaceStore, load_store
from distill.losses import action_unit_loss
from distill.network import Branch, FaceStateNet, channels_last
from distill.parallel import join_world
from distill.pseudo import pseudo_labels
from distill.train import update_average
from mf2_edge.atomic import replacing

REPLAY_FACES = 2000
"""Pseudo-labelled faces whose features are kept at hand for replay, a data set."""


@dataclass(frozen=True)
class Features:
    """Trunk maps float16 [faces, views, 128, 14, 14] (view 0 as the product cuts it) and labels."""

    maps: Tensor
    labels: Tensor


def train_action_units(recipe: Recipe) -> Path:
    """Fold by fold, then on all faces; returns the path of the network with the final branch.

    Writes `folds.npz`: subjects, fold, labels and out-of-fold logits of every coded face. The
    processes of a `torchrun` share the folds; those that are done are not done again.
    """
    world = join_world()
    torch.set_num_threads(recipe.threads)
    settings = recipe.action_unit_training
    wild = recipe.run_folder / "wild.pt"
    network = load_network(wild).network
    network.branch_off(settings.own_blocks)
    network = channels_last(network)
    store = load_store(recipe.cache_folder / settings.dataset)
    fold = subject_folds(store.subjects, settings.folds, recipe.seed)

    jobs = {**{str(number): fold != number for number in range(settings.folds)}, "all": fold >= 0}
    paths = {job: recipe.run_folder / "folds" / f"{job}.pt" for job in jobs}
    key = f"{wild.stat().st_mtime_ns} {settings}"
    mine = [job for job in list(jobs)[world.rank :: world.size] if not _is_done(paths[job], key)]
    if mine:
        everyone = np.arange(len(store.names))
        coded = _features(network, recipe, store, everyone, store.action_units, settings.views)
        replay = [_replay_features(network, recipe, name) for name in settings.replay]
    for job in mine:
        branch = _train_branch(network, recipe, coded, replay, np.flatnonzero(jobs[job]), job)
        logits = _logits(branch, coded.maps[:, 0])
        save_atomically({"branch": branch.state_dict(), "logits": logits, "key": key}, paths[job])
    world.wait()

    path = recipe.run_folder / "network.pt"
    if world.leads:
        done = {job: torch.load(paths[job], weights_only=True) for job in jobs}
        out_of_fold = np.stack([done[str(own)]["logits"][row] for row, own in enumerate(fold)])
        with replacing(recipe.run_folder / "folds.npz") as partial:
            np.savez(
                partial,
                subjects=store.subjects,
                fold=fold,
                labels=store.action_units,
                logits=out_of_fold,
            )
        network.action_units.load_state_dict(done["all"]["branch"])
        save_network(network, recipe, ACTION_UNITS, path)
    world.wait()
    return path


def subject_folds(subjects: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each face, [n]; all faces of a subject share one."""
    names = np.random.default_rng(seed).permutation(np.unique(subjects))
    fold_of = {name: place % folds for place, name in enumerate(names)}
    return np.array([fold_of[name] for name in subjects])


def _train_branch(
    network: FaceStateNet,
    recipe: Recipe,
    coded: Features,
    replay: list[Features],
    rows: NDArray[np.int64],
    title: str,
) -> Branch:
    """An AU branch trained on the given coded faces, starting from phase 1's; averaged weights."""
    settings = recipe.action_unit_training
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    branch = deepcopy(network.action_units).train()
    branch.dropout.p = recipe.network.dropout
    average = deepcopy(branch)
    optimizer = torch.optim.AdamW(
        branch.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.lr, total_steps=settings.steps, pct_start=0.1
    )
    weights = positive_weights(coded.labels[rows].numpy())
    counts = [settings.batch, *settings.replay.values()]
    for step in tqdm(range(settings.steps), desc=f"action units, fold {title}", unit="step"):
        losses = []
        for source, count in zip((coded, *replay), counts, strict=True):
            pool = rows if source is coded else np.arange(len(source.labels))
            chosen = rng.choice(pool, count)
            view = rng.integers(source.maps.shape[1], size=count)
            logits = branch(_as_input(source.maps[chosen, view]))
            share = count / sum(counts)
            losses.append(share * action_unit_loss(logits, source.labels[chosen], weights))
        optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(branch.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        update_average(average, branch, min(settings.ema, (1 + step) / (10 + step)))
    return average.eval()


def _features(
    network: FaceStateNet,
    recipe: Recipe,
    store: FaceStore,
    rows: NDArray[np.int64],
    labels: NDArray[np.float32],
    views: int,
) -> Features:
    """Trunk maps of the faces as the product sees them, then of augmented views."""
    size = recipe.alignment
    maps = torch.empty(len(rows), 1 + views, 128, 14, 14, dtype=torch.float16)
    with torch.inference_mode():
        for place, row in enumerate(tqdm(rows, desc="trunk features", unit="face")):
            image = np.asarray(store.images[row])
            rng = np.random.default_rng((recipe.seed, int(row)))
            varied = [augment(image, size.width, size.height, rng) for _ in range(views)]
            faces = np.stack([centre(image, size.width, size.height), *varied])
            maps[place] = network.features(to_tensor(faces, recipe.preprocessing)).half()
    return Features(maps, torch.from_numpy(labels[rows]))


def _replay_features(network: FaceStateNet, recipe: Recipe, name: str) -> Features:
    store = load_store(recipe.cache_folder / name)
    labels = pseudo_labels(
        recipe.cache_folder / name, recipe.pseudo_labels.rules, recipe.action_units
    )
    known = store.rows("train")
    known = known[~np.isnan(labels[known]).all(axis=1)]
    rows = np.sort(np.random.default_rng(recipe.seed).permutation(known)[:REPLAY_FACES])
    return _features(network, recipe, store, rows, labels, views=1)


def _is_done(path: Path, key: str) -> bool:
    """Whether a job was done with this phase-1 network and these settings."""
    return path.is_file() and torch.load(path, weights_only=True).get("key") == key


def _as_input(maps: Tensor) -> Tensor:
    return maps.float().contiguous(memory_format=torch.channels_last)


def _logits(branch: Branch, maps: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([branch(_as_input(part)) for part in torch.split(maps, 64)]).clone()
