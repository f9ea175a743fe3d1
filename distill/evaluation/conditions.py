"""Conditions of a measurement, and the labels that it is made against."""

from __future__ import annotations

import platform
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.faces.store import UNDECIDED


def hard_labels(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Soft labels as 0, 1 or NaN: unknown where two coders contradict each other."""
    hard = np.where(labels > UNDECIDED, 1.0, 0.0)
    return np.where(np.isnan(labels) | (labels == UNDECIDED), np.nan, hard).astype(np.float32)


def headline(recipe: Recipe, units: list[str]) -> tuple[str, ...]:
    """The recipe's headline units, as far as they were measured."""
    wanted = recipe.folds.headline if recipe.folds is not None else ()
    return tuple(unit for unit in wanted if unit in units) or tuple(units)


def machine() -> str:
    """What a measurement ran on, as far as it matters for accuracy."""
    return f"{platform.system()} {platform.machine()}, CPU, Python {platform.python_version()}"


def today() -> str:
    """The date of a measurement, ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()
