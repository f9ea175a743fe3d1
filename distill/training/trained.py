"""What training left to ship: a network in float and, after phase 4, in 8-bit integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from distill.config import Recipe
from distill.networks.network import channels_last
from distill.training.checkpoint import load_integers, load_network

NetworkPrecision = Literal["fp32", "int8"]
"""What a network computes in."""

INTEGER_LOGITS: Final = "logits"
FLOAT_LOGITS: Final = "float_logits"
"""Names in `int8.npz`."""


@dataclass(frozen=True)
class Folds:
    """Human-coded faces, each judged by a network that saw none of its subject.

    labels float32 [n, units] of 0, 1, NaN; logits float32 [n, units]; fold, subjects [n].
    """

    labels: NDArray[np.float32]
    logits: NDArray[np.float32]
    fold: NDArray[np.int64]
    subjects: NDArray[np.str_]


def shipped_precisions(recipe: Recipe) -> tuple[NetworkPrecision, ...]:
    """In which numbers a recipe's network ships; calibration is fitted to the last."""
    return ("fp32",) if recipe.quantization is None else ("fp32", "int8")


def load_trained(recipe: Recipe, numbers: NetworkPrecision) -> nn.Module:
    """The network of the recipe's last phase; raises CheckpointError if there is none."""
    folder = recipe.run_folder
    if numbers == "int8":
        return load_integers(folder / "int8" / "all.pt2")
    if recipe.quantization is not None:
        folder = folder / "int8"
    return channels_last(load_network(folder / "network.pt").network)


def load_folds(recipe: Recipe, numbers: NetworkPrecision) -> Folds:
    """Its out-of-fold logits; raises FileNotFoundError if the phase was not run."""
    quantized = recipe.quantization is not None
    name = FLOAT_LOGITS if quantized and numbers == "fp32" else INTEGER_LOGITS
    with np.load(recipe.run_folder / ("int8.npz" if quantized else "folds.npz")) as kept:
        return Folds(kept["labels"], kept[name], kept["fold"], kept["subjects"])
