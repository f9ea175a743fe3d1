"""Calibration of a new head, on the training part alone: from logits out of fold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from distill.adapting.hidden import HiddenStates
from distill.adapting.train_dfn import Task, predict_dfn, train_dfn
from distill.adapting.user_data.split import Parts, group_folds
from distill.evaluation.calibrate import decisive_bias, fit_action_unit, fit_temperature
from mf2_edge.bundle.head_schema import ScoreCalibration, TaskCalibration
from mf2_edge.bundle.schema import ActionUnitCalibration, EmotionCalibration

FOLDS = 5


def normalised(task: Task, train: NDArray[np.int64]) -> tuple[Task, ScoreCalibration | None]:
    """Scores brought to mean 0 and variance 1 over the training part, and how to go back."""
    if task.kind != "score":
        return task, None
    scores = task.targets[train]
    mean, spread = float(scores.mean()), float(scores.std())
    back = ScoreCalibration(mean=mean, spread=spread, fitted_on="the training part")
    return Task(task.kind, (task.targets - mean) / spread), back


def calibrate_head(
    states: HiddenStates, task: Task, labels: tuple[str, ...], parts: Parts, seed: int
) -> TaskCalibration:
    """Temperature, or scaling of each label, for a task that is not a score.

    Each face of the training part is evaluated by a DFN that saw none of its group.
    """
    train = parts.train
    folds = group_folds(task.kind, task.targets[train], parts.groups[train], FOLDS, seed)
    logits = np.empty((len(train), len(labels)), dtype=np.float32)
    count = int(folds.max()) + 1
    for number in tqdm(range(count), desc="calibrate", unit="fold"):
        dfn = train_dfn(states, task, train[folds != number], seed)
        logits[folds == number] = predict_dfn(dfn, states, train[folds == number])
    fitted_on = f"the training part, out-of-fold logits, {count} folds"
    targets = task.targets[train]
    if task.kind == "multi-class":
        temperature = fit_temperature(logits, targets.argmax(axis=1))
        return TaskCalibration(
            multi_class=EmotionCalibration(temperature=temperature, fitted_on=fitted_on)
        )
    return TaskCalibration(
        multi_label={
            label: _fit_label(label, logits[:, column], targets[:, column], fitted_on)
            for column, label in enumerate(labels)
        }
    )


def _fit_label(
    label: str, logits: NDArray[np.float32], targets: NDArray[np.float32], fitted_on: str
) -> ActionUnitCalibration:
    known = ~np.isnan(targets)
    try:
        return fit_action_unit(label, logits[known], targets[known] == 1, fitted_on)
    except ValueError:  # no better than chance: a figure will say so, and nothing can be fitted
        return ActionUnitCalibration(
            scale=1.0,
            bias=decisive_bias(logits[known], 1.0, 0.0),
            fitted_on=f"{fitted_on}; no better than chance, so the scale is 1",
        )
