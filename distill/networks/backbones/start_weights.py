"""Weights that a backbone starts from: a file of parameters by name, or installed ones."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from distill.config import ConfigError
from distill.networks.backbones.torchvision_import import ensure_torchvision
from mf2_edge.extras import require

IMAGENET: Final = "imagenet"
"""What a recipe calls the ImageNet weights that are installed."""
_OTHERWISE: Final = 'name a file in [network] weights, or start at random with weights = ""'


def fill(network: nn.Module, path: Path, head: str) -> None:
    """Load a file's parameters into a network, all but those of its classifier, `head`.

    Raises ConfigError if the file is not there, is not a state dict, or another network's.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError(f"no weights at {path}: {_OTHERWISE}") from None
    except Exception as error:
        raise ConfigError(f"{path} is no PyTorch state dict: {_OTHERWISE}") from error
    if not isinstance(state, dict):
        raise ConfigError(f"{path} holds a {type(state).__name__}, expected a state dict")
    state = {name: value for name, value in state.items() if not str(name).startswith(head)}
    own = {name: value for name, value in network.state_dict().items() if name.startswith(head)}
    try:
        network.load_state_dict(state | own)
    except (RuntimeError, TypeError) as error:
        kind = type(network).__name__
        raise ConfigError(f"{path} does not hold the weights of this {kind}: {error}") from error


def torchvision_models() -> Any:
    """The module torchvision.models; raises MissingExtraError without torchvision."""
    ensure_torchvision()
    return require("torchvision.models", extra="backbones")


def torchvision_file(weights: str, imagenet: str) -> Path:
    """The file that `weights` names: itself, or for "imagenet" torchvision's own, as downloaded.

    imagenet: torchvision's name of those, as "ViT_B_16_Weights.IMAGENET1K_V1". Nothing is
    downloaded here. Raises ConfigError if torchvision's file is not there or is damaged.
    """
    if weights != IMAGENET:
        return Path(weights)
    url: str = torchvision_models().get_weight(imagenet).url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        raise ConfigError(
            f"no ImageNet weights at {path}. Where there is a network, torchvision.models."
            f"{imagenet}.get_state_dict() fetches that file; or {_OTHERWISE}"
        )
    wanted = path.stem.rpartition("-")[2]  # torchvision names its files by their sha256
    with path.open("rb") as file:
        if not file_digest(file, "sha256").hexdigest().startswith(wanted):
            raise ConfigError(f"{path} is damaged: its sha256 does not start with {wanted}")
    return path
