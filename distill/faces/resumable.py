"""Long work on many faces, row by row into files, that goes on after a kill where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray
from tqdm import tqdm

from distill.faces.arrays import new_array, open_array

CHUNK = 64
"""Jobs that a process takes at a time; consecutive, which is quick where they are of one video."""

Job = TypeVar("Job")
Result = tuple[NDArray[Any], int]
"""A row's values and its mark: what else there is to say of it, 1..255."""


@dataclass(frozen=True)
class Rows:
    """values: [n, ...], mapped into memory. marks: uint8 [n], 0 where a row is not done yet."""

    values: NDArray[Any]
    marks: NDArray[np.uint8]


def fill_rows(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    path: Path,
    shape: tuple[int, ...],
    dtype: DTypeLike,
    *,
    workers: int,
    title: str,
) -> Rows:
    """Do `work` on every job whose row in `path` (.npy) is not done; all rows are in the end.

    `shape` and `dtype` are a row's. With more than one worker `work` runs in processes of its own,
    so it and the jobs have to be picklable. Name the file after what the rows depend on
    (`fingerprint`): another file is begun where that differs.
    """
    values = _array(path, (len(jobs), *shape), dtype)
    marks = _array(_marks_path(path), (len(jobs),), np.uint8)
    todo = np.flatnonzero(marks == 0).tolist()
    results = _map(work, [jobs[row] for row in todo], workers)
    progress = tqdm(
        results, total=len(jobs), initial=len(jobs) - len(todo), desc=title, unit="face"
    )
    for row, (value, mark) in zip(todo, progress, strict=True):
        values[row] = value
        marks[row] = mark  # after the values: a row that has a mark is whole
    return Rows(values, marks)


def remove_rows(path: Path) -> None:
    """Delete what `fill_rows` left in `path`."""
    path.unlink(missing_ok=True)
    _marks_path(path).unlink(missing_ok=True)


def fingerprint(*parts: object) -> str:
    """Twelve hexadecimal digits that change with any of the parts' `str`."""
    digest = blake2b(digest_size=6)
    for part in parts:
        digest.update(str(part).encode() + b"\0")
    return digest.hexdigest()


def _map(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    if workers == 1 or len(jobs) <= CHUNK:
        yield from map(work, jobs)
        return
    # Forked processes would inherit the locks of threads that they do not have.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, jobs, chunksize=CHUNK)


def _array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The array in a file, or a new one of zeros."""
    if not path.is_file():
        new_array(path, shape, dtype)
    return open_array(path)


def _marks_path(path: Path) -> Path:
    return path.with_suffix(".marks.npy")
