"""The faces that MFA describes: aligned crops from the cache, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.faces.store import UNDECIDED, load_store
from distill.mfa.errors import MfaError
from distill.mfa.records.schema import FaceLabels

HELD_OUT: Final = ("test", "leak")
NOTHING_KNOWN: Final = FaceLabels(None, frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a description is about: a face's name within its data set, and what is known of it."""

    dataset: str
    name: str
    labels: FaceLabels


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a data set. image: uint8 [H, W, 3], RGB, aligned (a view of the cache)."""

    subject: Subject
    split: str
    image: NDArray[np.uint8]


def iterate_faces(
    recipe: Recipe,
    datasets: Sequence[str] = (),
    splits: Sequence[str] = (),
    limit: int | None = None,
    *,
    held_out: bool = False,
) -> Iterator[Face]:
    """Faces in the order of the caches, of all data sets and splits unless some are named.

    A face of which nothing is known is left out: no text about it could be checked. Test splits
    have to be named, or asked for with `held_out`: texts are made to train on. `limit` is the most
    faces of each data set. Raises MfaError naming a data set that the recipe does not have,
    FileNotFoundError for a cache that was not made.
    """
    for name in datasets or [name for name, data in recipe.data.items() if not data.streamed]:
        if name not in recipe.data:
            known = ", ".join(recipe.data)
            raise MfaError(f"the recipe has no data set {name!r}; it has {known}")
        folder = recipe.cache_folder / name
        store = load_store(folder)
        units = store.action_units
        wanted = np.isin(store.splits, splits) if splits else ~np.isin(store.splits, HELD_OUT)
        for row in np.flatnonzero(wanted | held_out)[:limit]:
            labels = face_labels(int(store.majority[row]), units[row], recipe)
            if labels == NOTHING_KNOWN:
                continue
            subject = Subject(name, str(store.names[row]), labels)
            yield Face(subject, str(store.splits[row]), store.images[row])


def face_labels(majority: int, units: NDArray[np.float32], recipe: Recipe) -> FaceLabels:
    """Labels of one face: `majority` is an index or -1, `units` float32 [units], NaN unknown."""
    named = list(zip(recipe.action_units, units, strict=True))
    return FaceLabels(
        emotion=recipe.emotions[majority] if majority >= 0 else None,
        present=frozenset(unit for unit, value in named if value > UNDECIDED),
        absent=frozenset(unit for unit, value in named if value < UNDECIDED),
    )
