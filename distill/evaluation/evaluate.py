"""Evaluation of a trained recipe: the figures of the manifest, label by label, with support.

Emotion accuracy counts the best of all emotions that the network knows, also on a data set that
does not have them all. Figures of Action Units on a FACS-coded data set are pooled over folds by
subject: each face is scored by a network, and by a calibration, that saw none of its subject.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import (
    LEAST_POSITIVES,
    HeldOut,
    fit_unit,
    is_present,
    scaled_scores,
)
from distill.evaluation.metrics.intervals import WILSON, wilson
from distill.evaluation.metrics.scores import f1
from distill.evaluation.metrics.units import unit_metrics
from distill.faces.batches import UNDECIDED
from distill.faces.store import FaceStore, load_faces
from distill.training.checkpoint import load_network
from distill.training.sources import evaluation_stores, predict, subject_folds
from distill.training.trained import (
    NetworkPrecision,
    load_trained,
    network_file,
    shipped_precisions,
)
from mf2_edge.bundle.schema import (
    AccuracySpec,
    CalibrationSpec,
    LabelAccuracy,
    LabelReliability,
    ReliabilityFigure,
    ReliabilitySpec,
)
from mf2_edge.io.atomic import replacing


@dataclass(frozen=True)
class Folds:
    """FACS-coded faces with logits of networks that saw none of their subjects.

    labels float32 [n, units], NaN unknown; logits float32 [n, units]; fold, subjects [n].
    """

    labels: NDArray[np.float32]
    logits: NDArray[np.float32]
    fold: NDArray[np.int64]
    subjects: NDArray[np.str_]


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
        with replacing(recipe.run_folder / f"{file}.json") as partial:
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2))
    return results


def load_calibration(recipe: Recipe) -> CalibrationSpec:
    """What `calibrate` wrote; raises FileNotFoundError saying how to make it."""
    path = recipe.run_folder / "calibration.json"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run `python -m distill calibrate` first")
    return msgspec.json.decode(path.read_bytes(), type=CalibrationSpec)


def part_accuracy(
    part: HeldOut, recipe: Recipe, calibration: CalibrationSpec, name: str, words: tuple[str, str]
) -> list[AccuracySpec]:
    """Figures of emotions and units on a part of a data set, as far as it has labels."""
    majority = part.store.majority[part.rows]
    found = []
    if (majority >= 0).any():
        logits = part.logits["emotion"][majority >= 0]
        found.append(emotion_accuracy(logits, majority[majority >= 0], recipe, name, words))
    if _has_units(part.store, part.rows):
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
    part: HeldOut, recipe: Recipe, calibration: CalibrationSpec, name: str, split: str
) -> list[AccuracySpec]:
    """Mean F1 and mean AUC of units as calibrated, on coded faces.

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
    present = np.stack(
        [is_present(calibration.action_units[u], logits[:, i]) for i, u in enumerate(units)], axis=1
    )
    headline = _headline(recipe, units)
    figures = unit_metrics(units, labels[:, columns], present, logits, headline, recipe.seed)
    return figures.as_accuracy(
        dataset=recipe.data[name].title,
        split=split,
        protocol=f"{len(headline)} units, calibrated as shipped",
        n=len(rows),
        seed=recipe.seed,
        date=today(),
        machine=machine(),
    )


