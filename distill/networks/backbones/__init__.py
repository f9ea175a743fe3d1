"""Backbones by the name that a recipe gives them ([network] backbone)."""

from __future__ import annotations

from distill.config import Recipe
from distill.networks.backbones.parts import Backbone


def make_backbone(recipe: Recipe, weights: str | None) -> Backbone:
    """The recipe's backbone, with the weights that `weights` names; with none, at random.

    weights: see `NetworkConfig.weights`. Raises ConfigError if they are not there or another
    network's, MissingExtraError if a package is not installed.
    """
    # Imported where it is used: the face network needs no torchvision.
    match recipe.network.backbone:
        case name if name.startswith("vit_"):
            from distill.networks.backbones.vit import vit_b_16

            return vit_b_16(recipe.network, recipe.preprocessing, weights)
        case "convnext_tiny":
            from distill.networks.backbones.convnext import convnext_tiny

            return convnext_tiny(recipe.network, recipe.preprocessing, weights)
        case "efficientnet_lite0":
            from distill.networks.backbones.efficientnet_lite import efficientnet_lite0

            return efficientnet_lite0(recipe.preprocessing, weights)
        case "efficientnet_lite0_short":
            from distill.networks.backbones.efficientnet_short import efficientnet_lite0_short

            return efficientnet_lite0_short(recipe.network, weights)
        case "face_resnet29":
            from distill.networks.backbones.face_resnet import face_resnet29

            return face_resnet29(recipe.preprocessing, weights, recipe.network.dropout)
        case _:
            from distill.networks.backbones.face import mobilefacenet

            return mobilefacenet(recipe.network, weights)
