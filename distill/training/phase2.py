"""What every fold of phases 2 and 4 shares: human-coded faces, others to remember, their losses.

A trunk that knows emotion alone tells Action Units apart less well. A teacher's answers hold the
emotion branch in place meanwhile: those of phase 1 (learning without forgetting, Li & Hoiem 2016,
arXiv:1606.09282), or of an ensemble, which also tells the units of faces that nobody coded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.config import Recipe
from distill.faces.batches import Source, balance, make_batches
from distill.faces.store import load_faces
from distill.training.distillation import emotion_agreement, learn
from distill.training.distributed import World
from distill.training.losses import action_unit_loss, emotion_loss, unit_agreement_loss
from distill.training.pretrain import load_sources
from distill.training.teacher_outputs import Teacher
from distill.training.text_alignment import Language, answer, load_language


@dataclass(frozen=True)
class School:
    """Coded faces, other faces, texts.

    replay_weights: of a positive AU label of the other faces, (units,).
    """

    coded: Source
    replay: list[Source]
    replay_weights: Tensor
    language: Language | None
    world: World


def open_school(recipe: Recipe, world: World) -> School:
    """The faces and texts of a recipe; raises FileNotFoundError for what was not prepared."""
    replay = load_sources(recipe, recipe.action_unit_training.replay)
    known = np.sum([source.unit_counts() for source in replay], axis=0)
    weights = balance(known).to(world.device)
    return School(coded_source(recipe), replay, weights, load_language(recipe), world)


def coded_rows(school: School, rows: NDArray[np.int64]) -> Source:
    """Those of the coded faces to learn from, the ones with rare units repeated."""
    return replace(school.coded, rows=balanced(school.coded.action_units, rows))


def coded_source(recipe: Recipe) -> Source:
    """All faces with human FACS codes, as a source of training."""
    store = load_faces(recipe, recipe.action_unit_training.dataset)
    possible = np.ones(len(recipe.emotions), dtype=np.float32)
    rows = np.arange(len(store.names))
    return Source(recipe.action_unit_training.dataset, store, rows, possible, store.action_units)


def subject_folds(subjects: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Fold of each face, [n]; all faces of a subject share one."""
    names = np.random.default_rng(seed).permutation(np.unique(subjects))
    fold_of = {name: place % folds for place, name in enumerate(names)}
    return np.array([fold_of[name] for name in subjects])


def balanced(labels: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows, those with rare units repeated: by the root of how rare the rarest of them is.

    labels [n, units] of 0, 1, NaN. Most coded faces are neutral; shown as often as they are there,
    they would leave little room for the units that show least.
    """
    present = labels[rows] == 1
    rarity = np.sqrt(len(rows) / np.maximum(present.sum(axis=0), 1))
    times = np.maximum(1, (present * rarity).max(axis=1).round()).astype(np.int64)
    return np.repeat(rows, times)


def learn_codes(
    network: nn.Module, recipe: Recipe, school: School, coded: Source, step: int
) -> None:
    """Leave the gradient of a step's human-coded faces: their units, and their emotion if known."""
    settings = recipe.action_unit_training
    weights = balance(coded.unit_counts()).to(school.world.device)
    rng = np.random.default_rng((recipe.training_seed, step, 0))
    for batch in make_batches(recipe, [coded], {coded.name: settings.batch}, step):
        batch = batch.to(school.world.device)
        with school.world.precision(recipe.train.precision):
            emotion, units, alignment = answer(network, batch, school.language, rng)
        loss = alignment + action_unit_loss(units.float(), batch.action_units, weights)
        loss = loss + 0.5 * emotion_loss(
            emotion.float(), batch.votes, batch.possible, recipe.train.label_smoothing
        )
        (loss * len(batch.images) / settings.batch).backward()  # type: ignore[no-untyped-call]


def remember(
    network: nn.Module, recipe: Recipe, school: School, teacher: Teacher, step: int
) -> None:
    """Leave the gradient of a step's other faces, judged by their labels and by the teacher."""
    settings = recipe.action_unit_training
    total, sources = sum(settings.replay.values()), school.replay
    weights = school.replay_weights
    relation = recipe.lessons.relation if recipe.lessons else "kl"
    rng = np.random.default_rng((recipe.training_seed, step, 1))
    for batch in make_batches(recipe, sources, settings.replay, step):
        batch = batch.to(school.world.device)
        with school.world.precision(recipe.train.precision):
            taught = teacher(batch.images)
            emotion, units, besides = (
                answer(network, batch, school.language, rng)
                if recipe.lessons is None
                else learn(network, batch.images, taught, recipe.lessons)
            )
        emotion, units = emotion.float(), units.float()
        labelled = emotion_loss(emotion, batch.votes, batch.possible, recipe.train.label_smoothing)
        share = settings.distillation
        agreement = emotion_agreement(emotion, taught.emotion, relation)
        loss = besides + (1 - share) * labelled + share * agreement
        loss = loss + recipe.train.au_weight * action_unit_loss(units, batch.action_units, weights)
        if taught.action_units is not None:
            unit_agreement = unit_agreement_loss(units, taught.action_units)
            loss = loss + settings.unit_distillation * unit_agreement
        (loss * len(batch.images) / total).backward()  # type: ignore[no-untyped-call]
