"""Quantization: ranges from calibration faces, then quantization-aware training on the same losses.

Weights are int8 by channel, activations by tensor, both symmetric or affine as XNNPACK, Core ML and
LiteRT share them. Rounding is simulated while the network goes on training (Jacob et al. 2018,
arXiv:1712.05877; PyTorch's PT2E). Ranges are frozen for the last part of the steps, so that the
weights settle on the integers that ship.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
from torch import nn

from distill.config import Recipe
from distill.faces.batches import FaceSource, Source, centre_tensor
from distill.networks.fake_quantized import (
    convert,
    freeze_ranges,
    prepare,
    save_program,
    take_weights,
)
from distill.networks.network import FaceStateNet, channels_last
from distill.train_config import QatConfig
from distill.training.checkpoint import QUANTIZED, CheckpointError, load_network, save_network
from distill.training.distributed import World, join_world
from distill.training.loop import Steps, make_objective, run_steps
from distill.training.optimizer import start_optimisation
from distill.training.sources.stored import training_sources

ALONE: Final = World(0, 1, torch.device("cpu"))
"""The traced network stays on the CPU of the process that leads; the others wait for it."""
RANGE_FACES: Final = 256
"""Faces of each data set that the first ranges come from."""


def quantize(recipe: Recipe, settings: QatConfig, fold: int | None = None) -> Path:
    """Quantize the trained network, or go on with it; returns the path of `int8/network.pt2`.

    `int8/network.pt` has the float weights that the integers round. 0 steps calibrate the ranges
    alone. Raises CheckpointError for a network with PReLU, which has no integer form.
    """
    world = join_world()
    torch.set_num_threads(recipe.threads)
    source = recipe.folder(fold) / "network.pt"
    folder = recipe.folder(fold) / "int8"
    path = folder / "network.pt2"
    if path.is_file() and path.stat().st_mtime_ns > source.stat().st_mtime_ns:
        return path
    network = channels_last(load_network(source).network)
    if any(isinstance(module, nn.PReLU) for module in network.modules()):
        raise CheckpointError(
            f"{source} has PReLU, which no quantized runtime takes: train a recipe whose network "
            'has activation = "relu"'
        )
    if not world.leads:
        world.wait()
        return path
    # Whatever precision the network was trained in: what rounds is float32.
    train = msgspec.structs.replace(recipe.train, precision="float32")
    exact = msgspec.structs.replace(recipe, train=train)
    sources = training_sources(exact, fold)
    simulated = simulate(network, exact, sources)
    if settings.steps:
        _train(simulated, exact, settings, sources, fold, source)
    save_quantized(simulated, network, recipe, folder, fold)
    world.wait()
    return path


def simulate(network: FaceStateNet, recipe: Recipe, sources: Sequence[FaceSource]) -> nn.Module:
    """The network with simulated rounding, its ranges found on unaugmented faces of the sources."""
    simulated = prepare(network, (2, 3, recipe.alignment.height, recipe.alignment.width))
    simulated.train()
    rng = np.random.default_rng(recipe.training_seed)
    with torch.no_grad():
        for source in sources:
            if not isinstance(source, Source):
                continue
            rows = rng.permutation(source.rows)[:RANGE_FACES]
            for part in np.array_split(rows, max(1, len(rows) // 32)):
                simulated(centre_tensor(recipe, source.store.images[part]))
    return simulated


def save_quantized(
    simulated: nn.Module, network: FaceStateNet, recipe: Recipe, folder: Path, fold: int | None
) -> None:
    """Write the integer network, and the float one with the weights that it rounds."""
    folder.mkdir(parents=True, exist_ok=True)
    save_network(take_weights(network, simulated), recipe, QUANTIZED, folder / "network.pt", fold)
    shape = (2, 3, recipe.alignment.height, recipe.alignment.width)
    save_program(convert(simulated), shape, folder / "network.pt2")


def _train(
    simulated: nn.Module,
    recipe: Recipe,
    settings: QatConfig,
    sources: Sequence[FaceSource],
    fold: int | None,
    source: Path,
) -> None:
    objective = make_objective(recipe, sources, fold, ALONE)
    optimisation = start_optimisation(
        simulated,
        lambda _: settings.lr,
        steps=settings.steps,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
        ema=0.0,  # an average of weights would not fit the ranges
    )

    def freeze(step: int) -> None:
        if step >= settings.steps * settings.free_ranges:
            freeze_ranges(simulated)

    steps = Steps(
        settings.steps,
        recipe.folder(fold) / "int8" / "last.pt",
        f"{source.stat().st_mtime_ns} {settings} {recipe.train} {recipe.training_seed}",
        settings.checkpoint_every,
        f"quantize {recipe.name}",
        before=freeze,
    )
    run_steps(optimisation, objective, sources, steps)
