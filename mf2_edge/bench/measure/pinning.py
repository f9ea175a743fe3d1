"""Threads on chosen CPUs, and the proof that they stayed there (Linux)."""

from __future__ import annotations

import os
from pathlib import Path


def choose_cpus(threads: int) -> tuple[int, ...]:
    """CPUs that this process may use and that were idle longest since the machine started.

    Fewer than `threads` where the machine has no more; empty where CPUs cannot be chosen.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    idle = _idle_ticks()
    allowed = sorted(os.sched_getaffinity(0), key=lambda cpu: idle.get(cpu, 0), reverse=True)
    return tuple(sorted(allowed[:threads]))


def pin(cpus: tuple[int, ...]) -> None:
    """Bind the threads of this process, and all that they start from now on, to `cpus`."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        return
    os.sched_setaffinity(0, cpus)
    for task in _tasks():  # libraries that were imported before have started some
        try:
            os.sched_setaffinity(task, cpus)
        except ProcessLookupError:
            continue  # the thread has ended meanwhile


def is_pinned(cpus: tuple[int, ...]) -> bool | None:
    """Whether every thread of this process is bound to `cpus` alone; None where unknown."""
    tasks = _tasks()
    if not cpus or not tasks or not hasattr(os, "sched_getaffinity"):
        return None
    for task in tasks:
        try:
            if not os.sched_getaffinity(task) <= set(cpus):
                return False
        except ProcessLookupError:
            continue  # the thread has ended meanwhile
    return True


def _tasks() -> list[int]:
    tasks = Path("/proc/self/task")
    return [int(task.name) for task in tasks.iterdir()] if tasks.is_dir() else []


def _idle_ticks() -> dict[int, int]:
    stat = Path("/proc/stat")
    lines = stat.read_text().splitlines() if stat.is_file() else []
    rows = (line.split() for line in lines if line.startswith("cpu"))
    return {int(row[0][3:]): int(row[4]) for row in rows if row[0] != "cpu"}
