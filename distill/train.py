"""Train, phase 1: the trunk and both branches on in-the-wild faces (FER+, RAF-DB).

Emotion learns from raters' votes, the AU branch from pseudo-labels. Human FACS codes come in
phase 2 (`action_units.py`), over the trunk that this phase leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from distill.batches import Source, centre_tensor, make_batches, positive_weights
from distill.checkpoint import WILD, save_atomically, save_network
from distill.config import Recipe
from distill.facestore import load_store
from distill.losses import action_unit_loss, emotion_loss
from distill.mobilefacenet import MobileFaceNet, load_tflite
from distill.network import FaceStateNet, channels_last
from distill.parallel import World, join_world
from distill.pseudo import pseudo_labels


def train(recipe: Recipe) -> Path:
    """Run or resume phase 1; returns the path of the trained network (averaged weights)."""
    world = join_world()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    sources = wild_sources(recipe)
    network = start_network(recipe)
    average = deepcopy(network).eval()
    optimizer = _optimizer(network, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: _rate(s, recipe))
    parts: dict[str, Any] = {
        "network": network,
        "average": average,
        "optimizer": optimizer,
        "schedule": schedule,
    }
    folder = recipe.run_folder
    path = folder / "wild.pt"
    start = _resume(folder / "last.pt", parts)

    weights = positive_weights(np.concatenate([s.action_units[s.rows] for s in sources]))
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
        losses = _accumulate(network, recipe, sources, weights, step, world)
        world.sum_gradients(network.parameters())
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        update_average(average, network, min(recipe.train.ema, (1 + step) / (10 + step)))
        done = step + 1
        if world.leads:
            if done % 20 == 0:
                _log(folder, step=done, loss_emotion=losses[0], loss_units=losses[1])
            if done % recipe.train.evaluate_every == 0:
                _log(folder, step=done, validation=validate(average, recipe, sources))
            if done % recipe.train.checkpoint_every == 0 or done == recipe.train.steps:
                content = {name: part.state_dict() for name, part in parts.items()}
                save_atomically({"step": done, **content}, folder / "last.pt")
    if world.leads and not (path.is_file() and start == recipe.train.steps):
        save_network(average, recipe, WILD, path)
    world.wait()
    return path


def _resume(path: Path, parts: dict[str, Any]) -> int:
    """Load the last checkpoint into `parts` where there is one; returns the steps done."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


def _accumulate(
    network: FaceStateNet,
    recipe: Recipe,
    sources: list[Source],
    weights: Tensor,
    step: int,
    world: World,
) -> tuple[float, float]:
    """Leave this process's share of a step's gradient; returns its mean losses (emotion, AU)."""
    settings = recipe.train
    torch.manual_seed(hash((recipe.seed, step, world.rank)))  # dropout, the same after a resume
    count = ceil(sum(settings.batch.values()) / settings.micro_batch)
    sums = torch.zeros(2)
    batches = make_batches(recipe, sources, step, world.rank, world.size)
    for batch in batches:
        emotion, units = network(batch.images)
        losses = (
            emotion_loss(emotion, batch.votes, batch.possible, settings.label_smoothing),
            action_unit_loss(units, batch.action_units, weights),
        )
        ((losses[0] + settings.au_weight * losses[1]) / count).backward()  # type: ignore[no-untyped-call]
        sums += torch.stack(losses).detach()
    return round(sums[0].item() / len(batches), 4), round(sums[1].item() / len(batches), 4)


def start_network(recipe: Recipe) -> FaceStateNet:
    """The network before training: MobileFaceNet's weights, stages frozen as the recipe says."""
    weights = recipe.network.weights
    backbone = load_tflite(Path(weights)) if weights else MobileFaceNet()
    network = FaceStateNet(
        backbone, len(recipe.emotions), len(recipe.action_units), recipe.network.dropout
    )
    network.freeze(*recipe.network.frozen)
    return channels_last(network)


def wild_sources(recipe: Recipe) -> list[Source]:
    """The training faces of phase 1, with pseudo-labels where the recipe has them."""
    sources = []
    for name in recipe.train.batch:
        store = load_store(recipe.cache_folder / name)
        units = store.action_units
        if name in recipe.pseudo_labels.datasets:
            rules = recipe.pseudo_labels.rules
            units = pseudo_labels(recipe.cache_folder / name, rules, recipe.action_units)
        rows = store.rows("train")
        rows = rows[~np.isnan(store.votes[rows]).any(axis=1)]
        possible = (np.nansum(store.votes[rows], axis=0) > 0).astype(np.float32)
        sources.append(Source(name, store, rows, possible, units))
    return sources


def validate(network: nn.Module, recipe: Recipe, sources: Iterable[Source]) -> dict[str, float]:
    """Accuracy a data set on its "valid" split (hard labels), 0..1."""
    result = {}
    for source in sources:
        rows = source.store.labelled("valid")
        predicted = predict(network, recipe, source, rows)[0].argmax(axis=1)
        result[source.name] = float((predicted == source.store.majority[rows]).mean())
    return result


def predict(
    network: nn.Module, recipe: Recipe, source: Source, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Emotion and AU logits, float32 [rows, labels], of stored faces as the product sees them."""
    network.eval()
    emotion, units = [], []
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, len(rows) // 64)):
            logits: tuple[Tensor, Tensor] = network(
                centre_tensor(recipe, source.store.images[part])
            )
            emotion.append(logits[0].numpy())
            units.append(logits[1].numpy())
    return np.concatenate(emotion), np.concatenate(units)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; the network has no buffers."""
    for kept, new in zip(average.parameters(), network.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


def _optimizer(network: FaceStateNet, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW; new layers learn faster, and biases, norms and slopes do not decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            new = ".head." in name
            groups.setdefault((new, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": recipe.train.head_lr if new else recipe.train.lr,
                "weight_decay": recipe.train.weight_decay if decays else 0.0,
            }
            for (new, decays), parameters in groups.items()
        ]
    )


def _rate(step: int, recipe: Recipe) -> float:
    """Learning rate as a part of its peak: linear warm-up, then a cosine to 2 %."""
    warm = recipe.train.warmup
    if step < warm:
        return (step + 1) / warm
    progress = (step - warm) / max(1, recipe.train.steps - warm)
    return 0.02 + 0.98 * 0.5 * (1 + float(np.cos(np.pi * progress)))


def _log(folder: Path, **values: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")
