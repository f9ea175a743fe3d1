"""Aligned faces on disk: made once a data set, memory-mapped by everything after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill.config import ConfigError, Recipe
from distill.faces.arrays import new_array
from mf2_edge.facs import REGIONS
from mf2_edge.io.atomic import replacing

UNDECIDED: Final = 0.5
"""Label of a unit that two coders contradict each other about."""


LABELS: Final = "labels.npz"
"""A store that has it is complete."""


@dataclass(frozen=True)
class FaceStore:
    """The faces of one data set, row by row. NaN in a label means unknown.

    images: uint8 [n, H, W, 3], RGB, aligned, with the recipe's margin (memory-mapped).
    votes: float32 [n, emotions], summing to 1, or NaN. majority: int [n], -1 where there is none.
    action_units: float32 [n, units], 0 absent to 1 present. strength: float32 [n, units], whether a
    unit is marked (FACS C to E), 0..1. visibility: float32 [n, regions], whether a region can be
    judged, 0..1. coders: int [n], how many people or models coded the units. subjects: str [n], ""
    where unknown.
    """

    images: NDArray[np.uint8]
    names: NDArray[np.str_]
    splits: NDArray[np.str_]
    subjects: NDArray[np.str_]
    aligned: NDArray[np.bool_]
    votes: NDArray[np.float32]
    majority: NDArray[np.int64]
    action_units: NDArray[np.float32]
    strength: NDArray[np.float32]
    visibility: NDArray[np.float32]
    coders: NDArray[np.int64]

    def rows(self, *splits: str) -> NDArray[np.int64]:
        """Indices of the faces of the given splits."""
        return np.flatnonzero(np.isin(self.splits, splits))

    def targets(self) -> dict[str, NDArray[np.float32]]:
        """What each head is trained on, [n, labels], by the head's name."""
        return {
            "emotion": self.votes,
            "action_units": self.action_units,
            "strength": self.strength,
            "visibility": self.visibility,
        }

    def labelled(self, split: str) -> NDArray[np.int64]:
        """Indices of the faces of a split that have a hard emotion label."""
        rows = self.rows(split)
        return rows[self.majority[rows] >= 0]


def save_store(folder: Path, images: Sequence[NDArray[np.uint8]], **labels: NDArray[Any]) -> None:
    """Write a store; the label file comes last, so a store that has one is complete.

    `strength`, `visibility` and `coders` may be left out where no face has them.
    """
    count = len(images)
    labels = {
        "strength": np.full_like(labels["action_units"], np.nan),
        "visibility": np.full((count, len(REGIONS)), np.nan, dtype=np.float32),
        "coders": np.zeros(count, dtype=np.int64),
    } | labels
    folder.mkdir(parents=True, exist_ok=True)
    new_array(folder / "images.npy", (len(images), *images[0].shape), np.uint8)
    out = np.lib.format.open_memmap(folder / "images.npy", mode="r+")
    for row, image in enumerate(images):
        out[row] = image
    out.flush()
    with replacing(folder / LABELS) as partial:
        np.savez(partial, allow_pickle=False, **labels)


def load_store(folder: Path) -> FaceStore:
    """Open a store; raises FileNotFoundError saying how to make it."""
    if not (folder / LABELS).is_file():
        raise FileNotFoundError(
            f"no aligned faces in {folder}: run `python -m distill prepare --config RECIPE` first"
        )
    images = np.load(folder / "images.npy", mmap_mode="r")
    with np.load(folder / LABELS) as labels:
        return FaceStore(images=images, **{name: labels[name] for name in labels.files})


def load_faces(recipe: Recipe, name: str) -> FaceStore:
    """Open a recipe's data set; errors as above, ConfigError if its cache is another recipe's."""
    folder = recipe.cache_folder / name
    store = load_store(folder)
    found, expected = store.action_units.shape[1], len(recipe.action_units)
    if found != expected:
        raise ConfigError(
            f"{folder} has labels of {found} Action Units, and the recipe {recipe.name} has "
            f"{expected}: give it another `runs` folder, and prepare its faces there"
        )
    return store
