"""Evaluation of a trained recipe: the figures of the manifest, label by label, with support.

Emotion accuracy counts the best of all emotions that the network knows, also on a data set that
does not have them all. Figures of Action Units on a FACS-coded data set are pooled over folds by
subject: each face is scored by a network, and by a calibration, that saw none of its subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import LEAST_POSITIVES, HeldOut, is_present
from distill.evaluation.conditions import hard_labels, headline, machine, today
from distill.evaluation.metrics.intervals import WILSON, wilson
from distill.evaluation.metrics.units import unit_metrics
from distill.evaluation.protocols.label_reliability import measure_reliability
from distill.evaluation.protocols.out_of_fold import action_unit_accuracy, out_of_fold_logits
from distill.faces.store import FaceStore
from distill.training.sources.stored import evaluation_stores
from distill.training.sources.validation import predict
from distill.training.trained import load_trained, shipped_precisions
from mf2_edge.bundle.schema import (
    AccuracySpec,
    CalibrationSpec,
    LabelAccuracy,
    ReliabilitySpec,
)
from mf2_edge.io.atomic import write_json


def evaluate(recipe: Recipe) -> list[AccuracySpec]:
    """Measure the trained network, in each precision that it ships in.

    Writes `results.json` (a list of AccuracySpec) and `reliability.json` (a ReliabilitySpec) beside
    it. Raises FileNotFoundError without `calibration.json`.
    """
    calibration = load_calibration(recipe)
    results: list[AccuracySpec] = []
    reliability = ReliabilitySpec()
    for precision in shipped_precisions(recipe):
        network = load_trained(recipe, precision)
        found, world = [], []
        for name, store in evaluation_stores(recipe):
            for split, words in splits(store, recipe, name):
                rows = store.rows(split)
                part = HeldOut(
                    recipe.data[name].title, store, rows, predict(network, recipe, store, rows)
                )
                found += part_accuracy(part, recipe, calibration, name, words)
                if split == "valid":
                    world.append(part)
        folds = out_of_fold_logits(recipe, precision)
        if folds is not None:
            found += action_unit_accuracy(recipe, folds)
        results += [msgspec.structs.replace(each, precision=precision) for each in found]
        reliability = measure_reliability(recipe, calibration, world, folds)
    for file, content in (("results", results), ("reliability", reliability)):
        write_json(recipe.run_folder / f"{file}.json", content)
    return results


def load_calibration(recipe: Recipe) -> CalibrationSpec:
    """What `calibrate` wrote; raises FileNotFoundError saying how to make it."""
    path = recipe.run_folder / "calibration.json"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run `python -m distill calibrate` first")
    return msgspec.json.decode(path.read_bytes(), type=CalibrationSpec)


def part_accuracy(
    part: HeldOut,
    recipe: Recipe,
    calibration: CalibrationSpec | None,
    name: str,
    words: tuple[str, str],
) -> list[AccuracySpec]:
    """Figures of emotions and units on a part of a data set, as far as it has labels."""
    majority = part.store.majority[part.rows]
    found = []
    if (majority >= 0).any():
        logits = part.logits["emotion"][majority >= 0]
        found.append(emotion_accuracy(logits, majority[majority >= 0], recipe, name, words))
    if part.has_units:
        found += coded_accuracy(part, recipe, calibration, name, words[0])
    return found


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


def coded_accuracy(
    part: HeldOut, recipe: Recipe, calibration: CalibrationSpec | None, name: str, split: str
) -> list[AccuracySpec]:
    """Mean F1 and mean AUC of units as calibrated, or cut at a logit of 0, on coded faces.

    On faces coded twice alone, where some are. Units on which two coders contradict each other are
    left out, face by face.
    """
    rows = np.arange(len(part.rows))
    twice = part.store.coders[part.rows] > 1
    if twice.any():
        rows, split = rows[twice], f"{split}, faces coded twice"
    labels = hard_labels(part.targets("action_units")[rows])
    columns = [c for c in range(labels.shape[1]) if (labels[:, c] == 1).sum() >= LEAST_POSITIVES]
    if not columns:
        return []
    units = [recipe.action_units[column] for column in columns]
    logits = part.logits["action_units"][rows][:, columns]
    present = logits > 0
    if calibration is not None:
        fitted = calibration.action_units
        columns_present = [is_present(fitted[u], logits[:, i]) for i, u in enumerate(units)]
        present = np.stack(columns_present, axis=1)
    wanted = headline(recipe, units)
    figures = unit_metrics(units, labels[:, columns], present, logits, wanted, recipe.seed)
    return figures.as_accuracy(
        dataset=recipe.data[name].title,
        split=split,
        protocol=f"{len(wanted)} units, "
        + ("cut at one half" if calibration is None else "calibrated as shipped"),
        n=len(rows),
        seed=recipe.seed,
        date=today(),
        machine=machine(),
    )


def emotion_accuracies(
    recipe: Recipe, logits_of: Callable[[FaceStore, NDArray[np.int64]], NDArray[np.float32]]
) -> Iterator[AccuracySpec]:
    """`emotion_accuracy` of every measured split; `logits_of` rows of a store: [n, emotions]."""
    for name, store in evaluation_stores(recipe):
        for split, words in splits(store, recipe, name):
            rows = store.labelled(split)
            if len(rows):
                logits = logits_of(store, rows)
                yield emotion_accuracy(logits, store.majority[rows], recipe, name, words)


def splits(store: FaceStore, recipe: Recipe, name: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The measured splits of a data set, each with what it is and how it is measured, in words."""
    names = set(store.splits.tolist())
    part = recipe.data[name].validation
    if "valid" in names:
        words = f"validation, a seeded {part:.0%} of the training part" if part else "validation"
        yield "valid", (words, "hard labels, best of all emotions")
    if "test" in names:
        leaks = " without leaks" if "leak" in names else ""
        yield "test", (f"test{leaks}", "majority label, best of all emotions")