def hard_labels(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Soft labels as 0, 1 or NaN: unknown where two coders contradict each other."""
    hard = np.where(labels > UNDECIDED, 1.0, 0.0)
    return np.where(np.isnan(labels) | (labels == UNDECIDED), np.nan, hard).astype(np.float32)


def out_of_fold_logits(recipe: Recipe, precision: NetworkPrecision) -> Folds | None:
    """Logits of the FACS-coded data set pooled over the folds that were trained; None without any.

    The network that ships counts for the fold that it left out; for all folds of a data set that is
    for evaluation alone.
    """
    if recipe.folds is None:
        return None
    store = load_faces(recipe, recipe.folds.dataset)
    fold = subject_folds(recipe, store)
    trained: dict[int, int | None] = {
        number: number
        for number in range(recipe.folds.count)
        if network_file(recipe, number).is_file()
    }
    own = load_network(network_file(recipe)).fold if network_file(recipe).is_file() else None
    if recipe.data[recipe.folds.dataset].eval_only:
        trained = dict.fromkeys(range(recipe.folds.count))  # the network that ships saw none
    elif own is not None:
        trained.setdefault(own, None)
    rows = np.flatnonzero(np.isin(fold, list(trained)))
    if not len(rows):
        return None
    logits = np.full_like(store.action_units, np.nan)
    for number, folder in trained.items():
        judged = np.flatnonzero(fold == number)
        network = load_trained(recipe, precision, folder)
        logits[judged] = predict(network, recipe, store, judged)["action_units"]
    subjects = store.subjects[rows]
    return Folds(hard_labels(store.action_units[rows]), logits[rows], fold[rows], subjects)


def action_unit_accuracy(recipe: Recipe, folds: Folds) -> list[AccuracySpec]:
    """Mean F1 and mean AUC over the headline units, and each unit's own figures.

    Units with too few human-coded positives are left out. Intervals draw subjects, who have several
    faces each; a draw without a face of a unit does not judge it.
    """
    assert recipe.folds is not None  # there are folds
    units, _, present = out_of_fold(recipe, folds)
    columns = [recipe.action_units.index(unit) for unit in units]
    headline = _headline(recipe, units)
    # Ranks, and so the AUC, are those of the logits: each fold's scaling is its own.
    figures = unit_metrics(
        units,
        folds.labels[:, columns],
        present,
        folds.logits[:, columns],
        headline,
        recipe.seed,
        folds.subjects,
    )
    trained = len(np.unique(folds.fold))
    pooled = f"{trained} of {recipe.folds.count} folds by subject"
    rule = "scaling fitted on the other subjects" if trained > 1 else "scaling fitted on two halves"
    return figures.as_accuracy(
        dataset=recipe.data[recipe.folds.dataset].title,
        split=f"{pooled}, human FACS codes",
        protocol=f"{len(headline)} units, subjects unseen in training, {rule}",
        n=len(folds.labels),
        seed=recipe.seed,
        date=today(),
        machine=machine(),
    )


def out_of_fold(
    recipe: Recipe, folds: Folds
) -> tuple[list[str], NDArray[np.float64], NDArray[np.bool_]]:
    """Units with enough human-coded positives, their scores and the decisions, both [n, units].

    Scaling comes from the other folds; if one alone was trained, from the other half of its
    subjects.
    """
    truth, parts = folds.labels == 1, folds.fold
    if len(np.unique(parts)) == 1:
        names = np.unique(folds.subjects)
        parts = np.isin(folds.subjects, names[::2]).astype(np.int64)
    enough = [
        column
        for column in range(truth.shape[1])
        if all(truth[parts != part, column].sum() >= LEAST_POSITIVES for part in np.unique(parts))
    ]
    units = [recipe.action_units[column] for column in enough]
    scores = np.zeros((len(truth), len(units)))
    present = np.zeros((len(truth), len(units)), dtype=bool)
    for place, (unit, column) in enumerate(zip(units, enough, strict=True)):
        for part in np.unique(parts):
            other = (parts != part) & ~np.isnan(folds.labels[:, column])
            own, logits = parts == part, folds.logits[:, column]
            fitted = fit_unit(unit, logits[other], truth[other, column], "the other folds")
            scores[own, place] = scaled_scores(logits[own], fitted.scale, fitted.bias)
            present[own, place] = is_present(fitted, logits[own])
    return units, scores, present


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
        for part in (each for each in world if _has_units(each.store, each.rows)):
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


def _headline(recipe: Recipe, units: list[str]) -> tuple[str, ...]:
    """The recipe's headline units, as far as they were measured."""
    wanted = recipe.folds.headline if recipe.folds is not None else ()
    return tuple(unit for unit in wanted if unit in units) or tuple(units)


def _has_units(store: FaceStore, rows: NDArray[Any]) -> bool:
    return bool((~np.isnan(store.action_units[rows])).any())


def machine() -> str:
    """What a measurement ran on, as far as it matters for accuracy."""
    return f"{platform.system()} {platform.machine()}, CPU, Python {platform.python_version()}"


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


def today() -> str:
    """The date of a measurement, ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()
