"""Files of weights as people have them: .safetensors, or what `torch.save` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from distill.config import ConfigError
from mf2_edge.extras import require

OTHERWISE: Final = 'name a file in [network] weights, or start at random with weights = ""'
CONTAINERS: Final = ("state_dict", "model_state_dict", "model", "model_ema", "teacher", "network")
"""Keys that training programs keep a state dict under, beside optimizers and the like."""
WRAPPERS: Final = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before each name."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, of floats in float32; nothing of the file is executed.

    Raises ConfigError if the file is not there, or holds no state dict; MissingExtraError for
    .safetensors without that package.
    """
    if not path.is_file():
        raise ConfigError(f"no weights at {path}: {OTHERWISE}")
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    for key in CONTAINERS:
        if isinstance(content.get(key), Mapping):
            content = content[key]
            break
    state = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise ConfigError(
            f"{path} holds no tensors by name, but {', '.join(map(str, list(content)[:5]))}: "
            "expected a state dict"
        )
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return {
        name: value.float() if value.is_floating_point() else value for name, value in state.items()
    }


def _safetensors(path: Path) -> Mapping[Any, Any]:
    load = require("safetensors.torch", extra="backbones").load_file
    try:
        content: Mapping[Any, Any] = load(path)
    except Exception as error:
        raise ConfigError(f"{path} is no safetensors file ({error}): {OTHERWISE}") from error
    return content


def _torch(path: Path) -> Mapping[Any, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ConfigError(
            f"{path} is no PyTorch state dict that loads with weights_only: {OTHERWISE}. Of a "
            "TorchScript archive, or one that holds other objects, save the state_dict() alone"
        ) from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path} holds a {type(content).__name__}, expected a state dict")
    return content
