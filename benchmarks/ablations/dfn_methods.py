"""Three ways to teach MF² a task, one a process: DFN, linear probe, full fine-tuning.

A process is started by `dfn_versus.py` and prints one line of JSON.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from tqdm import tqdm

from distill.adapting.frozen import file_digest, open_frozen
from distill.adapting.hidden import HiddenStates, hidden_states
from distill.adapting.train_dfn import (
    FaceOrder,
    Schedule,
    Task,
    moments,
    predict_dfn,
    start_dfn,
    task_loss,
)
from distill.adapting.user_data.labels import Kind
from distill.adapting.user_data.split import VALIDATION_FOLDS, group_folds
from distill.config import Recipe
from distill.evaluation.metrics.labels import emotion_metrics, label_metrics
from distill.faces.augment import augment
from distill.faces.batches import centre_tensor, positive_weights, to_tensor
from distill.faces.store import load_store
from distill.networks.dfn import DFN, Layout
from distill.networks.mf2 import MF2
from distill.training.checkpoint import CheckpointError
from distill.training.optimizer import start_optimisation
from mf2_edge.pipeline.activations import sigmoid

VIEWS = 8
BATCH = 64
FACE, UNITS = 2, 3
"""The global vectors among MF²'s stages."""


@dataclass(frozen=True)
class Question:
    """One run's data. rows: faces of the store, those to learn from first; train, valid: places."""

    recipe: Recipe
    task: Task
    labels: tuple[str, ...]
    images: Path
    rows: NDArray[np.int64]
    train: NDArray[np.int64]
    valid: NDArray[np.int64]


def recipe_for(checkpoint: Path, task: str) -> Recipe:
    """The checkpoint's recipe; raises CheckpointError if it has learned from the faces judged."""
    loaded = open_frozen(checkpoint)[1]
    if task == "ckplus" and loaded.recipe.train.batch.get("ckplus"):
        raise CheckpointError(
            f"{checkpoint} was trained on subjects of CK+: give one of a recipe whose train.batch "
            "has ckplus = 0"
        )
    return loaded.recipe


def ask(recipe: Recipe, name: str, faces: int, seed: int) -> Question:
    """RAF-DB: `faces` drawn from its training part, judged on its validation part. CK+: its units,
    a fifth of the subjects held out. `faces` limits every part of both."""
    store = load_store(recipe.cache_folder / name)
    rng = np.random.default_rng(seed)
    kind: Kind
    if name == "rafdb":
        train, valid = store.labelled("train"), store.labelled("valid")
        possible = np.unique(store.majority[train])
        targets = (store.majority[:, None] == possible).astype(np.float32)
        kind, labels = "multi-class", tuple(recipe.emotions[place] for place in possible)
    else:
        labels = recipe.folds.headline if recipe.folds else recipe.action_units
        targets = store.action_units[:, [recipe.action_units.index(unit) for unit in labels]]
        folds = group_folds("multi-label", targets, store.subjects, VALIDATION_FOLDS, seed)
        train, valid = np.flatnonzero(folds != 0), np.flatnonzero(folds == 0)
        kind = "multi-label"
    train = np.sort(rng.permutation(train)[:faces])
    rows = np.concatenate([train, valid])
    return Question(
        recipe=recipe,
        task=Task(kind, targets[rows]),
        labels=labels,
        images=recipe.cache_folder / name / "images.npy",
        rows=rows,
        train=np.arange(len(train)),
        valid=np.arange(len(train), len(rows)),
    )


def cache(question: Question, checkpoint: Path, folder: Path) -> dict[str, Any]:
    """Make the hidden states, in this process alone."""
    started = time.perf_counter()
    states = hidden_states(
        checkpoint, question.images, question.rows, folder, views=VIEWS, seed=0, workers=1
    )
    layout = states.layout
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "recipe": msgspec.json.encode(question.recipe).decode(),
        "mf2_sha256": file_digest(checkpoint),
        "path": str(states.path),
        "layout": [list(layout.stages), layout.units, layout.token_width],
    }


def dfn(question: Question, cached: dict[str, Any], seed: int) -> dict[str, Any]:
    """The DFN; MF² is not even loaded."""
    states = open_states(cached)
    schedule = Schedule(batch=BATCH)
    training = start_dfn(states, question.task, question.train, seed, schedule)
    steps, epoch = schedule.steps(len(question.train)), Epochs(len(question.train))
    for step in range(steps):
        training.learn(step)
        epoch.count(step)
    network = training.optimisation.average
    return {
        "figures": figures(question, predict_dfn(network, states, question.valid)),
        "trainable": trainable(training.optimisation.network),
        **epoch.times(),
    }


def probe(question: Question, cached: dict[str, Any], seed: int) -> dict[str, Any]:
    """Logistic regression on both global vectors, its penalty chosen within the training part."""
    states = open_states(cached)
    starts = np.cumsum([0, *states.layout.stages])
    flat = states.values[:, 0, starts[FACE] : starts[UNITS + 1]].astype(np.float32)
    started = time.perf_counter()
    x = StandardScaler().fit(flat[question.train]).transform(flat)
    targets, train, valid = question.task.targets, question.train, question.valid
    model = {"Cs": np.logspace(-5, 0, 6), "max_iter": 500, "random_state": seed}
    if question.task.kind == "multi-class":
        fitted = LogisticRegressionCV(**model, cv=5).fit(x[train], targets[train].argmax(axis=1))
        logits = fitted.decision_function(x[valid])
    else:
        weights = positive_weights(targets[train]).numpy()
        columns = []
        for column in tqdm(range(len(question.labels)), desc="probe", unit="label"):
            y = targets[train, column]
            fitted = LogisticRegressionCV(**model, cv=3, scoring="roc_auc").fit(
                x[train], y, sample_weight=np.where(y == 1, weights[column], 1)
            )
            columns.append(fitted.decision_function(x[valid]))
        logits = np.stack(columns, axis=1)
    return {
        "figures": figures(question, logits.astype(np.float32)),
        "trainable": (x.shape[1] + 1) * len(question.labels),
        "epochs": None,
        "seconds_epoch": None,
        "seconds": round(time.perf_counter() - started, 2),
    }


