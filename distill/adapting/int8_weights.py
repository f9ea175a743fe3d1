"""Heads whose weights are trained on the grid of 8-bit integers that a phone keeps them in.

A weight is rounded in the forward pass, and its gradient passes as if it were not (Jacob et al.
2018, arXiv:1712.05877): what is trained is what ships. Scales are symmetric, one an output channel.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

LARGEST = 127


def scales(weight: Tensor) -> Tensor:
    """The step of the grid of each output channel, (outputs, 1); weight: (outputs, inputs)."""
    return weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / LARGEST


class Rounded(nn.Module):
    """A weight on its grid; the gradient is that of the weight itself."""

    def forward(self, weight: Tensor) -> Tensor:
        """The nearest weight on the grid."""
        step = scales(weight.detach())
        nearest = (weight.detach() / step).round() * step
        return weight + (nearest - weight).detach()


def round_weights(network: nn.Module) -> None:
    """Round the weights of every linear layer from now on, in training too."""
    for layer in [module for module in network.modules() if type(module) is nn.Linear]:
        parametrize.register_parametrization(layer, "weight", Rounded())


def settle(network: nn.Module) -> None:
    """Make rounded weights the network's own, under the names that they had before."""
    for layer in [module for module in network.modules() if parametrize.is_parametrized(module)]:
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


def on_grid(network: nn.Module) -> bool:
    """Whether the weights of all linear layers are integers of at most 127 times a step."""
    found = [module.weight for module in network.modules() if isinstance(module, nn.Linear)]
    return bool(found) and all(_is_whole(weight.detach() / scales(weight)) for weight in found)


def _is_whole(values: Tensor) -> bool:
    return bool(((values - values.round()).abs() < 1e-3).all())


class Int8Linear(nn.Module):
    """A linear layer that keeps its weight in int8: (N, inputs) -> (N, outputs)."""

    weight: Tensor
    step: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        step = scales(layer.weight.detach())
        self.register_buffer("weight", (layer.weight.detach() / step).round().to(torch.int8))
        self.register_buffer("step", step.squeeze(1))
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """What the linear layer returns."""
        return (x @ self.weight.to(x.dtype).T) * self.step + self.bias
