"""ConvNeXt (Liu et al. 2022, arXiv:2201.03545), torchvision's, as a backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from distill.network_config import NetworkConfig
from distill.networks.backbones.parts import PIXELS, Backbone, ChannelNorm, FittedInput
from distill.networks.backbones.start_weights import fill, torchvision_file, torchvision_models
from distill.networks.backbones.weight_names import CONVNEXT_NAMINGS
from mf2_edge.bundle.schema import PreprocessingSpec

if TYPE_CHECKING:
    from torchvision.models import ConvNeXt


def convnext_tiny(
    settings: NetworkConfig, given: PreprocessingSpec, weights: str | None
) -> Backbone:
    """ConvNeXt-T at 224 pixels, from a file or at random; raises ConfigError."""
    network = torchvision_models().convnext_tiny()
    if weights:
        path = torchvision_file(weights, "ConvNeXt_Tiny_Weights.IMAGENET1K_V1")
        fill(network, path, "classifier.2.", CONVNEXT_NAMINGS)
    return take_apart(network, given, settings.pixels or "imagenet")


def take_apart(network: ConvNeXt, given: PreprocessingSpec, pixels: str = "imagenet") -> Backbone:
    """A ConvNeXt up to its 14x14 map as trunk, its last stage and norm as branch."""
    layers, norm = network.features, network.classifier[0]  # a stage every second, 56x56 first
    downsampling: Any = layers[6].get_submodule("1")
    return Backbone(
        trunk={
            "stem": nn.Sequential(FittedInput(given, *PIXELS[pixels]), *layers[0:2]),
            "stage2": layers[2:4],
            "stage3": layers[4:6],
        },
        branch={"stage4": layers[6:8], "pooling": nn.Sequential(network.avgpool, norm)},
        channels=downsampling.in_channels,
        width=downsampling.out_channels,
        level=ChannelNorm(),
    )
