"""How far each label can be relied on: F1 and recall on faces that nothing was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import HeldOut, is_present
from distill.evaluation.conditions import hard_labels
from distill.evaluation.metrics.scores import f1
from distill.evaluation.protocols.out_of_fold import Folds, out_of_fold
from mf2_edge.bundle.schema import CalibrationSpec, ReliabilitySpec
from mf2_edge.reliability import LabelReliability, ReliabilityFigure


def measure_reliability(
    recipe: Recipe, calibration: CalibrationSpec, world: list[HeldOut], folds: Folds | None
) -> ReliabilitySpec:
    """F1 and recall of every unit and emotion, on held-out faces and on unseen subjects.

    `world` are held-out faces; of the coded ones those coded twice alone, where some are.
    """
    laboratory: dict[str, ReliabilityFigure] = {}
    if folds is not None and recipe.folds is not None:
        units, _, present = out_of_fold(recipe, folds)
        data = f"{recipe.data[recipe.folds.dataset].title}, unseen subjects"
        for place, unit in enumerate(units):
            labels = folds.labels[:, recipe.action_units.index(unit)]
            laboratory[unit] = _figure(labels, present[:, place], data)
    found = {}
    for column, unit in enumerate(recipe.action_units):
        decided, truth, titles = [], [], []
        for part in (each for each in world if each.has_units):
            twice = part.store.coders[part.rows] > 1
            rows = twice if twice.any() else np.ones(len(twice), dtype=bool)
            truth.append(hard_labels(part.targets("action_units")[rows][:, [column]])[:, 0])
            logits = part.logits["action_units"][rows, column]
            decided.append(is_present(calibration.action_units[unit], logits))
            titles.append(f"{part.title} validation" + (", coded twice" * bool(twice.any())))
        labels = np.concatenate(truth) if truth else np.empty(0, np.float32)
        seen = None
        if (labels == 1).any():
            seen = _figure(labels, np.concatenate(decided), " and ".join(titles))
        if seen is not None or unit in laboratory:
            found[unit] = LabelReliability(laboratory=laboratory.get(unit), world=seen)
    return ReliabilitySpec(emotion=_emotion_reliability(recipe, world), action_units=found)


def _emotion_reliability(recipe: Recipe, world: list[HeldOut]) -> dict[str, LabelReliability]:
    """F1 and recall of each emotion among all, over held-out faces with one majority label."""
    parts = [(part, part.store.majority[part.rows]) for part in world]
    parts = [(part, labels) for part, labels in parts if (labels >= 0).any()]
    if not parts:
        return {}
    truth = np.concatenate([labels[labels >= 0] for _, labels in parts])
    decided = np.concatenate(
        [part.logits["emotion"][labels >= 0].argmax(axis=1) for part, labels in parts]
    )
    data = " and ".join(f"{part.title} validation" for part, _ in parts)
    figures = {
        name: _figure((truth == place).astype(np.float32), decided == place, data)
        for place, name in enumerate(recipe.emotions)
        if (truth == place).any()
    }
    return {name: LabelReliability(world=figure) for name, figure in figures.items()}


def _figure(
    labels: NDArray[np.float32], present: NDArray[np.bool_], data: str
) -> ReliabilityFigure:
    known = ~np.isnan(labels)
    truth, found = labels[known] == 1, present[known]
    recall = float(found[truth].mean()) if truth.any() else 0.0
    return ReliabilityFigure(
        f1=round(f1(found, truth), 4),
        recall=round(recall, 4),
        n=int(known.sum()),
        support=int(truth.sum()),
        data=data,
    )
