"""Measure MF² read by text alone against its own heads, on the same faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.evaluate import emotion_accuracy, machine, splits, today
from distill.evaluation.metrics.scores import auc
from distill.faces.batches import Source
from distill.language.zero_shot import (
    Directions,
    grammar_directions,
    plain_directions,
    read_by_text,
)
from distill.networks.features import FeatureNet
from distill.networks.network import FaceStateNet
from distill.training.phase2 import coded_source, subject_folds
from distill.training.pretrain import predict, wild_sources
from distill.training.teacher import checkpoint_sums, open_emotion, open_units
from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy
from mf2_edge.io.atomic import replacing

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
Read = Callable[[FaceStateNet, Source, NDArray[np.int64]], Scores]
"""Scores of emotions [faces, emotions] and of units [faces, units]; larger is likelier."""


class ZeroShotFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What a network reaches, read `by` its heads, the grammar's sentences, or plain words."""

    by: str
    sha256: dict[str, str]
    """Of each checkpoint that answered, by its path."""
    accuracy: list[AccuracySpec]


def evaluate_zero_shot(recipe: Recipe, out: Path) -> list[ZeroShotFigures]:
    """Emotion by the network of phase 1, units out of fold by those of phase 2; writes JSON.

    Raises ValueError if the recipe's network has no text space.
    """
    if recipe.network.architecture == "student":
        raise ValueError("the recipe's network was never taught language: take MF² or an edge one")
    ways: dict[str, Read] = {
        "heads": lambda network, source, rows: predict(network, recipe, source, rows),
        "the grammar's sentences": partial(_by_text, recipe, grammar_directions(recipe)),
        "plain words": partial(_by_text, recipe, plain_directions(recipe)),
    }
    sums = checkpoint_sums(recipe)
    figures = [
        ZeroShotFigures(
            by=by, sha256=sums, accuracy=[*_emotions(recipe, read), _units(recipe, read)]
        )
        for by, read in ways.items()
    ]
    with replacing(out) as partial_file:
        partial_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    return figures


def _by_text(
    recipe: Recipe,
    directions: Directions,
    network: FaceStateNet,
    source: Source,
    rows: NDArray[np.int64],
) -> Scores:
    assert isinstance(network, FeatureNet)  # evaluate_zero_shot saw to it
    return read_by_text(network, recipe, source, rows, directions)


def _emotions(recipe: Recipe, read: Read) -> Iterator[AccuracySpec]:
    network = open_emotion(recipe)
    for source in wild_sources(recipe):
        for split, words in splits(source, recipe):
            rows = source.store.labelled(split)
            scores, _ = read(network, source, rows)
            yield emotion_accuracy(scores, source.store.majority[rows], recipe, source.name, words)


def _units(recipe: Recipe, read: Read) -> AccuracySpec:
    """AUC a unit, which asks for no threshold, and its mean over the headline units."""
    coded, settings = coded_source(recipe), recipe.action_unit_training
    labels = coded.store.action_units
    fold = subject_folds(coded.store.subjects, settings.folds, recipe.seed)
    scores = np.empty_like(labels)
    for number in range(settings.folds):
        rows = np.flatnonzero(fold == number)
        scores[rows] = read(open_units(recipe, str(number)), coded, rows)[1]
    per_unit = {}
    for unit in settings.headline:
        column = recipe.action_units.index(unit)
        truth = labels[:, column] == 1
        value = round(auc(scores[:, column], truth), 4)
        per_unit[unit] = LabelAccuracy(value=value, support=int(truth.sum()))
    return AccuracySpec(
        dataset=recipe.data[settings.dataset].title,
        split=f"{settings.folds} folds by subject, human FACS codes",
        protocol=f"{len(per_unit)} units, out of fold",
        metric="mean AUC",
        value=round(float(np.mean([unit.value for unit in per_unit.values()])), 4),
        n=len(labels),
        seed=recipe.seed,
        labels=per_unit,
        date=today(),
        machine=machine(),
    )


def table(figures: Sequence[ZeroShotFigures]) -> Iterator[str]:
    """A line a way of reading."""
    for row in figures:
        values = ", ".join(f"{a.dataset} {a.split}: {a.value:.4f}" for a in row.accuracy)
        yield f"by {row.by}: {values}"
