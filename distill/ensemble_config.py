"""An ensemble: one TOML file that names recipes, and the views of a face that are averaged."""

from __future__ import annotations

from pathlib import Path

import msgspec

from distill.config import ConfigError, read_toml
from distill.extended_toml import Part


class ViewConfig(Part, frozen=True, kw_only=True):
    """Views of a face whose logits are averaged."""

    scales: tuple[float, ...]
    """Sizes of the face relative to its own, which is 1."""
    mirrored: bool
    """Whether mirrored views are added."""


class EnsembleConfig(Part, frozen=True, kw_only=True):
    """Networks whose logits are averaged."""

    name: str
    members: tuple[str, ...]
    """Recipes, beside this file."""
    views: ViewConfig
    """For evaluation."""
    training_views: ViewConfig
    """For distillation, where each view costs time in every step."""


def load_ensemble(path: Path) -> EnsembleConfig:
    """Read an ensemble's TOML file; raises ConfigError naming the file and the key."""
    try:
        return msgspec.convert(read_toml(path), EnsembleConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from error
