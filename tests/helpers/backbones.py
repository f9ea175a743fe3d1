"""torchvision's networks in miniature, and what a start pools from faces."""

from __future__ import annotations

import msgspec
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import Recipe, load_recipe
from distill.networks.backbones.start_weights import torchvision_models
from distill.training.init import start_network
from tests.helpers.tiny_training import RECIPE


def narrow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's networks, but thin: the shipped widths would take minutes."""
    models = torchvision_models()

    def thin_vit() -> nn.Module:
        network: nn.Module = models.VisionTransformer(224, 16, 3, 2, 32, 64)
        return network

    def thin_convnext() -> nn.Module:
        block = models.convnext.CNBlockConfig
        widths = (8, 16, 24, 32, None)
        blocks = [block(widths[i], widths[i + 1], 1) for i in range(4)]
        network: nn.Module = models.ConvNeXt(blocks)
        return network

    monkeypatch.setattr(models, "vit_b_16", thin_vit)
    monkeypatch.setattr(models, "convnext_tiny", thin_convnext)


def shipped(backbone: str, weights: str | None = None) -> Recipe:
    """MF²'s recipe over a backbone, its tokens narrow."""
    recipe = load_recipe(RECIPE.with_name("mf2.toml"))
    network = msgspec.structs.replace(
        recipe.network, backbone=backbone, weights=weights, init_from=None, token_width=16
    )
    return msgspec.structs.replace(recipe, network=network)


def pooled(recipe: Recipe, faces: Tensor) -> Tensor:
    """What the emotion branch pools from faces."""
    network = start_network(recipe).eval()
    with torch.inference_mode():
        return network.emotion.pool(network.features(faces))[1]


def larger(faces: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Normalised faces as a network of ImageNet is given them, by hand."""
    pixels = F.interpolate(faces * 128 + 127.5, 224, mode="bilinear")
    return (pixels - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)
