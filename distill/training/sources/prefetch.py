"""The batches of steps, made ahead of them in processes of their own.

A step's batches follow from the seed and its number, so who makes them, and when, changes nothing:
a run with workers sees the very same faces as one without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from distill.config import Recipe
from distill.faces.batches import Batch, FaceSource, make_batches
from distill.training.distributed import World


@dataclass(frozen=True)
class StepBatches(Dataset["list[Batch] | Exception"]):
    """One process's batches of a step, by the number of the step."""

    recipe: Recipe
    sources: Sequence[FaceSource]
    rank: int
    size: int

    def __getitem__(self, step: int) -> list[Batch] | Exception:
        """Batches of the step, or what came instead of them.

        An error is returned, since one that is raised in a worker reaches the caller as another,
        with the worker's traceback for its message.
        """
        try:
            return self.make(step)
        except (ValueError, OSError) as error:
            return error

    def make(self, step: int) -> list[Batch]:
        """Batches of the step; raises what its sources raise."""
        counts = self.recipe.train.batch
        return make_batches(self.recipe, self.sources, counts, step, self.rank, self.size)


def batches_of_steps(
    recipe: Recipe, sources: Sequence[FaceSource], world: World, steps: range
) -> Iterator[list[Batch]]:
    """This process's batches of each step, in order, on its device.

    `train.workers` processes make them while earlier steps run; their memory is pinned where the
    device is a GPU, so that copies do not wait. Raises what the sources raise, such as ShardError.
    """
    batches = StepBatches(recipe, sources, world.rank, world.size)
    workers = min(recipe.train.workers, len(steps))
    if not workers:
        for step in steps:
            yield [batch.to(world.device) for batch in batches.make(step)]
        return
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        pin_memory=world.device.type == "cuda",
        worker_init_fn=_start_worker,
    )
    for made in loader:
        if isinstance(made, Exception):
            raise made
        yield [batch.to(world.device) for batch in made]


def _start_worker(_: int) -> None:
    """One thread a worker: there are as many workers as cores were given to them."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
