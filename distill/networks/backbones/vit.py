"""Vision Transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), torchvision's, as a backbone.

With the small differences of the ViT-B/16 that public weights are of: torchvision's, timm's and
MAE's; CLIP's and FaRL's, which normalise tokens before the first layer; SigLIP's, without a class
token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor, nn

from distill.network_config import NetworkConfig
from distill.networks.backbones.parts import PIXELS, Backbone, ChannelNorm, FittedInput
from distill.networks.backbones.start_weights import fill, torchvision_file, torchvision_models
from distill.networks.backbones.weight_names import VIT_NAMINGS
from mf2_edge.bundle.schema import PreprocessingSpec

if TYPE_CHECKING:
    from torchvision.models import VisionTransformer


class QuickGELU(nn.Module):
    """OpenAI's approximation of GELU: x sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Of every value."""
        return x * torch.sigmoid(1.702 * x)


@dataclass(frozen=True)
class Variant:
    """How a ViT-B/16 differs from torchvision's.

    pre_norm: a norm before the first layer, and no bias in the projection of patches. pixels: whose
    mean and deviation it expects, a key of `PIXELS`.
    """

    class_token: bool = True
    pre_norm: bool = False
    activation: Callable[[], nn.Module] = nn.GELU
    eps: float = 1e-6
    pixels: str = "imagenet"


VARIANTS: Final = {
    "vit_b_16": Variant(),
    "vit_b_16_clip": Variant(pre_norm=True, eps=1e-5, pixels="openai_clip"),
    "vit_b_16_clip_quickgelu": Variant(
        pre_norm=True, activation=QuickGELU, eps=1e-5, pixels="openai_clip"
    ),
    "vit_b_16_siglip": Variant(
        class_token=False, activation=lambda: nn.GELU("tanh"), pixels="inception"
    ),
}
"""By the name of the backbone in a recipe."""


class Patches(nn.Module):
    """(N, 3, 224, 224) -> tokens (N, 1 + patches, C): the class token, then a token a patch.

    Without a class token (N, patches, C).
    """

    def __init__(self, network: VisionTransformer) -> None:
        super().__init__()
        self.projection = network.conv_proj
        self.class_token = getattr(network, "class_token", None)
        self.position = network.encoder.pos_embedding
        self.dropout = network.encoder.dropout
        self.norm_pre = getattr(network, "norm_pre", nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Tokens that know their place."""
        tokens = self.projection(x).flatten(2).transpose(1, 2)
        if self.class_token is not None:
            tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], dim=1)
        placed: Tensor = self.norm_pre(self.dropout(tokens + self.position))
        return placed


class ClassToken(nn.Module):
    """Tokens (N, tokens, C) -> the class token (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """The first token."""
        return x[:, 0]


class MeanToken(nn.Module):
    """Tokens (N, tokens, C) -> their mean (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean."""
        return x.mean(dim=1)


def vit_b_16(settings: NetworkConfig, given: PreprocessingSpec, weights: str | None) -> Backbone:
    """The ViT-B/16 that the recipe names, at 224 pixels, from a file or at random.

    Raises ConfigError for weights that are not its own.
    """
    variant = VARIANTS[settings.backbone]
    network = as_variant(torchvision_models().vit_b_16(), variant)
    if weights:
        path = torchvision_file(weights, "ViT_B_16_Weights.IMAGENET1K_V1")
        fill(network, path, "heads.", VIT_NAMINGS)
    return take_apart(network, given, settings.pixels or variant.pixels)


def as_variant(network: VisionTransformer, variant: Variant) -> VisionTransformer:
    """Torchvision's network, changed to what the variant is."""
    width = network.hidden_dim
    for layer in network.encoder.layers:
        cast("nn.Sequential", layer.mlp)[1] = variant.activation()
    if not variant.class_token:
        position = network.encoder.pos_embedding
        network.encoder.pos_embedding = nn.Parameter(position.detach()[:, 1:].clone())
        del network.class_token
    if variant.pre_norm:
        size = network.patch_size
        network.conv_proj = nn.Conv2d(3, width, size, size, bias=False)
        network.norm_pre = nn.LayerNorm(width)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = variant.eps
    return network


def take_apart(
    network: VisionTransformer, given: PreprocessingSpec, pixels: str = "imagenet"
) -> Backbone:
    """A ViT's first two thirds as trunk, its last third and norm as branch."""
    layers = list(network.encoder.layers)
    first, second = len(layers) // 3, 2 * len(layers) // 3
    has_token = hasattr(network, "class_token")
    return Backbone(
        trunk={
            "stem": nn.Sequential(FittedInput(given, *PIXELS[pixels]), Patches(network)),
            "stage2": nn.Sequential(*layers[:first]),
            "stage3": nn.Sequential(*layers[first:second]),
        },
        branch={
            "stage4": nn.Sequential(*layers[second:]),
            "norm": network.encoder.ln,
            "pooling": ClassToken() if has_token else MeanToken(),
        },
        channels=network.hidden_dim,
        width=network.hidden_dim,
        level=ChannelNorm(),
    )
