"""Pseudo-labels: MediaPipe's blendshapes on aligned faces, and the AUs they stand for.

MediaPipe brings its own OpenCV and needs system libraries, so it runs as a command of its own
(`python -m distill pseudo`) in whatever environment has it, and leaves an array beside the faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from distill.config import BlendshapeRule, Recipe
from mf2_edge.io.atomic import replacing

BLENDSHAPE_COUNT = 52
SIDE = 256  # pixels: the landmarker's own input is 256x256


def score_blendshapes(recipe: Recipe) -> None:
    """Write `blendshapes.npz` beside the faces of every data set that the recipe names."""
    for name in recipe.pseudo_labels.datasets:
        folder = recipe.cache_folder / name
        if not (folder / "blendshapes.npz").is_file():
            images = np.load(folder / "images.npy", mmap_mode="r")
            names, scores = _score(images, Path(recipe.pseudo_labels.landmarker), name)
            with replacing(folder / "blendshapes.npz") as partial:
                np.savez(partial, names=names, scores=scores)


def _score(
    images: NDArray[np.uint8], landmarker: Path, title: str
) -> tuple[NDArray[np.str_], NDArray[np.float32]]:
    """Names [52] and scores float32 [n, 52] in 0..1; NaN rows where no face was found."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(landmarker)), output_face_blendshapes=True
    )
    scores = np.full((len(images), BLENDSHAPE_COUNT), np.nan, dtype=np.float32)
    names: list[str] = []
    with vision.FaceLandmarker.create_from_options(options) as network:
        for row, image in enumerate(tqdm(images, desc=f"blendshapes {title}", unit="face")):
            large = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
            found = network.detect(mp.Image(mp.ImageFormat.SRGB, large)).face_blendshapes
            if found:
                names = [category.category_name for category in found[0]]
                scores[row] = [category.score for category in found[0]]
    return np.array(names), scores


def pseudo_labels(
    folder: Path, rules: Mapping[str, BlendshapeRule], units: tuple[str, ...]
) -> NDArray[np.float32]:
    """AU labels float32 [n, units] of 0, 1 and NaN (unknown) from a folder's blendshapes."""
    if not (folder / "blendshapes.npz").is_file():
        raise FileNotFoundError(
            f"no blendshapes in {folder}: run `python -m distill pseudo --config RECIPE` in an "
            "environment with mediapipe (docs/training.md), or take the data set out of "
            "`pseudo_labels.datasets`"
        )
    with np.load(folder / "blendshapes.npz") as saved:
        names, scores = saved["names"].tolist(), saved["scores"]
    labels = np.full((len(scores), len(units)), np.nan, dtype=np.float32)
    for unit, rule in rules.items():
        score = scores[:, [names.index(name) for name in rule.blendshapes]].max(axis=1)
        column = labels[:, units.index(unit)]
        column[score >= rule.present] = 1
        column[score <= rule.absent] = 0
    return labels
