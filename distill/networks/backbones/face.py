"""MobileFaceNet as a backbone: the default, small enough for phones; or a narrower, shorter one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import nn

from distill.config import ConfigError
from distill.network_config import NetworkConfig
from distill.networks.backbones.parts import Backbone, leave_out
from distill.networks.mobilefacenet import (
    CONV5_CHANNELS,
    STAGE3,
    Bottleneck,
    MobileFaceNet,
    channels_at,
    load_tflite,
)

POOLED_STD: Final = 3.5
"""Standard deviation of MobileFaceNet's pooled features on faces, before any training of ours."""


def mobilefacenet(settings: NetworkConfig, weights: str | None) -> Backbone:
    """MobileFaceNet, of a .tflite file or at random; raises ValueError if the file is another's.

    Raises ConfigError for a block to leave out that is not a residual one, and for weights that
    are to fill a narrower network.
    """
    if weights and settings.width != 1:
        raise ConfigError(
            f"network.width {settings.width}: {weights} is as wide as 1; set weights to an empty "
            "string for a random start"
        )
    network = load_tflite(Path(weights)) if weights else MobileFaceNet(settings.width)
    for place in settings.drop_blocks:
        leave_out(dict(network.named_children()), place, _is_residual)
    pool = network.gdc[0]
    with torch.no_grad():  # to about unit variance, as a new linear layer expects
        for parameter in pool.parameters():
            parameter.div_(POOLED_STD)
    return Backbone(
        trunk={"stem": network.stem, "stage2": network.stage2, "stage3": network.stage3},
        branch={"stage4": network.stage4, "conv5": network.conv5, "gdc": pool},
        channels=channels_at(STAGE3[-1].channels, settings.width),
        width=channels_at(CONV5_CHANNELS, settings.width),
    )


def _is_residual(block: nn.Module) -> bool:
    return isinstance(block, Bottleneck) and block.residual
