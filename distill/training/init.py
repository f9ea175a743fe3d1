"""The network that training starts from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from distill.config import ConfigError, Recipe
from distill.network_config import Activation, NetworkConfig
from distill.networks.activations import start_fading
from distill.networks.architectures import build_network
from distill.networks.backbones import make_backbone
from distill.networks.network import FaceStateNet, channels_last
from distill.training.bundle_weights import copy_labelled, from_bundle
from distill.training.checkpoint import load_network

BUNDLE = "bundle:"


def start_network(recipe: Recipe) -> FaceStateNet:
    """The network before training, stages frozen as the recipe says.

    The backbone's weights, or those of `network.init_from`: a bundle's, or a checkpoint's trunk and
    heads. PReLU slopes of a network that is to have ReLU are to fade. Raises ConfigError for a
    start with another backbone.
    """
    settings = recipe.network
    source = settings.init_from
    if not source:
        network = _from_weights(recipe)
    elif source.startswith(BUNDLE):
        network = from_bundle(recipe, source.removeprefix(BUNDLE))
    else:
        network = _from_checkpoint(recipe, Path(source))
    network.freeze(*settings.frozen)
    return channels_last(network)


def _from_weights(recipe: Recipe) -> FaceStateNet:
    """The backbone's weights; slopes that are to fade, if the network is to have ReLU."""
    sloping = _with_slopes(recipe, "prelu")
    network = build_network(sloping, make_backbone(sloping, recipe.network.weights))
    if recipe.network.activation == "relu":
        start_fading(network)
    return network


def _from_checkpoint(recipe: Recipe, path: Path) -> FaceStateNet:
    """The checkpoint's trunk and branches; rows of heads by their labels.

    If the network is to have ReLU, it starts with the checkpoint's slopes, which are to fade.
    """
    trained = load_network(path)
    _check_same(path, trained.recipe.network, recipe.network)
    relu = recipe.network.activation == "relu"
    start = _with_slopes(recipe, trained.recipe.network.activation) if relu else recipe
    network = build_network(start, make_backbone(start, recipe.network.weights))
    copy_labelled(trained.network, trained.recipe, network, start)
    if relu:
        start_fading(network)
    return network


def _with_slopes(recipe: Recipe, activation: Activation) -> Recipe:
    """The recipe with the activations that its network starts with."""
    settings = msgspec.structs.replace(recipe.network, activation=activation)
    return msgspec.structs.replace(recipe, network=settings)


def _check_same(path: Path, other: NetworkConfig, own: NetworkConfig) -> None:
    for key in ("backbone", "width"):
        found, expected = getattr(other, key), getattr(own, key)
        if found != expected:
            raise ConfigError(
                f"{path} has the {key} {found}, the recipe {expected}: start from a checkpoint of "
                "the same"
            )
