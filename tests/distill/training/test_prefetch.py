"""Batches that workers make are those that the training would have made itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distill.config import Recipe
from distill.faces.batches import Face
from distill.mfa.errors import ShardError
from distill.training.distributed import World
from distill.training.sources.prefetch import batches_of_steps
from distill.training.throughput import NAME, RandomFaces, measure_throughput
from tests.helpers.tiny_training import tiny_recipe

replace = msgspec.structs.replace
ALONE = World(0, 1, torch.device("cpu"))
FACES = 6


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A miniature whose steps have six faces of noise, in two batches."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("prefetch"))
    train = replace(recipe.train, batch={NAME: FACES}, micro_batch=4)
    data = {NAME: replace(next(iter(recipe.data.values())), blend={})}
    return replace(recipe, train=train, data=data, folds=None, texts=None, teacher=None)


def with_workers(recipe: Recipe, workers: int) -> Recipe:
    return replace(recipe, train=replace(recipe.train, workers=workers))


def test_workers_make_the_same_batches_in_the_same_order(recipe: Recipe) -> None:
    source = RandomFaces(recipe, FACES)
    alone, ahead = (
        list(batches_of_steps(with_workers(recipe, workers), [source], ALONE, range(3, 8)))
        for workers in (0, 2)
    )
    assert [len(step) for step in ahead] == [2] * 5
    for ours, theirs in zip(alone, ahead, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one.images, other.images)
            assert (one.place, one.keys) == (other.place, other.keys)
            for head, values in one.targets.items():
                torch.testing.assert_close(
                    values, other.targets[head], equal_nan=True, rtol=0, atol=0
                )
    first, second = alone[0][0].images, alone[1][0].images
    assert not torch.equal(first, second)  # other steps are augmented otherwise


@dataclass(frozen=True)
class Torn:
    """A source whose third step cannot be read."""

    faces: RandomFaces
    name: str = NAME

    def draw(self, count: int, seed: int, step: int) -> list[Callable[[], Face]]:
        """Faces of noise, or what a damaged shard raises."""
        if step == 2:
            raise ShardError("shard 7 was damaged; fetch it again")
        return self.faces.draw(count, seed, step)

    def unit_counts(self) -> NDArray[np.int64]:
        """Those of the faces."""
        return self.faces.unit_counts()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_source_comes_as_it_is(recipe: Recipe, workers: int) -> None:
    source = Torn(RandomFaces(recipe, FACES))
    made = batches_of_steps(with_workers(recipe, workers), [source], ALONE, range(5))
    assert len(next(made)) == len(next(made)) == 2
    with pytest.raises(ShardError, match=r"^shard 7 was damaged; fetch it again$"):
        next(made)


def test_fewer_than_no_workers_are_refused(recipe: Recipe) -> None:
    with pytest.raises(ValueError, match="workers is -1: expected 0 or more threads"):
        with_workers(recipe, -1).train.__post_init__()


def test_the_share_of_peak_follows_from_operations_that_were_counted(recipe: Recipe) -> None:
    found = measure_throughput(with_workers(recipe, 1), ALONE, steps=2)
    assert found.workers == 1
    twice = measure_throughput(
        replace(recipe, train=replace(recipe.train, batch={NAME: 2 * FACES})), ALONE, steps=1
    )
    assert twice.flops_a_face == pytest.approx(found.flops_a_face)  # of a face, not of a step
    assert found.flops_a_face > 1e6
    assert found.peak_flops > 0
    known = dataclasses.replace(found, faces=10, step_s=0.5, flops_a_face=3e9, peak_flops=120e9)
    assert known.share_of_peak == pytest.approx(20 * 3 / 120)
