"""Prepare: from a data set's pictures to aligned faces, through the product's own stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from logging import getLogger
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distill.config import DatasetConfig, Recipe
from distill.datasets import READERS, LabelledFace, LayoutError
from distill.datasets.labelled import MARKED_INTENSITY, draw
from distill.datasets.tree import open_tree
from distill.datasets.wild import MARKED, find_codes, wild_targets
from distill.faces.pictures import Pictures, align_face
from distill.faces.resumable import fill_rows, fingerprint
from distill.faces.store import LABELS, FaceStore, load_faces, load_store, save_store
from mf2_edge.bundle.schema import AlignmentSpec
from mf2_edge.facs import REGIONS
from mf2_edge.pipeline.detect import BlazeFaceDetector

_UNALIGNED, _ALIGNED = 1, 2
_log = getLogger(__name__)


def prepare(recipe: Recipe, workers: int) -> None:
    """Align every data set of a recipe that is not in the cache yet, or has other labels there.

    A run that was killed goes on with the faces that are not aligned yet. Faces that the cache has
    under the same name are not aligned again. A data set whose files are gone keeps its cache.
    """
    for name, dataset in recipe.data.items():
        folder = recipe.cache_folder / name
        if dataset.streamed:
            continue
        cached = load_faces(recipe, name) if (folder / LABELS).is_file() else None
        try:
            faces = list(READERS[dataset.reader](open_tree(Path(dataset.root))))
        except FileNotFoundError:
            if cached is None:
                raise
            continue
        if not faces:
            raise LayoutError(
                f"{dataset.title} at {dataset.root} has labels, but no picture to them"
            )
        labels = _labels(faces, dataset, recipe)
        if cached is not None and _same(cached, labels):
            continue
        if cached is not None:
            _log.warning("%s: its faces or labels changed, they are prepared anew", dataset.title)
        jobs = _jobs(faces, dataset, recipe, folder if cached is not None else None)
        _align_all(folder, jobs, labels, workers)


def _same(store: FaceStore, labels: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a store has these labels, face by face."""
    return all(
        np.array_equal(getattr(store, name), values, equal_nan=values.dtype.kind == "f")
        for name, values in labels.items()
    )


