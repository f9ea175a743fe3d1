"""How many faces a second training takes on this machine, by its own steps."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from distill.config import Recipe
from distill.faces.batches import Face, make_batches
from distill.train_config import TrainPrecision
from distill.training.distributed import World
from distill.training.init import start_network
from distill.training.loop import accumulate, make_objective, prepare_training
from distill.training.losses.objective import Objective
from distill.training.optimizer import start_optimisation
from distill.training.sources.prefetch import batches_of_steps

WARM_UP: Final = 2  # steps: memory is allocated, kernels are chosen
LARGE_SIDE: Final = 8192
SMALL_SIDE: Final = 1024
"""Sides of the matrices whose product says what a GPU and a CPU can do."""
NAME: Final = "random"


@dataclass(frozen=True)
class Throughput:
    """Training steps, timed. `faces` are those of a step, over all processes.

    step_s and preparing_s are medians; preparing is a part of the step: the time that it waits for
    its faces, which are read and augmented then, or have been by workers. quartiles_s are those of
    the whole step. load: runnable tasks before, by the kernel. flops_a_face: floating-point
    operations of convolutions and matrix products, forwards and backwards. peak_flops: operations
    a second of a large matrix product in the same precision, over all processes.
    """

    device: str
    processes: int
    threads: int
    precision: str
    steps: int
    faces: int
    step_s: float
    quartiles_s: tuple[float, float]
    preparing_s: float
    load: float
    workers: int = 0
    flops_a_face: float = 0.0
    peak_flops: float = 0.0

    @property
    def share_of_peak(self) -> float:
        """Part of the device's speed in matrix products that training reaches, 0..1."""
        return self.faces_per_s * self.flops_a_face / self.peak_flops

    @property
    def faces_per_s(self) -> float:
        """Faces a second, by the median step."""
        return self.faces / self.step_s

    def sped_up(self, factor: float) -> float:
        """Faces a second if all but the preparing of faces were `factor` times as fast."""
        return self.faces / (self.preparing_s + (self.step_s - self.preparing_s) / factor)


class RandomFaces:
    """Faces of noise with random labels: what they show does not change how long a step takes."""

    name = NAME

    def __init__(self, recipe: Recipe, count: int) -> None:
        rng = np.random.default_rng(0)
        size, emotions = recipe.alignment, len(recipe.emotions)
        shape = (size.height + 2 * recipe.margin, size.width + 2 * recipe.margin, 3)
        self._faces = [
            Face(
                rng.integers(0, 256, shape, dtype=np.uint8),
                {
                    head: rng.choice([0, 1, np.nan], len(recipe.labels(head))).astype(np.float32)
                    for head in recipe.heads
                }
                | {"emotion": np.eye(emotions, dtype=np.float32)[rng.integers(emotions)]},
                np.ones(emotions, dtype=np.float32),
            )
            for _ in range(count)
        ]

    def draw(self, count: int, seed: int, step: int) -> list[Callable[[], Face]]:  # noqa: ARG002
        """The same faces in every step."""
        return [partial(self._faces.__getitem__, row) for row in range(count)]

    def unit_counts(self) -> NDArray[np.int64]:
        """As many positives as negatives, [2, units]."""
        return np.ones((2, len(self._faces[0].targets["action_units"])), dtype=np.int64)


def measure_throughput(recipe: Recipe, world: World, steps: int) -> Throughput:
    """Time training steps on random faces; texts, logs and checkpoints are left out.

    All processes of the world take part. The network starts from random weights, which need no
    file and take as long.
    """
    load = os.getloadavg()[0]
    torch.set_num_threads(recipe.threads)
    total, replace = sum(recipe.train.batch.values()), msgspec.structs.replace
    recipe = replace(
        recipe,
        network=replace(recipe.network, weights=None, init_from=None),
        train=replace(recipe.train, batch={NAME: total}),
        data={NAME: replace(next(iter(recipe.data.values())), blend={})},
        folds=None,
        texts=None,
        teacher=None,
        distillation=None,
    )
    source = RandomFaces(recipe, total)
    network = start_network(recipe).to(world.device)
    optimisation = start_optimisation(
        network,
        lambda _: recipe.train.lr,
        steps=WARM_UP + steps,
        warmup=1,
        weight_decay=recipe.train.weight_decay,
        ema=recipe.train.ema,
    )
    objective = make_objective(recipe, [source], None, world)
    flops = _flops_a_face(network.train(), objective, source)
    peak = world.size * _peak_flops(world, recipe.train.precision)
    prepare_training(network, recipe.train)
    times = []
    made = batches_of_steps(recipe, [source], world, range(WARM_UP + steps))
    for step in range(WARM_UP + steps):
        world.wait()
        started = perf_counter()
        network.train()
        batches = next(made)
        prepared = perf_counter()
        accumulate(network, objective, batches, step)
        world.sum_gradients(network.parameters())
        optimisation.update(step)
        if world.device.type == "cuda":
            torch.cuda.synchronize()
        times.append((perf_counter() - started, prepared - started))
    whole, preparing = np.array(times[WARM_UP:]).T
    return Throughput(
        device=_describe(world.device),
        processes=world.size,
        threads=recipe.threads,
        precision=recipe.train.precision,
        steps=steps,
        faces=total,
        step_s=float(np.median(whole)),
        quartiles_s=(float(np.quantile(whole, 0.25)), float(np.quantile(whole, 0.75))),
        preparing_s=float(np.median(preparing)),
        load=load,
        workers=recipe.train.workers,
        flops_a_face=flops,
        peak_flops=peak,
    )


def _flops_a_face(network: nn.Module, objective: Objective, source: RandomFaces) -> float:
    """Floating-point operations of a face, forwards and backwards, counted over one batch."""
    recipe = objective.recipe
    batch = make_batches(recipe, [source], recipe.train.batch, 0)[0].to(objective.world.device)
    with FlopCounterMode(display=False) as counter:
        accumulate(network, objective, [batch], 0)
    network.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / len(batch.images)


def _peak_flops(world: World, precision: TrainPrecision) -> float:
    """Operations a second of a product of two large square matrices, the best of ten."""
    side = LARGE_SIDE if world.device.type == "cuda" else SMALL_SIDE
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    factor = torch.ones(side, side, device=world.device, dtype=kind)
    times = []
    for _ in range(10):
        world.wait()
        started = perf_counter()
        torch.matmul(factor, factor)
        if world.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - started)
    return float(2 * side**3 / min(times))


def _describe(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
