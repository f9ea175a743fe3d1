"""What training starts from."""

from __future__ import annotations

from pathlib import Path

from distill.checkpoint import load_network
from distill.config import ConfigError, Recipe
from distill.networks.architectures import build_network
from distill.networks.backbones import make_backbone
from distill.networks.network import FaceStateNet, channels_last


def start_network(recipe: Recipe) -> FaceStateNet:
    """The network before training, stages frozen as the recipe says.

    The backbone's weights; trunk and emotion branch of the checkpoint that the recipe continues.
    Raises ConfigError if that has another backbone.
    """
    settings = recipe.network
    network = build_network(recipe, make_backbone(recipe, settings.weights))
    if settings.continues:
        trained = load_network(Path(settings.continues))
        other = trained.recipe.network.backbone
        if other != settings.backbone:
            raise ConfigError(
                f"{settings.continues} has the backbone {other}, the recipe {settings.backbone}: "
                "continue a checkpoint of the same"
            )
        network.trunk.load_state_dict(trained.network.trunk.state_dict())
        network.emotion.load_state_dict(trained.network.emotion.state_dict())
    network.freeze(*settings.frozen)
    return channels_last(network)
