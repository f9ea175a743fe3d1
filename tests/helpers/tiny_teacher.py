"""An MF² of random weights, and pictures whose labels it can be taught."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe, load_recipe
from distill.language.texts import make_bank
from distill.mfa.cli import main as mfa
from distill.prepare import prepare
from distill.training.checkpoint import TRAINED, save_network
from tests.helpers.exported import lively_network
from tests.helpers.tiny_training import RECIPE, SMALL, tiny_recipe, write_recipe

TEACHER = RECIPE.with_name("mf2.toml")


def write_teacher(path: Path, seed: int = 0) -> None:
    """A checkpoint with narrow tokens."""
    shipped = load_recipe(TEACHER)
    network = msgspec.structs.replace(shipped.network, init_from=None, token_width=16)
    recipe = msgspec.structs.replace(shipped, network=network)
    save_network(lively_network(recipe, seed), recipe, TRAINED, path)


def prepared_teacher(folder: Path) -> Recipe:
    """A prepared miniature of the teacher's recipe, its descriptions made by the grammar."""
    tiny, shipped = tiny_recipe(folder), load_recipe(TEACHER)
    assert shipped.texts is not None
    replace = msgspec.structs.replace
    store = folder / "runs" / "mfa" / "mfa.sqlite"
    texts = replace(shipped.texts, store=str(store), texts=4)
    teacher = replace(
        tiny,
        network=replace(shipped.network, init_from=None, token_width=16, **SMALL),
        texts=texts,
    )
    prepare(teacher, workers=1)
    write_recipe(teacher, folder / "recipe.toml")
    assert mfa(["build", "--source", "template", "--config", str(folder / "recipe.toml")]) == 0
    make_bank(teacher, texts)
    return teacher


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
