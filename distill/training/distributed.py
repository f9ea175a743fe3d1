"""Data-parallel training: one process a core or GPU, gradients summed after each step.

Started by `torchrun --nproc-per-node N -m distill train ...`; a plain `python -m distill` is a
world of one.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path

import torch
from torch import distributed, nn

from distill.train_config import TrainPrecision

logger = getLogger(__name__)


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

    def check_precision(self, name: TrainPrecision) -> None:
        """Warn of bf16 on a CPU without instructions for it, where it is many times slower."""
        if name == "bf16" and self.device.type == "cpu" and not cpu_has_bf16():
            logger.warning(
                "this CPU has no instructions for bf16, and is many times slower in it than in "
                'float32: set train.precision = "float32"'
            )

    def precision(self, name: TrainPrecision) -> AbstractContextManager[None]:
        """Where a forward pass computes: in float32, or in bf16 where that loses nothing."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=name == "bf16")

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Make every process's gradients the sum over all of them, in two transfers.

        A process that had no face to go through the network has none; it adds nothing.
        """
        if self.size == 1:
            return
        learned = [p for p in parameters if p.requires_grad]
        has = torch.tensor([p.grad is not None for p in learned], dtype=torch.float32)
        has = has.to(self.device)
        distributed.all_reduce(has)
        summed = [p for p, count in zip(learned, has.tolist(), strict=True) if count]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in summed]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for parameter, gradient, part in zip(summed, gradients, parts, strict=True):
            parameter.grad = gradient
            gradient.copy_(part.view_as(gradient))

    def wait(self) -> None:
        """Return once every process has come here."""
        if self.size > 1:
            distributed.barrier()


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies in bf16; True where it does not say."""
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    try:
        return "bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True


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
