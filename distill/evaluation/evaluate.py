"""Evaluate: the figures that stand in the manifest, label by label, with support.

Emotion accuracy counts the best of all emotions the network knows, also on RAF-DB, which has no
contempt: nobody tells a phone which data set its user comes from. AU figures are out of fold:
each face was judged by a branch, and by a threshold, that saw none of its subject; or, where human
codes only judge, by the network and the thresholds that ship.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import LEAST_POSITIVES, fit_action_unit, is_present, scaled_scores
from distill.evaluation.metrics.intervals import WILSON, wilson
from distill.evaluation.metrics.units import unit_figures
from distill.faces.batches import Source
from distill.training.pretrain import predict, wild_sources
from distill.training.trained import Folds, load_folds, load_trained, shipped_precisions
from mf2_edge.bundle.schema import AccuracySpec, CalibrationSpec, LabelAccuracy
from mf2_edge.io.atomic import replacing

UNSEEN_CODES = "all subjects, none seen in training"
"""The part of a coded data set whose codes only judge."""


def evaluate(recipe: Recipe) -> list[AccuracySpec]:
    """Measure the trained network; writes `results.json` (a list of AccuracySpec) beside it.

    In integers as well, if it ships in these.
    """
    calibrated = load_folds(recipe, shipped_precisions(recipe)[-1])
    results = []
    for numbers in shipped_precisions(recipe):
        folds = load_folds(recipe, numbers)
        found = action_unit_accuracy(recipe, folds, fitted_to=calibrated)
        network = load_trained(recipe, numbers)
        for source in wild_sources(recipe):
            for split, description in splits(source, recipe):
                rows = source.store.labelled(split)
                logits, _ = predict(network, recipe, source, rows)
                found.append(
                    emotion_accuracy(
                        logits, source.store.majority[rows], recipe, source.name, description
                    )
                )
        results += [msgspec.structs.replace(each, precision=numbers) for each in found]
    with replacing(recipe.run_folder / "results.json") as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2))
    return results


def emotion_accuracy(
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    recipe: Recipe,
    dataset: str,
    split: tuple[str, str],
) -> AccuracySpec:
    """Top-1 accuracy over all emotions, and recall a label. logits [n, emotions], labels [n]."""
    right = logits.argmax(axis=1) == labels
    low, high = wilson(int(right.sum()), len(right))
    return AccuracySpec(
        dataset=recipe.data[dataset].title,
        split=split[0],
        protocol=split[1],
        metric="accuracy",
        value=round(float(right.mean()), 4),
        low=round(low, 4),
        high=round(high, 4),
        interval=WILSON,
        n=len(labels),
        seed=recipe.seed if recipe.data[dataset].validation else None,
        labels={
            name: _recall(right[labels == place])
            for place, name in enumerate(recipe.emotions)
            if (labels == place).any()
        },
        date=today(),
        machine=machine(),
    )


def _recall(right: NDArray[np.bool_]) -> LabelAccuracy:
    low, high = wilson(int(right.sum()), len(right))
    value = round(float(right.mean()), 4)
    return LabelAccuracy(value=value, support=len(right), low=round(low, 4), high=round(high, 4))


def action_unit_accuracy(
    recipe: Recipe, folds: Folds, fitted_to: Folds | None = None
) -> list[AccuracySpec]:
    """Mean F1 and mean AUC over the headline units, and each unit's own figures.

    Arguments as of `out_of_fold`. Units with too few human-coded positives are left out. Intervals
    draw subjects, who have several faces each; a draw without a face of a unit does not judge it.
    """
    settings = recipe.action_unit_training
    split = f"{len(np.unique(folds.fold))} folds by subject, human FACS codes"
    rule = "out of fold, thresholds from the other folds"
    if recipe.learns_codes:
        units, _, present = out_of_fold(recipe, folds, fitted_to)
    else:
        units, present = _as_shipped(recipe, folds)
        split, rule = UNSEEN_CODES, "human FACS codes that taught nothing; thresholds as shipped"
    columns = [recipe.action_units.index(unit) for unit in units]
    headline = settings.headline or tuple(units)
    # Ranks, and so the AUC, are those of the logits: each fold's scaling is its own.
    figures = unit_figures(
        units,
        folds.labels[:, columns],
        present,
        folds.logits[:, columns],
        headline,
        recipe.seed,
        folds.subjects,
    )
    return figures.as_accuracy(
        dataset=recipe.data[settings.dataset].title,
        split=split,
        protocol=f"{len(headline)} units, {rule}",
        n=len(folds.labels),
        seed=recipe.seed,
        date=today(),
        machine=machine(),
    )


def out_of_fold(
    recipe: Recipe, folds: Folds, fitted_to: Folds | None = None
) -> tuple[list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """Units with enough human-coded positives, their scores and the decisions, both [n, units].

    Scaling and thresholds come from the other folds: of the same logits, or of `fitted_to`, those
    of the network in the numbers that the calibration is fitted to.
    """
    truth, fold, fitting = folds.labels == 1, folds.fold, (fitted_to or folds).logits
    enough = _judged(folds)
    units = [recipe.action_units[column] for column in enough]
    scores = np.zeros((len(truth), len(units)))
    present = np.zeros((len(truth), len(units)), dtype=bool)
    for place, (unit, column) in enumerate(zip(units, enough, strict=True)):
        for number in np.unique(fold):
            other, own = fold != number, fold == number
            fitted = fit_action_unit(
                unit, fitting[other, column], truth[other, column], "the other folds"
            )
            scores[own, place] = scaled_scores(folds.logits[own, column], fitted.scale, fitted.bias)
            present[own, place] = is_present(fitted, folds.logits[own, column])
    return units, scores, present


def _as_shipped(recipe: Recipe, folds: Folds) -> tuple[list[str], NDArray[np.bool_]]:
    """Units with enough human-coded positives, and the decisions of the calibration, [n, units].

    Raises FileNotFoundError if it was not made.
    """
    path = recipe.run_folder / "calibration.json"
    fitted = msgspec.json.decode(path.read_bytes(), type=CalibrationSpec).action_units
    columns = _judged(folds)
    units = [recipe.action_units[column] for column in columns]
    present = [
        is_present(fitted[unit], folds.logits[:, column])
        for unit, column in zip(units, columns, strict=True)
    ]
    return units, np.stack(present, axis=1)


def _judged(folds: Folds) -> list[int]:
    """Columns of units with enough human-coded positives."""
    return np.flatnonzero((folds.labels == 1).sum(axis=0) >= LEAST_POSITIVES).tolist()


def machine() -> str:
    """What a measurement ran on, as far as it matters for accuracy."""
    return f"{platform.system()} {platform.machine()}, CPU, Python {platform.python_version()}"


def splits(source: Source, recipe: Recipe) -> Iterator[tuple[str, tuple[str, str]]]:
    """The judged splits of a data set, each with what it is and how it is judged, in words."""
    names = set(source.store.splits.tolist())
    part = recipe.data[source.name].validation
    if "valid" in names:
        held_out = f"validation, a seeded {part:.0%} of the training part" if part else "validation"
        yield "valid", (held_out, "hard labels, best of all emotions")
    if "test" in names:
        leaks = " without leaks" if "leak" in names else ""
        yield "test", (f"test{leaks}", "majority label, best of all emotions")


def today() -> str:
    """The date of a measurement, ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()
