"""What training starts from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from distill.config import Activation, ConfigError, Recipe
from distill.networks.activations import start_fading
from distill.networks.architectures import build_network
from distill.networks.backbones import make_backbone
from distill.networks.narrow import narrow
from distill.networks.network import FaceStateNet, channels_last
from distill.training.checkpoint import load_network


def start_network(recipe: Recipe) -> FaceStateNet:
    """The network before training, stages frozen as the recipe says.

    The backbone's weights; trunk and emotion branch of the checkpoint that the recipe continues.
    A network of ReLU has both branches of what it continues, narrowed and shortened as the recipe
    says. If there were slopes, they are to fade. Raises ConfigError if what it continues has
    another backbone.
    """
    settings = recipe.network
    if settings.continues is None:
        network = _from_weights(recipe)
    elif settings.activation == "relu":
        network = _narrowed(recipe, Path(settings.continues))
    else:
        network = _continued(recipe, Path(settings.continues))
    network.freeze(*settings.frozen)
    return channels_last(network)


def _from_weights(recipe: Recipe) -> FaceStateNet:
    """The backbone's weights; slopes that are to fade, if the network is to have ReLU."""
    sloping = _with_slopes(recipe, "prelu")
    network = build_network(sloping, make_backbone(sloping, recipe.network.weights))
    if recipe.network.activation == "relu":
        start_fading(network)
    return network


def _continued(recipe: Recipe, path: Path) -> FaceStateNet:
    """The backbone's weights in the AU branch, those of the checkpoint elsewhere."""
    trained = load_network(path)
    _check_backbone(recipe, path, trained.recipe)
    network = build_network(recipe, make_backbone(recipe, recipe.network.weights))
    network.trunk.load_state_dict(trained.network.trunk.state_dict())
    network.emotion.load_state_dict(trained.network.emotion.state_dict())
    return network


def _narrowed(recipe: Recipe, path: Path) -> FaceStateNet:
    """The best channels of a checkpoint, in a network whose slopes are to fade."""
    trained = load_network(path)
    _check_backbone(recipe, path, trained.recipe)
    sloping = _with_slopes(recipe, trained.recipe.network.activation)
    network = build_network(sloping, make_backbone(sloping, None))
    narrow(trained.network, network)
    start_fading(network)
    return network


def _with_slopes(recipe: Recipe, activation: Activation) -> Recipe:
    """The recipe with the activations that its network starts with."""
    settings = msgspec.structs.replace(recipe.network, activation=activation)
    return msgspec.structs.replace(recipe, network=settings)


def _check_backbone(recipe: Recipe, path: Path, other: Recipe) -> None:
    if other.network.backbone != recipe.network.backbone:
        raise ConfigError(
            f"{path} has the backbone {other.network.backbone}, the recipe "
            f"{recipe.network.backbone}: continue a checkpoint of the same"
        )
