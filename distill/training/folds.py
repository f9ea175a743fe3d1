"""A training repeated fold by fold and on all coded faces, each kept when it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import Recipe
from distill.training.checkpoint import save_atomically
from distill.training.phase2 import School, subject_folds
from mf2_edge.io.atomic import replacing

ALL = "all"
"""The job that learns from all subjects, beside those named by the number of a fold."""


@dataclass(frozen=True)
class Job:
    """One training of several: on which coded faces, and where it leaves what."""

    name: str
    rows: NDArray[np.int64]
    folder: Path
    key: str
    """What it rests on; what was left by a job with another key is made again."""

    @property
    def path(self) -> Path:
        """What is kept of it: its content, the key, and its logits of all coded faces."""
        return self.folder / f"{self.name}.pt"

    @property
    def checkpoint(self) -> Path:
        """From where it goes on after a kill."""
        return self.folder / f"{self.name}-last.pt"


Result = tuple[dict[str, Any], dict[str, NDArray[np.float32]]]
"""What to keep of a job, and its AU logits of all coded faces, [faces, units], by name."""


def train_folds(
    recipe: Recipe,
    school: School,
    folder: Path,
    key_of: Callable[[str], str],
    train: Callable[[Job], Result],
    *,
    on_all: bool,
) -> None:
    """Train each fold, then on all coded faces if `on_all`; jobs that are done are not done again.

    The processes of a `torchrun` share the jobs. Beside `folder`, a file of its name and .npz has
    subjects, fold, labels and out-of-fold logits of every coded face, each by its name.
    """
    store, count, world = school.coded.store, recipe.action_unit_training.folds, school.world
    fold = subject_folds(store.subjects, count, recipe.seed)
    rows = {str(number): np.flatnonzero(fold != number) for number in range(count)}
    if on_all:
        rows[ALL] = np.arange(len(fold))
    for name in list(rows)[world.rank :: world.size]:
        job = Job(name, rows[name], folder, key_of(name))
        if is_done(job.path, job.key):
            continue
        content, logits = train(job)
        tensors = {name: torch.from_numpy(values) for name, values in logits.items()}
        save_atomically({**content, "logits": tensors, "key": job.key}, job.path)
        job.checkpoint.unlink(missing_ok=True)
    world.wait()
    if world.leads:
        logits_of = [_logits(folder / f"{number}.pt") for number in range(count)]
        out_of_fold: dict[str, Any] = {
            name: np.stack([logits_of[own][name][row] for row, own in enumerate(fold)])
            for name in logits_of[0]
        }
        with replacing(folder.with_suffix(".npz")) as partial:
            np.savez(
                partial,
                subjects=store.subjects,
                fold=fold,
                labels=store.action_units,
                **out_of_fold,
            )
    world.wait()


def is_done(path: Path, key: str) -> bool:
    """Whether a file was left by a job with this key."""
    return path.is_file() and torch.load(path, weights_only=True).get("key") == key


def _logits(path: Path) -> dict[str, NDArray[np.float32]]:
    kept: dict[str, Tensor] = torch.load(path, weights_only=True)["logits"]
    return {name: np.asarray(values.numpy()) for name, values in kept.items()}
