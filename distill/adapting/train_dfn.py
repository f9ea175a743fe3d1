"""Training of a DFN on hidden states that are at hand: seconds to minutes on a CPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.adapting.hidden import HiddenStates
from distill.adapting.int8_weights import round_weights, settle
from distill.adapting.user_data.labels import Kind
from distill.faces.batches import positive_weights
from distill.networks.dfn import DFN
from distill.training.losses.functions import masked_bce
from distill.training.optimizer import Optimisation, start_optimisation

CHUNK = 256
"""Faces that are held as float32 at a time."""


@dataclass(frozen=True)
class Schedule:
    """How a DFN is trained. Steps are what the epochs ask for, within bounds."""

    epochs: int = 40
    batch: int = 64
    least_steps: int = 150
    most_steps: int = 4000
    lr: float = 2e-3
    weight_decay: float = 0.05
    ema: float = 0.99
    label_smoothing: float = 0.1

    def steps(self, faces: int) -> int:
        """Steps of a training on so many faces."""
        wanted = self.epochs * faces // self.batch
        return min(max(wanted, self.least_steps), self.most_steps)


@dataclass(frozen=True)
class Task:
    """targets: float32 [n, outputs]; one-hot, or 0, 1 and NaN, or scores of unit variance."""

    kind: Kind
    targets: NDArray[np.float32]


@dataclass(frozen=True)
class FaceOrder:
    """Epoch after epoch of seeded permutations, cut into batches; none skipped."""

    rows: NDArray[np.int64]
    batch: int
    seed: int

    def at(self, step: int) -> NDArray[np.int64]:
        """The rows of a step."""
        places = np.arange(step * self.batch, (step + 1) * self.batch)
        epochs, within = np.divmod(places, len(self.rows))
        drawn = np.empty(self.batch, dtype=np.int64)
        for epoch in np.unique(epochs):
            order = np.random.default_rng((self.seed, int(epoch))).permutation(self.rows)
            drawn[epochs == epoch] = order[within[epochs == epoch]]
        return drawn


@dataclass(frozen=True)
class DFNTraining:
    """A DFN in training. A step depends on the seed and its number alone."""

    optimisation: Optimisation[DFN]
    states: HiddenStates
    task: Task
    order: FaceOrder
    weights: Tensor
    schedule: Schedule

    def learn(self, step: int) -> None:
        """One step on a batch of faces, each in a view drawn at random."""
        seed = self.order.seed
        torch.manual_seed(hash((seed, step)))  # dropout
        rows = self.order.at(step)
        views = np.random.default_rng((seed, step)).integers(
            0, self.states.values.shape[1], len(rows)
        )
        flat = torch.from_numpy(self.states.values[rows, views]).float()
        logits = self.optimisation.network(*self.states.layout.split(flat))
        targets = torch.from_numpy(self.task.targets[rows])
        smoothing = self.schedule.label_smoothing
        loss = task_loss(self.task.kind, logits, targets, self.weights, smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimisation.update(step)


def train_dfn(
    states: HiddenStates,
    task: Task,
    rows: NDArray[np.int64],
    seed: int,
    schedule: Schedule | None = None,
) -> DFN:
    """A DFN that saw the given rows alone, in eval mode: averaged weights, on the grid of int8."""
    schedule = schedule or Schedule()
    training = start_dfn(states, task, rows, seed, schedule)
    for step in range(schedule.steps(len(rows))):
        training.learn(step)
    dfn = training.optimisation.average
    settle(dfn)
    return dfn


def start_dfn(
    states: HiddenStates, task: Task, rows: NDArray[np.int64], seed: int, schedule: Schedule
) -> DFNTraining:
    """A new DFN, not trained yet; the hidden states of `rows` set its normalisation.

    Its weights are rounded in every step, as they are kept on a phone.
    """
    torch.manual_seed(seed)
    mean, spread = moments(states, rows)
    dfn = DFN(states.layout, task.targets.shape[1], mean, spread)
    round_weights(dfn)
    steps = schedule.steps(len(rows))
    optimisation = start_optimisation(
        dfn.train(),
        lambda _: schedule.lr,
        steps=steps,
        warmup=max(1, steps // 20),
        weight_decay=schedule.weight_decay,
        ema=schedule.ema,
    )
    order = FaceOrder(rows, schedule.batch, seed)
    weights = positive_weights(task.targets[rows])
    return DFNTraining(optimisation, states, task, order, weights, schedule)


def task_loss(
    kind: Kind, logits: Tensor, targets: Tensor, weights: Tensor, smoothing: float
) -> Tensor:
    """The loss of a kind of task, a scalar; logits, targets (N, outputs), weights (outputs,)."""
    if kind == "multi-class":
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    if kind == "multi-label":
        return masked_bce(logits, targets, weights)
    return F.mse_loss(logits, targets)


@torch.inference_mode()
def predict_dfn(dfn: DFN, states: HiddenStates, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Logits [len(rows), outputs] of the faces as the product sees them."""
    parts = [
        dfn(*states.layout.split(torch.from_numpy(states.values[part, 0]).float()))
        for part in chunks(rows)
    ]
    logits: NDArray[np.float32] = torch.cat(parts).numpy()
    return logits


def moments(states: HiddenStates, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation, (layout.width,) each, of the hidden states of `rows`."""
    total = np.zeros(states.layout.width)
    squares = np.zeros(states.layout.width)
    for part in chunks(rows):
        values = states.values[part, 0].astype(np.float64)
        total += values.sum(axis=0)
        squares += np.square(values).sum(axis=0)
    mean = total / len(rows)
    spread = np.sqrt(np.maximum(squares / len(rows) - np.square(mean), 0))
    return torch.from_numpy(mean).float(), torch.from_numpy(spread).float()


def chunks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows, a bounded number at a time."""
    return np.array_split(rows, range(CHUNK, len(rows), CHUNK))
