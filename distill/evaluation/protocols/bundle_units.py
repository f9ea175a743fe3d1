"""Action Units of an exported file on FACS-coded faces.

A file that ships saw every subject of the coded data set, unless that is for evaluation alone: then
its own figures there are figures on training faces. Those on unseen people are the recipe's, from
networks that were each trained without some of the subjects.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import LEAST_POSITIVES
from distill.evaluation.conditions import machine, today
from distill.evaluation.metrics.reliability import reliability
from distill.evaluation.metrics.units import unit_metrics
from distill.evaluation.protocols.out_of_fold import (
    action_unit_accuracy,
    out_of_fold,
    out_of_fold_logits,
)
from distill.evaluation.protocols.recipe import load_calibration
from distill.evaluation.reports.schema import RecipeReport, UnitReliability
from distill.evaluation.robustness.slices import decisions
from distill.faces.store import load_store
from distill.training.trained import NetworkPrecision
from mf2_edge.bundle.schema import AccuracySpec, Manifest
from mf2_edge.pipeline.activations import sigmoid

UNSEEN_CODES = "all subjects, none seen in training"
"""The part of a coded data set that is for evaluation alone."""

UNIT_BINS = 10
"""Of the reliability of a unit: with fewer positives than emotions have, fewer bins."""

SHOWN_POSITIVES = 50
"""A unit with fewer is not drawn: its bins would say nothing."""


def human_coded(
    recipe: Recipe, manifest: Manifest, logits: NDArray[np.float32]
) -> list[AccuracySpec]:
    """On all of the coded data set, seen in training or not, as `split` says; logits [n, units]."""
    assert recipe.folds is not None  # the caller's choice
    dataset = recipe.folds.dataset
    store = load_store(recipe.cache_folder / dataset)
    coded = store.action_units
    columns = [c for c in range(coded.shape[1]) if (coded[:, c] == 1).sum() >= LEAST_POSITIVES]
    units = [recipe.action_units[column] for column in columns]
    headline = tuple(u for u in recipe.folds.headline if u in units) or tuple(units)
    learned = not recipe.data[dataset].eval_only
    figures = unit_metrics(
        units,
        coded[:, columns],
        decisions(manifest, logits)[:, columns],
        logits[:, columns],
        headline,
        recipe.seed,
        store.subjects,
    )
    return figures.as_accuracy(
        dataset=recipe.data[dataset].title,
        split="all subjects, seen in training" if learned else UNSEEN_CODES,
        protocol=f"{len(headline)} units, human FACS codes that "
        f"{'the network was trained on' if learned else 'were not trained on'}; as shipped",
        n=len(coded),
        seed=recipe.seed,
        date=today(),
        machine=machine(),
    )


def recipe_report(recipe: Recipe, manifest: Manifest, precision: NetworkPrecision) -> RecipeReport:
    """The recipe's out-of-fold figures; raises FileNotFoundError where no folds were trained."""
    folds = out_of_fold_logits(recipe, precision)
    if folds is None:
        raise FileNotFoundError(
            f"no folds of {recipe.name}: run `python -m distill train --fold K` with the recipe"
        )
    units, scores, _ = out_of_fold(recipe, folds)
    drawn, people = [], folds.subjects
    for place, unit in enumerate(units):
        column = recipe.action_units.index(unit)
        truth = folds.labels[:, column] == 1
        if truth.sum() >= SHOWN_POSITIVES:
            raw = sigmoid(folds.logits[:, column])
            drawn.append(
                UnitReliability(
                    unit=unit,
                    before=reliability(raw, truth, recipe.seed, people, UNIT_BINS),
                    after=reliability(scores[:, place], truth, recipe.seed, people, UNIT_BINS),
                )
            )
    return RecipeReport(
        recipe=recipe.name,
        calibration_matches=load_calibration(recipe) == manifest.calibration,
        accuracy=tuple(
            msgspec.structs.replace(each, precision=precision)
            for each in action_unit_accuracy(recipe, folds)
        ),
        reliability=tuple(drawn),
    )
