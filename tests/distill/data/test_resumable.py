"""Rows in files: done once, in any number of processes, and gone on with after a kill."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distill.faces.resumable import fill_rows, fingerprint, remove_rows

pytestmark = pytest.mark.slow


def test_rows_that_are_done_are_not_done_again(tmp_path: Path) -> None:
    asked = []

    def work(job: int) -> tuple[np.ndarray, int]:
        asked.append(job)
        if job == 3 and asked.count(3) == 1:
            raise KeyboardInterrupt
        return np.full(2, job), 1 + job % 2

    def run() -> tuple[np.ndarray, np.ndarray]:
        rows = fill_rows(
            work, range(6), tmp_path / "x.npy", (2,), np.int64, workers=1, title="test"
        )
        return rows.values, rows.marks

    with pytest.raises(KeyboardInterrupt):
        run()
    values, marks = run()
    assert asked == [0, 1, 2, 3, 3, 4, 5]
    assert values.tolist() == [[n, n] for n in range(6)]
    assert marks.tolist() == [1, 2, 1, 2, 1, 2]


def test_rows_are_the_same_from_several_processes(tmp_path: Path) -> None:
    jobs = list(range(150))
    rows = fill_rows(_square, jobs, tmp_path / "x.npy", (1,), np.int64, workers=2, title="test")
    assert rows.values[:, 0].tolist() == [n * n for n in jobs]


def test_fingerprints_tell_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(1, "a") == fingerprint(1, "a")


def _square(job: int) -> tuple[np.ndarray, int]:
    return np.array([job * job]), 1


def test_removed_rows_leave_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    fill_rows(_square, [1, 2], path, (1,), np.int64, workers=1, title="test")
    assert len(list(tmp_path.iterdir())) == 2
    remove_rows(path)
    assert list(tmp_path.iterdir()) == []
