"""Batches of augmented faces, a function of the seed and the step alone.

Because nothing else enters, a run that is killed and resumed sees the very same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import Recipe
from distill.faces.augment import augment, centre
from distill.faces.store import FaceStore
from mf2_edge.bundle.schema import PreprocessingSpec


@dataclass(frozen=True)
class Face:
    """One training face. image: uint8 [H, W, 3], RGB, aligned, with the recipe's margin.

    votes, possible: float32 [emotions]. action_units: float32 [units] of 0, 1, NaN.
    """

    image: NDArray[np.uint8]
    votes: NDArray[np.float32]
    possible: NDArray[np.float32]
    action_units: NDArray[np.float32]


class FaceSource(Protocol):
    """Where a step's faces come from."""

    @property
    def name(self) -> str:
        """Of the data set, in the recipe."""
        ...

    def draw(self, count: int, seed: int, step: int) -> Sequence[Callable[[], Face]]:
        """The step's faces, each read when it is called for: other processes read the others.

        They depend on count, seed and step alone.
        """
        ...

    def unit_counts(self) -> NDArray[np.int64]:
        """How often each AU is known to be present and known to be absent, [2, units]."""
        ...


@dataclass(frozen=True)
class Source:
    """Training faces of one data set, from the cache.

    possible: float32 [emotions], 0 for emotions that the data set cannot name.
    action_units: float32 [n, units] of 0, 1, NaN; human codes or pseudo-labels.
    """

    name: str
    store: FaceStore
    rows: NDArray[np.int64]
    possible: NDArray[np.float32]
    action_units: NDArray[np.float32]

    def draw(self, count: int, seed: int, step: int) -> list[Callable[[], Face]]:
        """The next `count` faces: epoch after epoch of seeded permutations, none skipped."""
        return [partial(self._face, row) for row in _rows(self, count, seed, step)]

    def unit_counts(self) -> NDArray[np.int64]:
        """How often each AU is known to be present and known to be absent, [2, units]."""
        return count_units(self.action_units[self.rows])

    def _face(self, row: int) -> Face:
        return Face(
            self.store.images[row], self.store.votes[row], self.possible, self.action_units[row]
        )


@dataclass(frozen=True)
class Batch:
    """images (N, 3, H, W) normalised; votes, possible (N, emotions); action_units (N, units).

    place: which batch of its step it is, whatever process has it.
    """

    images: Tensor
    votes: Tensor
    possible: Tensor
    action_units: Tensor
    place: int

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            self.images.to(device),
            self.votes.to(device),
            self.possible.to(device),
            self.action_units.to(device),
            self.place,
        )


def make_batches(
    recipe: Recipe,
    sources: Sequence[FaceSource],
    counts: Mapping[str, int],
    step: int,
    rank: int = 0,
    world: int = 1,
) -> list[Batch]:
    """One process's share of a step: small batches of augmented faces, whose gradients add up.

    The step has as many faces of each source as `counts` says, mixed. Which batch a face falls
    into, and how it is augmented, does not depend on the number of processes.
    """
    drawn = [
        face
        for source in sources
        for face in source.draw(counts[source.name], recipe.training_seed, step)
    ]
    order = np.random.default_rng((recipe.training_seed, step)).permutation(len(drawn))
    parts = np.split(order, range(recipe.train.micro_batch, len(order), recipe.train.micro_batch))
    seed = (recipe.training_seed, step)
    return [
        _batch(recipe, [(drawn[row](), (*seed, int(row))) for row in parts[place]], place)
        for place in range(rank, len(parts), world)
    ]


def _batch(recipe: Recipe, faces: Sequence[tuple[Face, tuple[int, ...]]], place: int) -> Batch:
    size = recipe.alignment
    images = [
        augment(face.image, size.width, size.height, np.random.default_rng(seed))
        for face, seed in faces
    ]
    return Batch(
        to_tensor(np.stack(images), recipe.preprocessing),
        torch.from_numpy(np.stack([face.votes for face, _ in faces])),
        torch.from_numpy(np.stack([face.possible for face, _ in faces])),
        torch.from_numpy(np.stack([face.action_units for face, _ in faces])),
        place,
    )


def to_tensor(images: NDArray[np.uint8], spec: PreprocessingSpec) -> Tensor:
    """uint8 [n, H, W, 3] -> (n, 3, H, W) float32, normalised, channels last in memory."""
    mean, std = (np.array(values, dtype=np.float32) for values in (spec.mean, spec.std))
    return torch.from_numpy((images - mean) / std).permute(0, 3, 1, 2)


def centre_tensor(recipe: Recipe, images: NDArray[np.uint8]) -> Tensor:
    """Stored faces as the product sees them, (n, 3, height, width), normalised."""
    size = recipe.alignment
    cut = np.stack([centre(image, size.width, size.height) for image in images])
    return to_tensor(cut, recipe.preprocessing)


def _rows(source: Source, count: int, seed: int, step: int) -> NDArray[np.int64]:
    """The next `count` rows: epoch after epoch of seeded permutations, none skipped."""
    start = step * count
    wanted = np.arange(start, start + count)
    epochs, places = np.divmod(wanted, len(source.rows))
    return np.array(
        [
            source.rows[_permutation(len(source.rows), seed, int(epoch))[place]]
            for epoch, place in zip(epochs, places, strict=True)
        ]
    )


@lru_cache(maxsize=16)
def _permutation(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, length, epoch)).permutation(length)


def positive_weights(labels: NDArray[np.float32]) -> Tensor:
    """Weight of a positive AU label, (units,), see `balance`. labels: [n, units] of 0, 1, NaN."""
    return balance(count_units(labels))


def count_units(labels: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positive and negative labels of each AU, [2, units]. labels: [n, units] of 0, 1, NaN."""
    return np.stack([(labels == value).sum(axis=0) for value in (1, 0)])


def balance(counts: NDArray[np.int64]) -> Tensor:
    """Weight of a positive AU label, (units,): the root of negatives per positive, 1..8.

    counts: [2, units], of positives and negatives.
    """
    positives, negatives = counts
    ratio = np.sqrt(negatives / np.maximum(positives, 1))
    return torch.from_numpy(np.clip(ratio, 1, 8).astype(np.float32))
