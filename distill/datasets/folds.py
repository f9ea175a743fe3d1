"""Folds by subject as papers publish or describe them, by the reader of the data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from distill.datasets.readers.bp4d import BP4D_FOLDS
from distill.datasets.readers.disfa import DISFA_FOLDS

Subjects = frozenset[str]
FoldRule = Callable[[Sequence[str]], Sequence[Subjects]]
"""From all subjects, in the order of their names, to those of each fold."""


def fixed_folds(folds: Sequence[Subjects]) -> FoldRule:
    """Folds whose subjects are published."""
    return lambda _: folds


def dealt_folds(count: int) -> FoldRule:
    """Subjects in the order of their names, dealt to `count` folds in turn."""
    return lambda names: [frozenset(names[start::count]) for start in range(count)]


PUBLISHED_FOLDS: Final[dict[str, FoldRule]] = {
    "bp4d": fixed_folds(BP4D_FOLDS),
    "disfa": fixed_folds(DISFA_FOLDS),
    "ckplus": dealt_folds(10),
}
