"""An MF² of random weights, and pictures whose labels it can be taught."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.checkpoint import WILD, save_network
from distill.config import load_recipe
from tests.pressed import lively_network
from tests.tiny_school import RECIPE

TEACHER = RECIPE.with_name("mf2.toml")


def write_teacher(path: Path, seed: int = 0) -> None:
    """A checkpoint with narrow tokens."""
    shipped = load_recipe(TEACHER)
    network = msgspec.structs.replace(shipped.network, weights=None, continues=None, token_width=16)
    recipe = msgspec.structs.replace(shipped, network=network)
    save_network(lively_network(recipe, seed), recipe, WILD, path)


def stripes(across: bool, thickness: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Grey stripes with some noise, uint8 [128, 128, 3]; no detector takes them for a face."""
    wave = (np.arange(128) // thickness % 2) * 120 + 60
    picture = np.broadcast_to(wave if across else wave[:, None], (128, 128))
    noisy = picture[..., None] + rng.normal(0, 10, (128, 128, 3))
    return noisy.clip(0, 255).astype(np.uint8)


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """As PNG, so that the bytes are the picture's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)
