"""Stochastic depth (Huang et al. 2016, arXiv:1603.09382): residual blocks skipped in training.

It hangs on the blocks as hooks, so that names of parameters, and a network in eval mode, stay as
they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from distill.networks.mobilefacenet import Bottleneck
from distill.networks.network import FaceStateNet

RESIDUAL = ("EncoderBlock", "CNBlock", "Residual")
"""Classes of torchvision's and of the short EfficientNet whose blocks all add to their input."""


def add_drop_path(network: FaceStateNet, rate: float) -> int:
    """Skip residual blocks in training, by a chance that grows with depth to `rate`, 0..1.

    Each face has a draw of its own; what stays is scaled up. Returns how many blocks there are.
    """
    trunk = _residual(network.trunk.values())
    branches = [
        _residual(getattr(branch, name) for name in branch.parts)
        for branch in (network.emotion, network.action_units)
    ]
    rates = torch.linspace(0, rate, len(trunk) + len(branches[0])).tolist()
    for blocks, own in ((trunk, rates), *((branch, rates[len(trunk) :]) for branch in branches)):
        for block, chance in zip(blocks, own, strict=False):
            block.register_forward_hook(partial(_drop, chance))
    return len(rates)


def _residual(stages: Iterable[nn.Module]) -> list[nn.Module]:
    return [block for stage in stages for block in stage.modules() if _adds(block)]


def _adds(block: nn.Module) -> bool:
    """Whether a block's output is its input with something added."""
    if isinstance(block, Bottleneck):
        return block.residual
    facts: Any = getattr(block, "_block_args", None)
    if facts is not None:  # of EfficientNet-Lite
        depthwise: Any = block.get_submodule("_depthwise_conv")
        same = facts.input_filters == facts.output_filters
        return bool(facts.id_skip and same and depthwise.stride[0] == 1)
    return type(block).__name__ in RESIDUAL


def _drop(rate: float, block: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    if not block.training or rate == 0:
        return output
    x = given[0]
    shape = (len(x), *(1 for _ in x.shape[1:]))
    kept = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1 - rate) / (1 - rate)
    return x + kept * (output - x)
