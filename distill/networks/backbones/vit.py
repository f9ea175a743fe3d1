"""Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), torchvision's, as a backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from distill.networks.backbones.parts import Backbone, ChannelNorm, FittedInput
from distill.networks.backbones.start_weights import fill, torchvision_file, torchvision_models
from mf2_edge.bundle.schema import PreprocessingSpec

if TYPE_CHECKING:
    from torchvision.models import VisionTransformer


class Patches(nn.Module):
    """(N, 3, 224, 224) -> tokens (N, 1 + patches, C): the class token, then a token a patch."""

    def __init__(self, network: VisionTransformer) -> None:
        super().__init__()
        self.projection = network.conv_proj
        self.class_token = network.class_token
        self.position = network.encoder.pos_embedding
        self.dropout = network.encoder.dropout

    def forward(self, x: Tensor) -> Tensor:
        """Tokens that know their place."""
        patches = self.projection(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1)
        placed: Tensor = self.dropout(tokens + self.position)
        return placed


class ClassToken(nn.Module):
    """Tokens (N, tokens, C) -> the class token (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """The first token."""
        return x[:, 0]


def vit_b_16(given: PreprocessingSpec, weights: str | None) -> Backbone:
    """ViT-B/16 at 224 pixels, of torchvision's weights or at random; raises ConfigError."""
    network = torchvision_models().vit_b_16()
    if weights:
        fill(network, torchvision_file(weights, "ViT_B_16_Weights.IMAGENET1K_V1"), "heads.")
    return take_apart(network, given)


def take_apart(network: VisionTransformer, given: PreprocessingSpec) -> Backbone:
    """A ViT's first two thirds as trunk, its last third and norm as branch."""
    layers = list(network.encoder.layers)
    first, second = len(layers) // 3, 2 * len(layers) // 3
    return Backbone(
        trunk={
            "stem": nn.Sequential(FittedInput(given), Patches(network)),
            "stage2": nn.Sequential(*layers[:first]),
            "stage3": nn.Sequential(*layers[first:second]),
        },
        branch={
            "stage4": nn.Sequential(*layers[second:]),
            "norm": network.encoder.ln,
            "pooling": ClassToken(),
        },
        channels=network.hidden_dim,
        width=network.hidden_dim,
        level=ChannelNorm(),
    )
