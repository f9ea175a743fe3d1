"""Data-parallel training: one process a core or GPU, gradients summed after each step.

Started by `torchrun --nproc-per-node N -m distill train ...`; a plain `python -m distill` is a
world of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class World:
    """This process's place among the training processes."""

    rank: int
    size: int
    device: torch.device
    """A GPU of its own where there is one, else the CPU."""

    @property
    def leads(self) -> bool:
        """Whether this process logs, validates and writes checkpoints."""
        return self.rank == 0

    def precision(self, name: Literal["float32", "bf16"]) -> AbstractContextManager[None]:
        """Where a forward pass computes: in float32, or in bf16 where that loses nothing."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=name == "bf16")

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every process's gradients the sum over all of them, in one transfer."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def wait(self) -> None:
        """Return once every process has come here."""
        if self.size > 1:
            distributed.barrier()


def join_world() -> World:
    """Join the processes that torchrun started, or stand alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if size > 1 and not distributed.is_initialized():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(int(os.environ.get("RANK", "0")), size, device)
