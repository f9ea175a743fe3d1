"""Checkpoints: what a run needs to go on, and what the exporter needs to ship.

Files in a run's folder: `last.pt` (everything, to resume), `network.pt` (the network and the recipe
it came from) and, after phase 4, `int8/all.pt2` (the same in integers). All are written beside
themselves and moved into place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
import torch
from torch import nn

from distill.config import Recipe
from distill.networks.architectures import build_network
from distill.networks.network import FaceStateNet
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

WILD, ACTION_UNITS, SETTLED, ROUNDED = "wild", "action units", "settled", "rounded"
"""How far a network was trained: through phase 1, 2, 3 or 4."""


class CheckpointError(ValueError):
    """A file is no checkpoint of this project, or of another architecture."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained network in eval mode with its recipe; `stage` says how far it was trained."""

    network: FaceStateNet
    recipe: Recipe
    stage: str


def save_atomically(content: dict[str, Any], path: Path) -> None:
    """`torch.save`, so that `path` is at every moment absent, old or new, never half."""
    with replacing(path) as partial:
        torch.save(content, partial)


def save_network(network: FaceStateNet, recipe: Recipe, stage: str, path: Path) -> None:
    """Write a network with its recipe."""
    content = {
        "format": "mf2-edge network 1",
        "stage": stage,
        "recipe": msgspec.json.encode(recipe).decode(),
        "network": network.state_dict(),
    }
    save_atomically(content, path)


def load_network(path: Path) -> Checkpoint:
    """Read a network written by `save_network`; raises CheckpointError saying what is wrong."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"no checkpoint at {path}: train one first (distill train)") from None
    except Exception as error:
        raise CheckpointError(f"{path} is not a PyTorch checkpoint: {error}") from error
    if not isinstance(content, dict) or content.get("format") != "mf2-edge network 1":
        raise CheckpointError(f"{path} is not a network written by `python -m distill`")
    try:
        recipe = msgspec.json.decode(content["recipe"], type=Recipe)
    except msgspec.DecodeError as error:
        raise CheckpointError(
            f"{path} was trained by another release, whose recipes differ: {error}. Train it again"
        ) from error
    network = build_network(recipe)
    try:
        network.load_state_dict(content["network"])
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds another architecture: {error}") from error
    return Checkpoint(network.eval(), recipe, content["stage"])


def load_integers(path: Path) -> nn.Module:
    """The integer network of a .pt2 file: (N, 3, H, W) -> logits, one tensor a head.

    Raises CheckpointError if the file is none, or is missing; MissingExtraError without torchao.
    """
    require("torchao.quantization.pt2e.quantize_pt2e", extra="export")  # registers its operators
    pt2e = require("torchao.quantization.pt2e", extra="export")
    try:
        program = torch.export.load(path)
    except Exception as error:  # torch's own classes share no base but this one
        raise CheckpointError(
            f"{path} is no integer network: {error}; make one with `python -m distill quantize`"
        ) from error
    network = program.module(check_guards=False)
    for values in (*network.parameters(), *network.buffers()):
        # Trained channels last; ExecuTorch would take such weights for ones already reordered.
        values.data = values.data.contiguous()
    return cast("nn.Module", pt2e.allow_exported_model_train_eval(network))  # refuses eval() else
