"""EfficientNet-Lite0 up to its fifth stage, at 112 pixels: a start for phones of clear licence.

Its ImageNet weights are Apache-2.0 and come with a package. The last two stages, three quarters of
the weights, are left out; ReLU takes the place of ReLU6, which small learning rates forgive and
8-bit ranges bound anyway. A map is half as wide as in EfficientNet-Lite0 itself, which reads 224
pixels, and a branch leaves the trunk at 7x7.
"""

from __future__ import annotations

from typing import Any, Final, cast

from torch import Tensor, nn

from distill.network_config import NetworkConfig
from distill.networks.backbones.efficientnet_lite import folded_network
from distill.networks.backbones.parts import Backbone, leave_out

WIDTH: Final = 256
"""Values of the vector that a branch pools; its convolution starts at random."""


SIDE: Final = 7
"""Of the last map: 112 pixels at a stride of 16."""


class Mean(nn.Conv2d):
    """The mean of a map (N, channels, SIDE, SIDE) -> (N, channels, 1, 1), as a convolution.

    Of every channel by itself, whose weights start at 1 / SIDE^2 and are trained like any. Every
    converter takes a convolution in 8-bit integers; two of them leave the mean of a map in floats.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, SIDE, groups=channels)
        nn.init.constant_(self.weight, 1 / SIDE**2)
        nn.init.zeros_(cast("Tensor", self.bias))


class Residual(nn.Module):
    """What the layers make of a map, added to it."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        """The map, changed."""
        changed: Tensor = self.layers(x)
        return x + changed


def efficientnet_lite0_short(settings: NetworkConfig, weights: str | None) -> Backbone:
    """The backbone, of the package's weights, a file's, or at random.

    Raises ConfigError, also for a block of `settings.drop_blocks` that cannot be left out, or
    MissingExtraError without the packages.
    """
    network = folded_network(weights)
    blocks = [_block(block) for block in network._blocks[:11]]
    last: int = network._blocks[10]._project_conv.out_channels
    stages = {
        "stage2": nn.Sequential(*blocks[3:5]),
        "stage3": nn.Sequential(*blocks[5:8]),
        "stage4": nn.Sequential(*blocks[8:]),
    }
    for place in settings.drop_blocks:
        leave_out(stages, place, lambda block: isinstance(block, Residual))
    return Backbone(
        trunk={
            "stem": nn.Sequential(_convolution(network._conv_stem), nn.ReLU(), *blocks[:3]),
            "stage2": stages["stage2"],
            "stage3": stages["stage3"],
        },
        branch={
            "stage4": stages["stage4"],
            "conv5": nn.Sequential(nn.Conv2d(last, WIDTH, 1), nn.ReLU()),
            "pooling": Mean(WIDTH)
            if settings.pooling == "convolution"
            else nn.AdaptiveAvgPool2d(1),
        },
        channels=network._blocks[7]._project_conv.out_channels,
        width=WIDTH,
    )


def _block(given: Any) -> nn.Module:
    """An inverted residual, in plain layers."""
    layers: list[nn.Module] = []
    if hasattr(given, "_expand_conv"):
        layers += [_convolution(given._expand_conv), nn.ReLU()]
    layers += [_convolution(given._depthwise_conv), nn.ReLU(), _convolution(given._project_conv)]
    made, facts = nn.Sequential(*layers), given._block_args
    adds = facts.input_filters == facts.output_filters and given._depthwise_conv.stride[0] == 1
    return Residual(made) if adds else made


def _convolution(given: Any) -> nn.Module:
    """The same convolution; at stride 1 it pads by itself, at 2 as TensorFlow's SAME does."""
    kernel, stride = given.kernel_size[0], given.stride[0]
    made = nn.Conv2d(
        given.in_channels,
        given.out_channels,
        kernel,
        stride,
        kernel // 2 if stride == 1 else 0,
        groups=given.groups,
    )
    made.load_state_dict({"weight": given.weight, "bias": given.bias})
    if stride == 1:
        return made
    before, after = (kernel - 2) // 2, (kernel - 1) // 2  # of an even size, kernel - 2 in all
    return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), made)
