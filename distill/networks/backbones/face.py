"""MobileFaceNet as a backbone: the default, small enough for phones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from distill.networks.backbones.parts import Backbone
from distill.networks.mobilefacenet import CONV5_CHANNELS, STAGE3, MobileFaceNet, load_tflite

POOLED_STD: Final = 3.5
"""Standard deviation of MobileFaceNet's pooled features on faces, before any training of ours."""


def mobilefacenet(weights: str | None) -> Backbone:
    """MobileFaceNet, of a .tflite file or at random; raises ValueError if the file is another's."""
    network = load_tflite(Path(weights)) if weights else MobileFaceNet()
    pool = network.gdc[0]
    with torch.no_grad():  # to about unit variance, as a new linear layer expects
        for parameter in pool.parameters():
            parameter.div_(POOLED_STD)
    return Backbone(
        trunk={"stem": network.stem, "stage2": network.stage2, "stage3": network.stage3},
        branch={"stage4": network.stage4, "conv5": network.conv5, "gdc": pool},
        channels=STAGE3[-1].channels,
        width=CONV5_CHANNELS,
    )
