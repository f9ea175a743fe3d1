"""From PReLU to ReLU: integer arithmetic on phones has the one, trained face networks the other.

A slope of a trained network may be far from 0, so it is not cut off but fades over many steps,
while the other weights learn to do without it.
"""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)


class FadingPReLU(nn.Module):
    """PReLU whose slopes, kept as they were, count `keep` times: 1 as before, 0 as ReLU."""

    slope: Tensor
    keep: Tensor

    def __init__(self, slope: Tensor) -> None:
        super().__init__()
        self.register_buffer("slope", slope.detach().clone())
        self.register_buffer("keep", torch.ones(()))
        self.faded = False

    def forward(self, x: Tensor) -> Tensor:
        """The activated map."""
        if self.faded:  # the same, and a training step takes half the time
            return F.relu(x)
        return F.prelu(x, self.slope * self.keep)


def start_fading(network: nn.Module) -> None:
    """Put a FadingPReLU in the place of every PReLU."""
    for parent, name, child in _activations(network, nn.PReLU):
        setattr(parent, name, FadingPReLU(child.weight))


def fade(network: nn.Module, keep: float) -> None:
    """Let the slopes count `keep` times, 1..0; without effect on a network of ReLU."""
    for _, _, child in _activations(network, FadingPReLU):
        child.keep.fill_(keep)
        child.faded = keep == 0


def to_relu(network: nn.Module) -> None:
    """Put ReLU in the place of every PReLU, fading or not."""
    sloping = [*_activations(network, nn.PReLU), *_activations(network, FadingPReLU)]
    for parent, name, _ in sloping:
        setattr(parent, name, nn.ReLU())


Activation = TypeVar("Activation", bound=nn.Module)


def _activations(
    network: nn.Module, kind: type[Activation]
) -> list[tuple[nn.Module, str, Activation]]:
    """Modules of a kind, each with its parent and its name there."""
    return [
        (parent, name, child)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, kind)
    ]
