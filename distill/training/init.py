"""The network that training starts from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from distill.config import ConfigError, Recipe
from distill.network_config import Activation
from distill.networks.activations import start_fading
from distill.networks.architectures import build_network
from distill.networks.backbones import make_backbone
from distill.networks.narrow import narrow
from distill.networks.network import FaceStateNet, channels_last
from distill.training.bundle_weights import copy_labelled, from_bundle
from distill.training.checkpoint import Checkpoint, load_network

BUNDLE = "bundle:"


def start_network(recipe: Recipe) -> FaceStateNet:
    """The network before training, stages frozen as the recipe says.

    The backbone's weights, or those of `network.init_from`: a bundle's, or a checkpoint's trunk and
    heads, narrowed and shortened if the network is to have ReLU. PReLU slopes of a network that is
    to have ReLU are to fade. Raises ConfigError for a start with another backbone.
    """
    settings = recipe.network
    source = settings.init_from
    if not source:
        network = _from_weights(recipe)
    elif source.startswith(BUNDLE):
        network = from_bundle(recipe, source.removeprefix(BUNDLE))
    elif settings.activation == "relu":
        network = _narrowed(recipe, Path(source))
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
    """The checkpoint's trunk, emotion branch and AU branch; rows of heads by their labels."""
    trained = load_network(path)
    _check_backbone(recipe, path, trained.recipe)
    network = build_network(recipe, make_backbone(recipe, recipe.network.weights))
    copy_labelled(trained.network, trained.recipe, network, recipe)
    return network


def _narrowed(recipe: Recipe, path: Path) -> FaceStateNet:
    """The best channels of a checkpoint, in a network whose slopes are to fade."""
    trained = load_network(path)
    _check_backbone(recipe, path, trained.recipe)
    sloping = _with_slopes(recipe, trained.recipe.network.activation)
    network = build_network(sloping, make_backbone(sloping, None))
    narrow(_relabelled(trained, recipe), network)
    start_fading(network)
    return network


def _relabelled(trained: Checkpoint, recipe: Recipe) -> FaceStateNet:
    """The checkpoint's network with the recipe's labels."""
    if (trained.recipe.emotions, trained.recipe.action_units, trained.recipe.heads) == (
        recipe.emotions,
        recipe.action_units,
        recipe.heads,
    ):
        return trained.network
    replace = msgspec.structs.replace
    labels = replace(
        trained.recipe,
        emotions=recipe.emotions,
        action_units=recipe.action_units,
        network=replace(trained.recipe.network, heads=recipe.network.heads),
    )
    network = build_network(labels)
    copy_labelled(trained.network, trained.recipe, network, labels)
    return network


def _with_slopes(recipe: Recipe, activation: Activation) -> Recipe:
    """The recipe with the activations that its network starts with."""
    settings = msgspec.structs.replace(recipe.network, activation=activation)
    return msgspec.structs.replace(recipe, network=settings)


def _check_backbone(recipe: Recipe, path: Path, other: Recipe) -> None:
    if other.network.backbone != recipe.network.backbone:
        raise ConfigError(
            f"{path} has the backbone {other.network.backbone}, the recipe "
            f"{recipe.network.backbone}: start from a checkpoint of the same"
        )
