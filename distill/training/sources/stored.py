"""The faces that a recipe trains on, and those that it is validated on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from distill.config import ConfigError, DatasetConfig, FoldConfig, Recipe
from distill.datasets.folds import PUBLISHED_FOLDS
from distill.faces.batches import FaceSource, Source, sampling_weights
from distill.faces.store import FaceStore, load_faces
from distill.training.sources.shards import open_streams


def training_sources(recipe: Recipe, fold: int | None) -> list[FaceSource]:
    """Every data set that a step draws faces from; of the coded one without the fold's subjects.

    Raises FileNotFoundError for a data set that was not prepared, ShardError for shards that do not
    fit the recipe.
    """
    drawn = [name for name, count in recipe.train.batch.items() if count]
    stored = [load_source(recipe, name, fold) for name in drawn if not recipe.data[name].streamed]
    return [*stored, *open_streams(recipe)]


def load_source(recipe: Recipe, name: str, fold: int | None = None) -> Source:
    """Training faces of a prepared data set: of labelled ones, those with some label.

    Those of a set without parts ("dev") are all of training, but for the fold's subjects. Raises
    ConfigError if there are none.
    """
    store = _blend(recipe, name, load_faces(recipe, name))
    folds = recipe.folds
    coded = folds is not None and folds.dataset == name
    rows = store.rows("train", "dev")
    if coded and fold is not None:
        rows = rows[subject_folds(recipe, store)[rows] != fold]
    votes, units = store.votes[rows], store.action_units[rows]
    known = ~np.isnan(votes).any(axis=1) | ~np.isnan(units).all(axis=1)
    if known.any():
        rows = rows[known]
    unseen = [recipe.emotions.index(emotion) for emotion in recipe.unseen]
    rows = rows[~(store.votes[rows][:, unseen] > 0).any(axis=1)]
    if not len(rows):
        raise ConfigError(
            f"data.{name} has no labelled face to train on: set train.batch.{name} to 0, or root "
            f"to the whole of {recipe.data[name].title}"
        )
    votes, units = store.votes[rows], store.action_units[rows]
    possible = (np.nansum(votes, axis=0) > 0).astype(np.float32)
    settings = recipe.train
    weights = sampling_weights(votes, units, settings.balance, settings.balance_cap)
    return Source(name, store, rows, possible, weights)


def _blend(recipe: Recipe, name: str, store: FaceStore) -> FaceStore:
    """The store with the emotion labels mixed in that other data sets have for its photographs."""
    for other, share in recipe.data[name].blend.items():
        if recipe.data[other].eval_only:
            continue
        theirs = load_faces(recipe, other)
        rows = {f"{other}/{face}": row for row, face in enumerate(theirs.names)}
        found = np.array([rows.get(str(face), -1) for face in store.names], dtype=np.int64)
        both = (found >= 0) & ~np.isnan(store.votes).any(axis=1)
        both &= ~np.isnan(theirs.votes[found]).any(axis=1)
        votes = store.votes.copy()
        votes[both] = share * theirs.votes[found[both]] + (1 - share) * votes[both]
        store = replace(store, votes=votes)
    return store


def subject_folds(recipe: Recipe, store: FaceStore) -> NDArray[np.int64]:
    """Fold of each face of the FACS-coded data set, [n]; all faces of a subject share one.

    Of published folds -1 for faces without any label. Raises ConfigError for published folds of a
    data set that has none, or not as many, or not of these subjects.
    """
    settings = recipe.folds
    assert settings is not None  # the caller's choice
    if settings.published:
        return _published_folds(recipe.data[settings.dataset], settings, store)
    names = np.random.default_rng(recipe.seed).permutation(np.unique(store.subjects))
    fold_of = {name: place % settings.count for place, name in enumerate(names)}
    return np.array([fold_of[name] for name in store.subjects])


def _published_folds(
    data: DatasetConfig, settings: FoldConfig, store: FaceStore
) -> NDArray[np.int64]:
    rule = PUBLISHED_FOLDS.get(data.reader)
    if rule is None:
        known = ", ".join(PUBLISHED_FOLDS)
        raise ConfigError(f"folds.published: {data.reader} has none; there are those of {known}")
    labelled = (store.majority >= 0) | ~np.isnan(store.action_units).all(axis=1)
    subjects = rule(sorted(set(store.subjects[labelled].tolist())))
    if len(subjects) != settings.count:
        raise ConfigError(f"folds.count is {settings.count}: {data.title} has {len(subjects)}")
    fold_of = {name: number for number, names in enumerate(subjects) for name in names}
    strange = sorted(set(store.subjects[labelled].tolist()) - set(fold_of))
    if strange:
        raise ConfigError(
            f"{data.title}: subjects {', '.join(strange)} are in none of the published folds"
        )
    return np.array([fold_of.get(name, -1) for name in store.subjects])


def evaluation_stores(recipe: Recipe) -> Iterator[tuple[str, FaceStore]]:
    """Every data set of the recipe with a validation or test split, from the cache.

    Raises FileNotFoundError for one that was not prepared.
    """
    for name, data in recipe.data.items():
        if not data.streamed:
            store = load_faces(recipe, name)
            if len(store.rows("valid", "test")):
                yield name, store
