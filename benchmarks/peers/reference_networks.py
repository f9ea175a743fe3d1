"""Networks that others published, rebuilt with random weights and exported to TFLite in floats.

Weights change nothing about how long a network takes. torchvision and timm (`[reference]`) define
them; a file is made once and kept.
"""

from __future__ import annotations

from pathlib import Path

from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

CACHE = Path("runs/reference")
"""Where the files are kept, unless a command is told otherwise."""


def tflite_file(network: str, folder: Path = CACHE) -> Path:
    """The .tflite of `NAME@PIXELS`, a name of torchvision or else of timm; exported if missing."""
    path = folder / f"{network}.tflite"
    if not path.is_file():
        with replacing(path) as partial:
            _export(network, partial)
    return path


def _export(network: str, path: Path) -> None:
    from distill.networks.backbones.torchvision_import import ensure_torchvision

    ensure_torchvision()
    import torch
    from torchvision.models import get_model, list_models

    litert_torch = require("litert_torch", extra="export")
    name, size = network.split("@")
    if name in list_models():
        # These two initialise by drawing from scipy, for minutes.
        slow = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        module = get_model(name, weights=None, **slow).eval()
    else:
        timm = require("timm", extra="reference")
        # Branches that exist in training alone are merged, as on a phone.
        module = timm.utils.reparameterize_model(timm.create_model(name, pretrained=False).eval())
    channels_last = litert_torch.to_channel_last_io(module, args=[0]).eval()
    example = (torch.zeros(1, int(size), int(size), 3),)
    litert_torch.convert(channels_last, example).export(str(path))
