"""What every backbone is taken apart into, and what those of ImageNet share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import ConfigError
from mf2_edge.bundle.schema import PreprocessingSpec

IMAGENET_SIDE: Final = 224
"""Pixels: a stride of 16 then leaves a map of 14x14, as MobileFaceNet's trunk does."""
IMAGENET_MEAN: Final = (123.675, 116.28, 103.53)
IMAGENET_STD: Final = (58.395, 57.12, 57.375)
"""Of ImageNet's pixels, 0..255, RGB, as torchvision's weights expect them."""
PIXELS: Final = {
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "inception": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "openai_clip": (
        (122.7709383, 116.7460125, 104.0937362),
        (68.5005327, 66.6321579, 70.3231631),
    ),
}
"""Mean and deviation of pixels, 0..255, RGB, that public weights expect; the names are timm's."""


@dataclass(frozen=True)
class Backbone:
    """A network taken apart at the map where the branches leave its trunk.

    A state between two parts is a map (N, channels, side, side), or tokens (N, 1 + side^2,
    channels) with the class token first, or without one (N, side^2, channels); `as_map` gives any
    of them as a map.
    """

    trunk: dict[str, nn.Module]
    """"stem", "stage2", "stage3", in order; from an image (N, 3, 112, 112) to 14x14 or 8x8."""
    branch: dict[str, nn.Module]
    """What each branch copies, in order; the last part pools, to (N, width) or (N, width, 1, 1)."""
    channels: int
    """Of the trunk's map."""
    width: int
    """Values of the vector that a branch pools."""
    map_channels: int = 0
    """Of the map before that; 0: as many as the vector has values."""
    level: nn.Module = field(default_factory=nn.Identity)
    """What brings maps to a scale that attention over them starts well from; no parameters."""


class ChannelNorm(nn.Module):
    """Each place of a map (N, C, H, W) to mean 0 and variance 1 over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """The map, levelled."""
        return F.layer_norm(x.permute(0, 2, 3, 1), [x.shape[1]]).permute(0, 3, 1, 2)


class FittedInput(nn.Module):
    """Faces as the recipe normalises them -> as a network trained elsewhere expects them.

    (N, 3, H, W) -> (N, 3, side, side), bilinear; mean, std: what that network subtracts from pixels
    of 0..255 and divides them by.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        given: PreprocessingSpec,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        side: int = IMAGENET_SIDE,
    ) -> None:
        super().__init__()
        self.side = side
        before, after = torch.tensor([given.mean, given.std]), torch.tensor([mean, std])
        scale, shift = before[1] / after[1], (before[0] - after[0]) / after[1]
        # The recipe has them, so checkpoints need not.
        self.register_buffer("scale", scale.reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", shift.reshape(1, 3, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The same faces, larger."""
        return F.interpolate(x, self.side, mode="bilinear") * self.scale + self.shift


def leave_out(
    stages: Mapping[str, nn.Module], place: str, is_residual: Callable[[nn.Module], bool]
) -> None:
    """Replace the residual block at a place such as "stage3.5" by what it adds to.

    Raises ConfigError if there is no such block, or it is not residual.
    """
    stage, _, number = place.partition(".")
    blocks = stages.get(stage)
    if not isinstance(blocks, nn.Sequential) or number not in map(str, range(len(blocks))):
        raise ConfigError(f'network.drop_blocks: no block "{place}"; expected one as "stage3.5"')
    if not is_residual(blocks[int(number)]):
        raise ConfigError(f'network.drop_blocks: "{place}" is no residual block, it has to stay')
    blocks[int(number)] = nn.Identity()


def as_map(state: Tensor) -> Tensor:
    """A state as a map: tokens, with a class token or without -> (N, C, side, side)."""
    if state.ndim == 4:
        return state
    side = isqrt(state.shape[1])
    patches = state if side**2 == state.shape[1] else state[:, 1:]
    return patches.transpose(1, 2).reshape(len(state), -1, side, side)
