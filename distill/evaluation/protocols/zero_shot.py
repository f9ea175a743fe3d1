"""Zero-shot evaluation: MF² by text alone against its own heads, on the same faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.conditions import machine, today
from distill.evaluation.metrics.scores import auc
from distill.evaluation.protocols.ensemble import checkpoint_sums
from distill.evaluation.protocols.out_of_fold import pool_folds
from distill.evaluation.protocols.recipe import emotion_accuracies
from distill.faces.store import FaceStore
from distill.language.zero_shot import (
    Directions,
    grammar_directions,
    plain_directions,
    read_by_text,
)
from distill.networks.features import FeatureNet
from distill.networks.network import FaceStateNet
from distill.training.checkpoint import load_network
from distill.training.sources.validation import predict
from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy
from mf2_edge.io.atomic import write_json

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
Read = Callable[[FaceStateNet, FaceStore, NDArray[np.int64]], Scores]
"""Scores of emotions [faces, emotions] and of units [faces, units]; larger is likelier."""


class ZeroShotMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a network `by` its heads, the grammar's sentences, or plain words."""

    by: str
    sha256: dict[str, str]
    """Of each checkpoint, by its path."""
    accuracy: list[AccuracySpec]


def evaluate_zero_shot(recipe: Recipe, out: Path) -> list[ZeroShotMetrics]:
    """Emotions on every evaluated split, units out of fold where folds were trained; writes JSON.

    Raises ValueError if the recipe's network has no text space.
    """
    if recipe.network.architecture == "student":
        raise ValueError("the recipe's network has no text space: take MF² or an edge one")
    ways: dict[str, Read] = {
        "heads": partial(_by_heads, recipe),
        "the grammar's sentences": partial(_by_text, recipe, grammar_directions(recipe)),
        "plain words": partial(_by_text, recipe, plain_directions(recipe)),
    }
    sums = checkpoint_sums([recipe])
    figures = [
        ZeroShotMetrics(
            by=by, sha256=sums, accuracy=[*_emotions(recipe, read), *_units(recipe, read)]
        )
        for by, read in ways.items()
    ]
    write_json(out, figures)
    return figures


def _by_heads(
    recipe: Recipe, network: FaceStateNet, store: FaceStore, rows: NDArray[np.int64]
) -> Scores:
    logits = predict(network, recipe, store, rows)
    return logits["emotion"], logits["action_units"]


def _by_text(
    recipe: Recipe,
    directions: Directions,
    network: FaceStateNet,
    store: FaceStore,
    rows: NDArray[np.int64],
) -> Scores:
    assert isinstance(network, FeatureNet)  # evaluate_zero_shot saw to it
    return read_by_text(network, recipe, store, rows, directions)


def _emotions(recipe: Recipe, read: Read) -> Iterator[AccuracySpec]:
    network = load_network(recipe.run_folder / "network.pt").network
    yield from emotion_accuracies(recipe, lambda store, rows: read(network, store, rows)[0])


def _units(recipe: Recipe, read: Read) -> Iterator[AccuracySpec]:
    """AUC a unit, which asks for no threshold, and its mean over the headline units."""
    if recipe.folds is None:
        return
    files = [recipe.folder(number) / "network.pt" for number in range(recipe.folds.count)]
    if not all(file.is_file() for file in files):
        return
    folds = pool_folds(
        recipe,
        range(recipe.folds.count),
        lambda number, store, rows: read(load_network(files[number]).network, store, rows)[1],
    )
    assert folds is not None  # every fold was trained
    labels, scores = folds.labels, folds.logits
    per_unit = {}
    for unit in recipe.folds.headline:
        column = recipe.action_units.index(unit)
        known = ~np.isnan(labels[:, column])
        truth = labels[known, column] == 1
        if truth.any():
            value = round(auc(scores[known, column], truth), 4)
            per_unit[unit] = LabelAccuracy(value=value, support=int(truth.sum()))
    yield AccuracySpec(
        dataset=recipe.data[recipe.folds.dataset].title,
        split=f"{recipe.folds.count} folds by subject, human FACS codes",
        protocol=f"{len(per_unit)} units, out of fold",
        metric="mean AUC",
        value=round(float(np.mean([unit.value for unit in per_unit.values()])), 4),
        n=len(labels),
        seed=recipe.seed,
        labels=per_unit,
        date=today(),
        machine=machine(),
    )


def table(figures: Sequence[ZeroShotMetrics]) -> Iterator[str]:
    """A line a way of scoring."""
    for row in figures:
        values = ", ".join(f"{a.dataset} {a.split}: {a.value:.4f}" for a in row.accuracy)
        yield f"by {row.by}: {values}"
