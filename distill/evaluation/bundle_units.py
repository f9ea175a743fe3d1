"""Action Units of an exported file: what is honest to say of them, and what is not.

A file that ships saw every subject of the coded data set, unless the recipe's codes only judge. So
its own figures there are figures on training faces; those on unseen people are the recipe's, from
networks that each saw a part of the subjects; and on faces in the wild there is another network's
opinion alone.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.calibrate import LEAST_POSITIVES, fit_action_unit
from distill.evaluation.evaluate import (
    UNSEEN_CODES,
    action_unit_accuracy,
    machine,
    out_of_fold,
    today,
)
from distill.evaluation.evaluate_blendshapes import blendshape_agreement, blendshape_scores
from distill.evaluation.metrics.reliability import reliability
from distill.evaluation.metrics.units import unit_figures
from distill.evaluation.reports.schema import RecipeReport, UnitReliability
from distill.evaluation.robustness.slices import decisions
from distill.faces.pseudo import pseudo_labels
from distill.faces.store import load_store
from distill.training.trained import Folds, NetworkPrecision, load_folds, shipped_precisions
from mf2_edge.bundle.schema import AccuracySpec, Manifest

UNIT_BINS = 10
"""Of the reliability of a unit: with fewer positives than emotions have, fewer bins."""

SHOWN_POSITIVES = 50
"""A unit with fewer is not drawn: its bins would say nothing."""


def machine_labels(
    recipe: Recipe,
    dataset: str,
    manifest: Manifest,
    rows: NDArray[np.int64],
    logits: NDArray[np.float32],
) -> list[AccuracySpec]:
    """Against MediaPipe on validation faces: `rows` [n] of the store, logits [n, units].

    Rank correlation with the blendshapes, and F1 against what they say where they are sure.
    """
    folder = recipe.cache_folder / dataset
    shapes = blendshape_scores(folder, recipe.action_units)[rows]
    labels = pseudo_labels(folder, recipe.pseudo_labels.rules, recipe.action_units)[rows]
    columns = [c for c in range(labels.shape[1]) if (labels[:, c] == 1).any()]
    units = [recipe.action_units[column] for column in columns]
    figures = unit_figures(
        units,
        labels[:, columns],
        decisions(manifest, logits)[:, columns],
        logits[:, columns],
        units,
        recipe.seed,
    )
    return [
        blendshape_agreement(recipe, dataset, logits, shapes),
        *figures.as_accuracy(
            dataset=recipe.data[dataset].title,
            split="validation, faces on which MediaPipe finds landmarks",
            protocol=f"{len(units)} units; MediaPipe's blendshapes as labels (machine labels, no "
            "human codes), their doubtful middle left out; thresholds as shipped",
            n=int((~np.isnan(labels[:, columns])).any(axis=1).sum()),
            seed=recipe.seed,
            date=today(),
            machine=machine(),
        ),
    ]


def human_coded(
    recipe: Recipe, manifest: Manifest, logits: NDArray[np.float32]
) -> list[AccuracySpec]:
    """On all of the coded data set, seen in training or not, as `split` says; logits [n, units]."""
    dataset = recipe.action_unit_training.dataset
    store = load_store(recipe.cache_folder / dataset)
    coded = store.action_units
    columns = [c for c in range(coded.shape[1]) if (coded[:, c] == 1).sum() >= LEAST_POSITIVES]
    units = [recipe.action_units[column] for column in columns]
    headline = recipe.action_unit_training.headline or tuple(units)
    learned = recipe.learns_codes
    figures = unit_figures(
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
        f"{'the network learned from' if learned else 'taught nothing'}; thresholds as shipped",
        n=len(coded),
        seed=recipe.seed,
        date=today(),
        machine=machine(),
    )


def recipe_report(recipe: Recipe, manifest: Manifest, numbers: NetworkPrecision) -> RecipeReport:
    """The recipe's out-of-fold figures; raises FileNotFoundError where no folds were trained."""
    try:
        folds = load_folds(recipe, numbers)
        calibrated = load_folds(recipe, shipped_precisions(recipe)[-1])
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no {error.filename}: run `python -m distill train` with the recipe {recipe.name}"
        ) from None
    units, scores, _ = out_of_fold(recipe, folds, calibrated)
    drawn, people = [], folds.subjects
    for place, unit in enumerate(units):
        column = recipe.action_units.index(unit)
        truth = folds.labels[:, column] == 1
        if truth.sum() >= SHOWN_POSITIVES:
            raw = 1 / (1 + np.exp(-folds.logits[:, column].astype(np.float64)))
            drawn.append(
                UnitReliability(
                    unit=unit,
                    before=reliability(raw, truth, recipe.seed, people, UNIT_BINS),
                    after=reliability(scores[:, place], truth, recipe.seed, people, UNIT_BINS),
                )
            )
    return RecipeReport(
        recipe=recipe.name,
        calibration_matches=_calibrated_on(recipe, manifest, calibrated),
        accuracy=tuple(
            msgspec.structs.replace(each, precision=numbers)
            for each in action_unit_accuracy(recipe, folds, calibrated)
        ),
        reliability=tuple(drawn),
    )


def _calibrated_on(recipe: Recipe, manifest: Manifest, folds: Folds) -> bool:
    """Whether the manifest's scaling of the coded units is what these folds give.

    Tells folds of this very training from those of an older or a newer one of the same name.
    """
    for column, unit in enumerate(recipe.action_units):
        truth = folds.labels[:, column] == 1
        if truth.sum() < LEAST_POSITIVES:
            continue
        fitted = fit_action_unit(unit, folds.logits[:, column], truth, "these folds")
        shipped = manifest.calibration.action_units[unit]
        ours = (fitted.scale, fitted.bias)
        if not np.allclose(ours, (shipped.scale, shipped.bias), atol=1e-3):
            return False
    return True
