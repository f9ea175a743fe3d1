"""The batches of steps, made ahead of them by threads.

A step's batches follow from the seed and its number, so who makes them, and when, changes nothing:
a run with workers sees the very same faces as one without. Threads, since OpenCV and NumPy leave
Python's lock where their work is, and a process that was forked from one with threads may hang.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from distill.config import Recipe
from distill.faces.batches import Batch, FaceSource, make_batches
from distill.training.distributed import World


def batches_of_steps(
    recipe: Recipe, sources: Sequence[FaceSource], world: World, steps: range
) -> Iterator[list[Batch]]:
    """This process's batches of each step, in order, on its device.

    `train.workers` threads make them while earlier steps run; their memory is pinned where the
    device is a GPU, so that copies do not wait. Raises what the sources raise, such as ShardError.
    """
    counts, on_gpu = recipe.train.batch, world.device.type == "cuda"

    def make(step: int) -> list[Batch]:
        made = make_batches(recipe, sources, counts, step, world.rank, world.size)
        return [batch.pin_memory() for batch in made] if on_gpu else made

    if not recipe.train.workers:
        for step in steps:
            yield [batch.to(world.device) for batch in make(step)]
        return
    ahead = iter(steps)
    pool = ThreadPoolExecutor(recipe.train.workers, "faces of coming steps")
    waiting: deque[Future[list[Batch]]] = deque()
    try:
        for _ in steps:
            while len(waiting) <= recipe.train.workers:
                following = next(ahead, None)
                if following is None:
                    break
                waiting.append(pool.submit(make, following))
            yield [batch.to(world.device) for batch in waiting.popleft().result()]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
