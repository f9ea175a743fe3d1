"""Aligned faces to compare artifacts on: real ones, and extreme inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from exporters.errors import ParityError

MIN_FACES: Final = 256
"""Smallest number on which agreement is measured."""

MAX_FACES: Final = 512
"""Largest number that is compared, to bound the time."""

SPLITS: Final = ("valid", "dev")
"""Splits of a store that are compared on; test data stays unseen."""


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Faces on the template, uint8 [n, height, width, 3] RGB, and which they are."""

    images: NDArray[np.uint8]
    description: str


def load_faces(store: Path, width: int, height: int) -> FaceSet:
    """Faces of the validation splits of a store, evenly drawn, `MAX_FACES` at most.

    `store` is a folder with `images.npy` (uint8 [n, H, W, 3], aligned, with a margin around the
    template, which is cut off) and `labels.npz` (`splits`: str [n]), as `distill prepare` makes.

    Raises ParityError if it is none, or has fewer than `MIN_FACES` faces in these splits.
    """
    try:
        images = np.load(store / "images.npy", mmap_mode="r")
        with np.load(store / "labels.npz") as labels:
            splits = labels["splits"]
    except (OSError, ValueError, KeyError) as error:
        raise ParityError(
            f"{store} is not a folder of aligned faces ({error}); expected images.npy and "
            "labels.npz, as `python -m distill prepare` writes them"
        ) from error
    if images.ndim != 4 or images.shape[1] < height or images.shape[2] < width:
        raise ParityError(
            f"{store}: faces of shape {list(images.shape[1:])}; expected at least "
            f"[{height}, {width}, 3], the template with a margin"
        )
    rows = np.flatnonzero(np.isin(splits, SPLITS))
    if len(rows) < MIN_FACES:
        raise ParityError(
            f"{store}: {len(rows)} faces in the splits {' and '.join(SPLITS)}; expected at least "
            f"{MIN_FACES}. Give another store"
        )
    if len(rows) > MAX_FACES:
        rows = rows[np.linspace(0, len(rows) - 1, MAX_FACES).round().astype(int)]
    y, x = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
    cut = np.stack([images[row, y : y + height, x : x + width] for row in rows])
    held = " and ".join(split for split in SPLITS if split in splits[rows])
    return FaceSet(cut, f"{len(cut)} real faces of {store.resolve().name} (split {held})")


def synthetic_faces(width: int, height: int) -> FaceSet:
    """`MIN_FACES` smooth random pictures, for a trial run without faces at hand."""
    generator = np.random.default_rng(0)
    images = []
    for _ in range(MIN_FACES):
        coarse = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        images.append(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return FaceSet(
        np.stack(images).astype(np.uint8), f"{MIN_FACES} synthetic pictures, no real faces"
    )


def extreme_inputs(width: int, height: int) -> FaceSet:
    """Black, white, saturated colours, noise and on-off noise: what drives activations to extremes.

    15 pictures.
    """
    generator = np.random.default_rng(0)
    shape = (height, width, 3)
    colours = [(255 * r, 255 * g, 255 * b) for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    flat = [np.full(shape, colour, np.uint8) for colour in colours]
    noise = [generator.integers(0, 256, shape, dtype=np.uint8) for _ in range(4)]
    on_off = [255 * generator.integers(0, 2, shape, dtype=np.uint8) for _ in range(3)]
    images = np.stack([*flat, *noise, *on_off]).astype(np.uint8)
    return FaceSet(images, f"{len(images)} extreme inputs (black, white, saturated, noise)")
