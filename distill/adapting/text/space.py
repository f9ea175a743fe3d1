"""From a frozen network's face vector into the space of a sentence encoder: one linear layer.

MF² and the networks that learned from it carry it in their checkpoints. For a bundle it is learned
afterwards (`python -m distill text-space`), without touching the bundle, and lies in
`distill/text_spaces`: a phone never needs it, only who makes a head of a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.adapting.frozen import network_digest, open_frozen
from distill.language.encode_text import BUILT_IN
from distill.networks.edge import EdgeNet
from distill.networks.mf2 import MF2
from distill.parsers import TEXT_SPACES
from distill.training.checkpoint import CheckpointError
from mf2_edge import load_bundle
from mf2_edge.io.atomic import replacing

FOLDER: Final = TEXT_SPACES
"""Of the bundles that ship."""


@dataclass(frozen=True)
class TextSpace:
    """weight (text, values) and bias (text,) of the layer; the sentence encoder whose space it is.

    start: where in a row of hidden states the face vector begins.
    """

    weight: Tensor
    bias: Tensor
    encoder: str
    start: int = 0

    def read(self, hidden: Tensor) -> Tensor:
        """Hidden states (N, layout.width) -> unit vectors (N, text)."""
        face = hidden[:, self.start : self.start + self.weight.shape[1]]
        return F.normalize(F.linear(face, self.weight, self.bias), dim=-1)


def open_text_space(network: Path) -> TextSpace:
    """That of a checkpoint (a file), or of a bundle (a folder); of MF² or of an edge network.

    Raises CheckpointError for a network that never learned it, BundleError for a broken bundle.
    """
    if network.is_dir():
        return _beside_bundle(network)
    net, loaded = open_frozen(network)
    recipe = loaded.recipe
    if not recipe.reads_text:
        raise CheckpointError(
            f"{network}: {recipe.name} never learned the text space; take MF², or a bundle"
        )
    encoder = recipe.texts.encoder if recipe.texts else BUILT_IN
    if isinstance(net, EdgeNet):
        weight, outer = net.embed.weight, net.face_to_text
        bias = outer.weight @ net.embed.bias + outer.bias
        return TextSpace((outer.weight @ weight).detach(), bias.detach(), encoder)
    assert isinstance(net, MF2)  # the only other network that can be read
    layer, stages = net.face_to_text, 2  # the vectors of two trunk stages come before the face's
    blank = torch.zeros(1, 3, recipe.alignment.height, recipe.alignment.width)
    with torch.inference_mode():
        start = sum(stage.shape[1] for stage in net.read(blank).stages[:stages])
    return TextSpace(layer.weight.detach(), layer.bias.detach(), encoder, start)


def _beside_bundle(folder: Path) -> TextSpace:
    digest, name = network_digest(folder), load_bundle(folder).manifest.name
    path = FOLDER / f"{name}.npz"
    if not path.is_file():
        raise CheckpointError(
            f"the bundle {name} has no text space: run "
            f"`python -m distill text-space --bundle {folder}` (docs/adapt.md)"
        )
    space, made_for = load_text_space(path)
    if made_for != digest:
        raise CheckpointError(
            f"{path} belongs to the network with sha256 {made_for[:12]}..., but bundle {name} has "
            f"{digest[:12]}...: make it anew with `python -m distill text-space`"
        )
    return space


def save_text_space(space: TextSpace, rank: int, network_sha256: str, path: Path) -> None:
    """Write a space whose weight has at most this rank, as two float16 factors; atomically."""
    u, s, v = torch.linalg.svd(space.weight.double(), full_matrices=False)
    root = s[:rank].sqrt()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(
            file,
            outer=(u[:, :rank] * root).numpy().astype(np.float16),
            inner=(root[:, None] * v[:rank]).numpy().astype(np.float16),
            bias=space.bias.numpy().astype(np.float32),
            encoder=np.array(space.encoder),
            network_sha256=np.array(network_sha256),
        )


def load_text_space(path: Path) -> tuple[TextSpace, str]:
    """A space, and the sha256 of the network that it belongs to; raises CheckpointError."""
    try:
        with np.load(path) as kept:
            outer, inner = (torch.from_numpy(kept[key]).float() for key in ("outer", "inner"))
            space = TextSpace(outer @ inner, torch.from_numpy(kept["bias"]), str(kept["encoder"]))
            return space, str(kept["network_sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is no text space: {error}; make it with `python -m distill text-space`"
        ) from error