def full(
    question: Question,
    cached: dict[str, Any],
    checkpoint: Path,
    seed: int,
    epochs: int,
    micro_batch: int,
) -> dict[str, Any]:
    """All of MF² and a DFN's readout on top, learned together from augmented pictures."""
    recipe = question.recipe
    mf2, _ = open_frozen(checkpoint)
    assert isinstance(mf2, MF2)
    torch.manual_seed(seed)
    states = open_states(cached)
    mean, spread = moments(states, question.train)
    network = Whole(mf2, DFN(states.layout, len(question.labels), mean, spread))
    rates = recipe.train
    count = max(1, epochs * len(question.train) // BATCH)
    learning = start_optimisation(
        network,
        lambda name: (rates.trunk_lr or rates.lr) if name.startswith("mf2.") else rates.head_lr,
        steps=count,
        warmup=max(1, count // 20),
        weight_decay=rates.weight_decay,
        ema=rates.ema,
    )
    weights = positive_weights(question.task.targets[question.train])
    order, epoch = FaceOrder(question.train, BATCH, seed), Epochs(len(question.train))
    network.train()
    for step in tqdm(range(count), desc="full fine-tuning", unit="step", mininterval=5):
        places = order.at(step)
        for part in np.array_split(places, range(micro_batch, BATCH, micro_batch)):
            rng = np.random.default_rng((seed, step, int(part[0])))
            logits = network(varied(question, part, rng))
            targets = torch.from_numpy(question.task.targets[part])
            loss = task_loss(question.task.kind, logits, targets, weights, 0.1)
            torch.autograd.backward(loss * len(part) / BATCH)
        learning.update(step)
        epoch.count(step)
    return {
        "figures": figures(question, predict_whole(learning.average, question)),
        "trainable": trainable(network),
        "micro_batch": micro_batch,
        **epoch.times(),
    }


class Whole(nn.Module):
    """MF² and the same readout that the DFN is, with nothing frozen."""

    def __init__(self, mf2: MF2, readout: DFN) -> None:
        super().__init__()
        self.mf2 = mf2.requires_grad_(True)
        mf2.attention.log_prior.requires_grad_(False)
        self.readout = readout

    def forward(self, x: Tensor) -> Tensor:
        reading = self.mf2.read(x)
        logits: Tensor = self.readout(reading.stages, reading.tokens)
        return logits


class Epochs:
    """Seconds of every whole epoch."""

    def __init__(self, faces: int) -> None:
        self.steps = max(1, round(faces / BATCH))
        self.seconds: list[float] = []
        self.started = self.last = time.perf_counter()

    def count(self, step: int) -> None:
        if (step + 1) % self.steps == 0:
            now = time.perf_counter()
            self.seconds.append(now - self.last)
            self.last = now

    def times(self) -> dict[str, Any]:
        return {
            "epochs": len(self.seconds),
            "seconds_epoch": round(float(np.median(self.seconds)), 3),
            "seconds": round(time.perf_counter() - self.started, 2),
        }


def figures(question: Question, logits: NDArray[np.float32]) -> dict[str, float]:
    """Of the validation part; a label counts as present from a score of 0.5 on."""
    targets, labels = question.task.targets[question.valid], question.labels
    if question.task.kind == "multi-class":
        truth = [labels[place] for place in targets.argmax(axis=1)]
        judged = emotion_metrics(truth, logits.astype(np.float64), labels, labels)
        return {"accuracy": judged.accuracy, "macro F1": judged.mean_f1}
    scores = sigmoid(logits)
    units = label_metrics(targets, scores, np.full(len(labels), 0.5), labels).values()
    return {
        "mean AUC": round(float(np.mean([unit.auc for unit in units])), 4),
        "mean F1": round(float(np.mean([unit.value for unit in units])), 4),
    }


def open_states(cached: dict[str, Any]) -> HiddenStates:
    """The hidden states that `cache` made."""
    stages, units, width = cached["layout"]
    path = Path(cached["path"])
    return HiddenStates(np.load(path, mmap_mode="r"), Layout(tuple(stages), units, width), path)


def varied(question: Question, places: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """Augmented pictures of the faces at some places."""
    size = question.recipe.alignment
    images = np.load(question.images, mmap_mode="r")
    views = [augment(images[row], size.width, size.height, rng) for row in question.rows[places]]
    return to_tensor(np.stack(views), question.recipe.preprocessing)


@torch.inference_mode()
def predict_whole(network: Whole, question: Question) -> NDArray[np.float32]:
    """Logits of the validation part, pictures as the product cuts them."""
    images = np.load(question.images, mmap_mode="r")
    parts = np.array_split(question.valid, range(8, len(question.valid), 8))
    logits = [
        network(centre_tensor(question.recipe, images[question.rows[part]])) for part in parts
    ]
    return np.asarray(torch.cat(logits).numpy(), dtype=np.float32)


def trainable(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
