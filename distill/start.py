"""What training starts from."""

from __future__ import annotations

from pathlib import Path

from distill.architectures import build_network
from distill.checkpoint import load_network
from distill.config import Recipe
from distill.mobilefacenet import MobileFaceNet, load_tflite
from distill.network import FaceStateNet, channels_last


def start_network(recipe: Recipe) -> FaceStateNet:
    """The network before training, stages frozen as the recipe says.

    MobileFaceNet's weights; trunk and emotion branch of the checkpoint that the recipe continues.
    """
    settings = recipe.network
    backbone = load_tflite(Path(settings.weights)) if settings.weights else MobileFaceNet()
    network = build_network(recipe, backbone)
    if settings.continues:
        trained = load_network(Path(settings.continues)).network
        network.trunk.load_state_dict(trained.trunk.state_dict())
        network.emotion.load_state_dict(trained.emotion.state_dict())
    network.freeze(*settings.frozen)
    return channels_last(network)
