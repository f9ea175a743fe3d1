"""A network in training, with everything that a killed run needs to go on where it was."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from distill.training.checkpoint import CheckpointError, save_atomically

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Optimisation(Generic[Network]):
    """A network, its averaged weights, its optimizer and its schedule.

    The averaged weights are what is kept in the end. AdamW; biases, norms and slopes do not decay.
    """

    network: Network
    average: Network
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    ema: float
    clip_grad: float

    def resume(self, path: Path, key: str) -> int:
        """Load the last checkpoint where there is one; returns the steps done.

        `key` says what the training rests on. Raises CheckpointError if the file has another.
        """
        if not path.is_file():
            return 0
        state = torch.load(path, weights_only=True)
        if state.get("key") != key:
            raise CheckpointError(
                f"{path} was left by a training with another recipe: set the recipe back to go on "
                "with it, or move the file away to start anew"
            )
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        return int(state["step"])

    def save(self, path: Path, step: int, key: str) -> None:
        """Write a checkpoint after `step` steps of the training that `key` stands for."""
        parts = {name: getattr(self, name).state_dict() for name in PARTS}
        save_atomically({"step": step, **parts, "key": key}, path)

    @property
    def rate(self) -> float:
        """The highest learning rate of the next step."""
        return max(float(group["lr"]) for group in self.optimizer.param_groups)

    def update(self, step: int) -> Tensor:
        """Apply the gradients at hand, clipped, and move the average along.

        Returns the norm that the gradient had.
        """
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.clip_grad)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        update_average(self.average, self.network, min(self.ema, (1 + step) / (10 + step)))
        return norm


PARTS = ("network", "average", "optimizer", "schedule")


def start_optimisation(
    network: Network,
    rate: Callable[[str], float],
    *,
    steps: int,
    warmup: int,
    weight_decay: float,
    ema: float,
    clip_grad: float = 5.0,
) -> Optimisation[Network]:
    """Set up training of the parameters that ask for gradients.

    `rate` gives the peak learning rate of a parameter by its name.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((rate(name), parameter.ndim > 1), []).append(parameter)
    optimizer = torch.optim.AdamW(
        [
            {"params": parameters, "lr": lr, "weight_decay": weight_decay if decays else 0.0}
            for (lr, decays), parameters in groups.items()
        ],
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: part_of_peak(step, steps, warmup)
    )
    return Optimisation(network, deepcopy(network).eval(), optimizer, schedule, ema, clip_grad)


def part_of_peak(step: int, steps: int, warmup: int) -> float:
    """Learning rate as a part of its peak: linear warm-up, then a cosine to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.02 + 0.98 * 0.5 * (1 + cos(pi * progress))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; the networks here have no buffers."""
    move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    move(list(average.parameters()), list(network.parameters()), None)
