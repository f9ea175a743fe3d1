"""From a recipe to its network, untrained."""

from __future__ import annotations

import torch

from distill.config import Recipe
from distill.networks.activations import to_relu
from distill.networks.backbones import make_backbone
from distill.networks.backbones.parts import Backbone
from distill.networks.edge import EdgeNet
from distill.networks.mf2 import MAP_SIDE, MF2
from distill.networks.network import FaceStateNet
from distill.networks.regions import region_priors


def build_network(recipe: Recipe, backbone: Backbone | None = None) -> FaceStateNet:
    """The recipe's network over a backbone; over an untrained one, to load a checkpoint into.

    The latter leaves PyTorch's random state as it was.
    """
    if backbone is None:
        with torch.random.fork_rng(devices=[]):
            return build_network(recipe, make_backbone(recipe, None))
    settings = recipe.network
    emotions, units = len(recipe.emotions), len(recipe.action_units)
    extra: dict[str, int] = {head: len(recipe.labels(head)) for head in settings.heads}
    network: FaceStateNet
    match settings.architecture:
        case "student":
            network = FaceStateNet(backbone, emotions, units, settings.dropout, extra)
        case "edge":
            network = EdgeNet(
                backbone,
                emotions,
                units,
                settings.text_width,
                settings.taught_width,
                settings.token_width,
                settings.dropout,
                extra,
            )
        case "mf2":
            priors = region_priors(recipe.action_units, recipe.alignment, MAP_SIDE)
            width, dropout = settings.token_width, settings.dropout
            network = MF2(backbone, emotions, priors, settings.text_width, width, dropout, extra)
    network.embeddings = settings.embeddings or settings.architecture == "edge"
    if settings.activation == "relu":
        to_relu(network)
    return network
