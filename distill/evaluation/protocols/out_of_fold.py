"""Action Units on unseen subjects: each face scored by a network that saw none of its subject."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import LEAST_POSITIVES, fit_unit, is_present, scaled_scores
from distill.evaluation.conditions import hard_labels, headline, machine, today
from distill.evaluation.metrics.units import unit_metrics
from distill.faces.store import FaceStore, load_faces
from distill.training.checkpoint import load_network
from distill.training.sources.stored import subject_folds
from distill.training.sources.validation import predict
from distill.training.trained import NetworkPrecision, load_trained, network_file
from mf2_edge.bundle.schema import AccuracySpec


@dataclass(frozen=True)
class Folds:
    """FACS-coded faces with logits of networks that saw none of their subjects.

    labels float32 [n, units], NaN unknown; logits float32 [n, units]; fold, subjects [n].
    """

    labels: NDArray[np.float32]
    logits: NDArray[np.float32]
    fold: NDArray[np.int64]
    subjects: NDArray[np.str_]


def out_of_fold_logits(recipe: Recipe, precision: NetworkPrecision) -> Folds | None:
    """Logits of the FACS-coded data set pooled over the folds that were trained; None without any.

    The network that ships counts for the fold that it left out; for all folds of a data set that is
    for evaluation alone.
    """
    if recipe.folds is None:
        return None
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

    def logits_of(number: int, store: FaceStore, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        network = load_trained(recipe, precision, trained[number])
        return predict(network, recipe, store, rows)["action_units"]

    return pool_folds(recipe, trained, logits_of)


def pool_folds(
    recipe: Recipe,
    trained: Collection[int],
    logits_of: Callable[[int, FaceStore, NDArray[np.int64]], NDArray[np.float32]],
) -> Folds | None:
    """The faces of the `trained` folds of the FACS-coded data set; None if there are none.

    `logits_of` gives the logits [n, units] of a fold's rows of the store.
    """
    assert recipe.folds is not None  # the caller's choice
    store = load_faces(recipe, recipe.folds.dataset)
    fold = subject_folds(recipe, store)
    rows = np.flatnonzero(np.isin(fold, list(trained)))
    if not len(rows):
        return None
    logits = np.full_like(store.action_units, np.nan)
    for number in trained:
        own = np.flatnonzero(fold == number)
        logits[own] = logits_of(number, store, own)
    labels = hard_labels(store.action_units[rows])
    return Folds(labels, logits[rows], fold[rows], store.subjects[rows])


def action_unit_accuracy(recipe: Recipe, folds: Folds) -> list[AccuracySpec]:
    """Mean F1 and mean AUC over the headline units, and each unit's own figures.

    Units with too few human-coded positives are left out. Intervals draw subjects, who have several
    faces each; a draw without a face of a unit does not evaluate it.
    """
    assert recipe.folds is not None  # there are folds
    units, _, present = out_of_fold(recipe, folds)
    if not units:
        return []
    columns = [recipe.action_units.index(unit) for unit in units]
    wanted = headline(recipe, units)
    # Ranks, and so the AUC, are those of the logits: each fold's scaling is its own.
    figures = unit_metrics(
        units,
        folds.labels[:, columns],
        present,
        folds.logits[:, columns],
        wanted,
        recipe.seed,
        folds.subjects,
    )
    trained = len(np.unique(folds.fold))
    pooled = f"{trained} of {recipe.folds.count} folds by subject"
    rule = "scaling fitted on the other subjects" if trained > 1 else "scaling fitted on two halves"
    return figures.as_accuracy(
        dataset=recipe.data[recipe.folds.dataset].title,
        split=f"{pooled}, human FACS codes",
        protocol=f"{len(wanted)} units, subjects unseen in training, {rule}",
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