@dataclass(frozen=True)
class Job:
    """A face that is to be aligned, or taken from a row of the store in a folder."""

    face: LabelledFace
    root: str
    spec: AlignmentSpec
    margin: int
    kept: tuple[Path, int] | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the aligned face."""
        return (self.spec.height + 2 * self.margin, self.spec.width + 2 * self.margin, 3)


def _jobs(
    faces: Sequence[LabelledFace], dataset: DatasetConfig, recipe: Recipe, cached: Path | None
) -> list[Job]:
    """A job a face; `cached` is the folder of a store that may have some of them."""
    fresh = [Job(face, dataset.root, recipe.alignment, recipe.margin, None) for face in faces]
    if cached is None:
        return fresh
    store = load_store(cached)
    if store.images.shape[1:] != fresh[0].shape:
        return fresh
    rows = {str(name): row for row, name in enumerate(store.names)}
    return [
        replace(job, kept=(cached, rows[job.face.identity])) if job.face.identity in rows else job
        for job in fresh
    ]


def _align_all(
    folder: Path, jobs: Sequence[Job], labels: Mapping[str, NDArray[Any]], workers: int
) -> None:
    """Write the store; aligned faces wait in a file beside it, not in memory."""
    first = jobs[0]
    key = fingerprint(first.root, first.spec, first.margin, *(job.face.identity for job in jobs))
    rows = fill_rows(
        _align_one,
        jobs,
        folder / f"aligning-{key}.npy",
        shape=first.shape,
        dtype=np.uint8,
        workers=workers,
        title=f"align {folder.name}",
    )
    # Whoever finds images and labels takes them for a pair: the former labels go first.
    (folder / LABELS).unlink(missing_ok=True)
    # A sequence of rows to `save_store`, which copies them one by one.
    images: Any = rows.values
    save_store(folder, images, aligned=rows.marks == _ALIGNED, **labels)
    for leftover in folder.glob("aligning-*"):
        leftover.unlink()


def _align_one(job: Job) -> tuple[NDArray[np.uint8], int]:
    """One face as the analyzer would align it, with the margin kept."""
    if job.kept is not None:
        folder, row = job.kept
        store = _store(folder, (folder / LABELS).stat().st_mtime_ns)
        return store.images[row], _ALIGNED if store.aligned[row] else _UNALIGNED
    picture = _pictures(job.root).read(job.face)
    aligned, found = align_face(picture, job.face, _detector(), job.spec, job.margin)
    return aligned, _ALIGNED if found else _UNALIGNED


@cache
def _pictures(root: str) -> Pictures:
    return Pictures(Path(root))


@lru_cache(maxsize=1)
def _store(folder: Path, _: int) -> FaceStore:
    """A store as it was at a time."""
    return load_store(folder)


@cache
def _detector() -> BlazeFaceDetector:
    return BlazeFaceDetector(num_threads=1)


def _labels(
    faces: Sequence[LabelledFace], dataset: DatasetConfig, recipe: Recipe
) -> dict[str, NDArray[Any]]:
    emotions, units = recipe.emotions, recipe.action_units
    votes = np.full((len(faces), len(emotions)), np.nan, dtype=np.float32)
    winner = np.full(len(faces), -1, dtype=np.int64)
    coded = np.full((len(faces), len(units)), np.nan, dtype=np.float32)
    for row, face in enumerate(faces):
        if face.emotion in emotions:
            winner[row] = emotions.index(face.emotion)
            votes[row] = np.eye(len(emotions))[winner[row]]
        if face.votes is not None:
            votes[row] = _vote_shares(face.votes, emotions)
        if face.shares is not None:
            votes[row] = _shares(face.shares, emotions)
        coded[row] = face.unit_labels(units)
    # A FACS coder notes what is present. A unit that is noted in no face of a whole data set was
    # not looked for: unknown, not absent.
    unlisted = np.array([face.coded is None for face in faces])
    coded[np.ix_(unlisted, ~(coded == 1).any(axis=0))] = np.nan
    labels: dict[str, NDArray[Any]] = {
        "names": np.array([face.identity for face in faces]),
        "splits": np.array([split_of(face, dataset, recipe.seed) for face in faces]),
        "subjects": np.array([face.subject or "" for face in faces]),
        "votes": votes,
        "majority": winner,
        "action_units": coded,
        "coders": np.asarray(~np.isnan(coded).all(axis=1), np.int64),
    }
    if any(face.intensities for face in faces):
        labels["strength"] = _strength(faces, units)
    if dataset.reader == "wild":
        labels |= _soft_labels(faces, recipe)
    if dataset.all_visible:
        labels["visibility"] = np.ones((len(faces), len(REGIONS)), dtype=np.float32)
    return labels


def _strength(faces: Sequence[LabelledFace], units: Sequence[str]) -> NDArray[np.float32]:
    """Whether a unit is marked (FACS C to E), float32 [n, units]; NaN without an intensity."""
    strength = np.full((len(faces), len(units)), np.nan, dtype=np.float32)
    for row, face in enumerate(faces):
        for unit, intensity in face.intensities.items():
            if unit in units:
                strength[row, units.index(unit)] = intensity >= MARKED_INTENSITY
    return strength


def _soft_labels(faces: Sequence[LabelledFace], recipe: Recipe) -> dict[str, NDArray[Any]]:
    """Labels of coded faces that keep what coders doubt and where they differ."""
    codes = find_codes([face.identity for face in faces])
    targets = wild_targets(codes, recipe.action_units, recipe.emotions)
    decided = ~np.isnan(targets.coders)
    count = decided.sum(axis=1)
    marked = ((targets.coders == MARKED) & decided).sum(axis=1) / np.maximum(count, 1)
    return {
        "votes": targets.emotion,
        "action_units": targets.units,
        "strength": np.where(count > 0, marked, np.nan).astype(np.float32),
        "visibility": targets.visible,
        "coders": np.array([len(code.codings) for code in codes], dtype=np.int64),
    }


def _vote_shares(votes: dict[str, float], emotions: Sequence[str]) -> NDArray[np.float32]:
    """Shares of the votes, single votes dropped; NaN where most raters named no emotion."""
    kept = np.array([votes[emotion] if votes[emotion] > 1 else 0.0 for emotion in emotions])
    total = kept.sum()
    if total == 0 or total < sum(votes.values()) / 2:
        return np.full(len(emotions), np.nan, dtype=np.float32)
    return np.asarray(kept / total, dtype=np.float32)


def _shares(shares: Mapping[str, float], emotions: Sequence[str]) -> NDArray[np.float32]:
    """A distribution over the recipe's emotions; NaN where it has none of them."""
    known = np.array([shares.get(emotion, 0.0) for emotion in emotions])
    if known.sum() == 0:
        return np.full(len(emotions), np.nan, dtype=np.float32)
    return np.asarray(known / known.sum(), dtype=np.float32)


def split_of(face: LabelledFace, dataset: DatasetConfig, seed: int) -> str:
    """The data set's own split; a seeded part of "train" becomes "valid" where the recipe asks.

    Drawn from the name, so that neither order nor library version changes it.
    """
    if face.split != "train" or dataset.validation == 0:
        return face.split
    return "valid" if draw(face.name, seed) < dataset.validation else "train"
