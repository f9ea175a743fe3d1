"""Many photographs or frames on several cores, in order and in bounded memory.

Inference, resampling and decoding leave Python's interpreter lock alone, so threads suffice. Each
has an analyzer of its own: engines take one call at a time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from mf2_edge.analyzer import FaceStateAnalyzer
from mf2_edge.io.frames import ColorOrder, ImageLike
from mf2_edge.types import FaceState

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def default_workers() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def predict_many(
    frames: Iterable[ImageLike],
    *,
    color: ColorOrder = "bgr",
    workers: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Iterator[list[FaceState]]:
    """`FaceStateAnalyzer(**options).predict` of each frame, in order, on `workers` cores (all).

    At most twice as many frames as workers are taken ahead of the answer that is waited for.
    `progress` shows a bar on stderr, with an end where `frames` has a length.

    Raises ValueError for less than one worker, else as the analyzer and its `predict`.
    """
    answers = map_ordered(
        lambda analyzer, frame: analyzer.predict(frame, color=color),
        frames,
        lambda: FaceStateAnalyzer(**options),
        default_workers() if workers is None else workers,
    )
    if not progress:
        return answers
    from tqdm import tqdm

    total = len(frames) if isinstance(frames, Sized) else None
    return iter(tqdm(answers, total=total, unit=" frames"))


def map_ordered(
    function: Callable[[FaceStateAnalyzer, Item], Answer],
    items: Iterable[Item],
    open_analyzer: Callable[[], FaceStateAnalyzer],
    workers: int,
) -> Iterator[Answer]:
    """`function(analyzer, item)` of each item, in order; analyzers are opened before the first.

    An exception comes up where its item's answer would. Raises ValueError for less than one worker.
    """
    if workers < 1:
        raise ValueError(f"workers={workers}: expected 1 or more")
    analyzers: SimpleQueue[FaceStateAnalyzer] = SimpleQueue()
    for _ in range(workers):
        analyzers.put(open_analyzer())

    def work(item: Item) -> Answer:
        analyzer = analyzers.get()
        try:
            return function(analyzer, item)
        finally:
            analyzers.put(analyzer)

    return _in_order(work, items, workers)


def _in_order(
    work: Callable[[Item], Answer], items: Iterable[Item], workers: int
) -> Iterator[Answer]:
    if workers == 1:
        yield from map(work, items)
        return
    pool, waiting = ThreadPoolExecutor(workers), deque[Future[Answer]]()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
