"""Batches of augmented faces, a function of the seed and the step alone.

Because nothing else enters, a run that is killed and resumed sees the very same batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import Recipe
from distill.faces.augment import augment, centre
from distill.faces.store import UNDECIDED, FaceStore
from mf2_edge.bundle.schema import PreprocessingSpec

PRESENT: Final = 0.75
"""From this label on a face counts as showing a unit when faces are drawn."""


@dataclass(frozen=True)
class Face:
    """One training face. image: uint8 [H, W, 3], RGB, aligned, with the recipe's margin.

    targets: float32 [labels] a head, NaN where unknown. possible: float32 [emotions], 0 for
    emotions that its data set cannot name. key: data set and row, for what is kept of each face.
    """

    image: NDArray[np.uint8]
    targets: Mapping[str, NDArray[np.float32]]
    possible: NDArray[np.float32]
    key: tuple[str, int] = ("", -1)


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

    rows [n] of the store, drawn with probability proportional to weights [n]. possible: float32
    [emotions], 0 for emotions that the data set cannot name.
    """

    name: str
    store: FaceStore
    rows: NDArray[np.int64]
    possible: NDArray[np.float32]
    weights: NDArray[np.float64]

    def draw(self, count: int, seed: int, step: int) -> list[Callable[[], Face]]:
        """`count` faces, drawn with replacement."""
        rng = np.random.default_rng((seed, step, crc32(self.name.encode())))
        chosen = rng.choice(self.rows, count, p=self.weights / self.weights.sum())
        return [partial(self._face, int(row)) for row in chosen]

    def unit_counts(self) -> NDArray[np.int64]:
        """How often each AU is known to be present and known to be absent, [2, units]."""
        return count_units(self.store.action_units[self.rows])

    def _face(self, row: int) -> Face:
        targets = {head: values[row] for head, values in self.store.targets().items()}
        return Face(self.store.images[row], targets, self.possible, (self.name, row))


def sampling_weights(
    votes: NDArray[np.float32], units: NDArray[np.float32], power: float, largest: float
) -> NDArray[np.float64]:
    """How often each face is drawn beside one with nothing rare, [n].

    votes [n, emotions], units [n, units], NaN where unknown. The inverse frequency, to `power` and
    at most `largest`, of a face's emotion and of the rarest unit that it shows; the geometric mean
    where both are known.
    """
    known = ~np.isnan(votes).any(axis=1)
    emotion = np.nan_to_num(votes).argmax(axis=1)
    times = known.sum() / np.maximum(np.bincount(emotion[known], minlength=votes.shape[1]), 1)
    by_emotion = np.where(known, np.minimum(times**power, largest)[emotion], 1.0)
    coded, present = ~np.isnan(units).all(axis=1), units >= PRESENT
    rarity = (coded.sum() / np.maximum(present.sum(axis=0), 1)) ** power
    by_unit = np.minimum(np.maximum(1, (present * rarity).max(axis=1)), largest)
    both = np.sqrt(by_emotion * by_unit)
    return np.asarray(np.where(known & coded, both, by_emotion * by_unit), dtype=np.float64)


@dataclass(frozen=True)
class Batch:
    """images (N, 3, H, W) normalised; targets (N, labels) a head; possible (N, emotions).

    place: which batch of its step it is, whatever process has it. keys: those of the faces.
    """

    images: Tensor
    targets: dict[str, Tensor]
    possible: Tensor
    place: int
    keys: tuple[tuple[str, int], ...] = ()

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device; the copy does not wait for one that is pinned."""
        return self._with(lambda values: values.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """The same batch in memory that a GPU reads by itself."""
        return self._with(Tensor.pin_memory)

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        targets = {head: change(values) for head, values in self.targets.items()}
        return replace(
            self, images=change(self.images), targets=targets, possible=change(self.possible)
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
    stack: dict[str, Tensor] = {
        head: torch.from_numpy(np.stack([face.targets[head] for face, _ in faces]))
        for head in recipe.heads
    }
    return Batch(
        to_tensor(np.stack(images), recipe.preprocessing),
        stack,
        torch.from_numpy(np.stack([face.possible for face, _ in faces])),
        place,
        tuple(face.key for face, _ in faces),
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


def positive_weights(labels: NDArray[np.float32]) -> Tensor:
    """Weight of a positive AU label, (units,), see `balance`. labels: [n, units], NaN unknown."""
    return balance(count_units(labels))


def count_units(labels: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positive and negative labels of each AU, [2, units]; neither where unknown or undecided."""
    return np.stack([(labels > UNDECIDED).sum(axis=0), (labels < UNDECIDED).sum(axis=0)])


def balance(counts: NDArray[np.int64], largest: float = 8.0) -> Tensor:
    """Weight of a positive AU label, (units,): the root of negatives per positive, 1..largest.

    counts: [2, units], of positives and negatives.
    """
    positives, negatives = counts
    ratio = np.sqrt(negatives / np.maximum(positives, 1))
    return torch.from_numpy(np.clip(ratio, 1, largest).astype(np.float32))
