"""The networks that a training left to ship: in float and, after quantization, in integers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import nn

from distill.config import Recipe
from distill.networks.network import channels_last
from distill.training.checkpoint import load_integers, load_network

NetworkPrecision = Literal["fp32", "int8"]
"""Numeric type that a network computes in."""


def shipped_precisions(recipe: Recipe) -> tuple[NetworkPrecision, ...]:
    """In which precisions a recipe's network ships; calibration is fitted to the last."""
    return ("fp32",) if recipe.qat is None else ("fp32", "int8")


def network_file(recipe: Recipe, fold: int | None = None) -> Path:
    """The checkpoint of the float network that ships: of the weights that the integers round."""
    folder = recipe.folder(fold)
    return (folder if recipe.qat is None else folder / "int8") / "network.pt"


def load_trained(recipe: Recipe, precision: NetworkPrecision, fold: int | None = None) -> nn.Module:
    """The trained network; raises CheckpointError if there is none."""
    if precision == "int8":
        return load_integers(recipe.folder(fold) / "int8" / "network.pt2")
    return channels_last(load_network(network_file(recipe, fold)).network)
