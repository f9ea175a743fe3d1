"""Prepare: from a data set's pictures to aligned faces, through the product's own stages."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from distill.config import DatasetConfig, Recipe
from distill.datasets import READERS, LabelledFace
from distill.facestore import save_store
from distill.tree import Tree, open_tree
from mf2_edge.align import align, resize_crop
from mf2_edge.detect import BlazeFaceDetector
from mf2_edge.schema import AlignmentSpec
from mf2_edge.types import Box


def prepare(recipe: Recipe, workers: int) -> None:
    """Align every data set of a recipe that is not in the cache yet."""
    for name, dataset in recipe.data.items():
        folder = recipe.cache_folder / name
        if (folder / "labels.npz").is_file():
            continue
        faces = list(READERS[dataset.reader](open_tree(Path(dataset.root))))
        images, aligned = _align_all(dataset, faces, recipe, name, workers)
        save_store(folder, images, aligned=aligned, **_labels(faces, dataset, recipe))


def _align_all(
    dataset: DatasetConfig, faces: Sequence[LabelledFace], recipe: Recipe, name: str, workers: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.bool_]]:
    images, aligned = [], []
    jobs = [(dataset.root, face.name, recipe.alignment, recipe.margin) for face in faces]
    with ProcessPoolExecutor(workers) as pool:
        done = pool.map(_align_one, jobs, chunksize=64)
        for image, found in tqdm(done, total=len(jobs), desc=f"align {name}", unit="face"):
            images.append(image)
            aligned.append(found)
    return images, np.array(aligned)


def _align_one(job: tuple[str, str, AlignmentSpec, int]) -> tuple[NDArray[np.uint8], bool]:
    """One crop as `FaceStateAnalyzer.predict_crops` would align it, with the margin kept."""
    root, name, spec, margin = job
    encoded = np.frombuffer(_tree(root).read(name), dtype=np.uint8)
    crop = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
    height, width = crop.shape[:2]
    face = _detector().refine(crop, Box(0, 0, width, height))
    if face is None or face.landmarks is None:
        return resize_crop(crop, spec, margin), False
    return align(crop, face.landmarks, spec, margin), True


@cache
def _tree(root: str) -> Tree:
    return open_tree(Path(root))


@cache
def _detector() -> BlazeFaceDetector:
    return BlazeFaceDetector(num_threads=1)


def _labels(
    faces: Sequence[LabelledFace], dataset: DatasetConfig, recipe: Recipe
) -> dict[str, NDArray[Any]]:
    emotions, units = recipe.emotions, recipe.action_units
    votes = np.full((len(faces), len(emotions)), np.nan, dtype=np.float32)
    winner = np.full(len(faces), -1, dtype=np.int64)
    coded = np.full((len(faces), len(units)), np.nan, dtype=np.float32)
    for row, face in enumerate(faces):
        if face.emotion is not None:
            winner[row] = emotions.index(face.emotion)
            votes[row] = np.eye(len(emotions))[winner[row]]
        if face.votes is not None:
            votes[row] = _vote_shares(face.votes, emotions)
        if face.action_units is not None:
            coded[row] = [unit in face.action_units for unit in units]
    # A unit that nobody coded in a whole data set was not looked for: unknown, not absent.
    coded[:, ~(coded == 1).any(axis=0)] = np.nan
    return {
        "names": np.array([face.name for face in faces]),
        "splits": np.array([split_of(face, dataset, recipe.seed) for face in faces]),
        "subjects": np.array([face.subject or "" for face in faces]),
        "votes": votes,
        "majority": winner,
        "action_units": coded,
    }


def _vote_shares(votes: dict[str, float], emotions: Sequence[str]) -> NDArray[np.float32]:
    """Shares of the votes, single votes dropped; NaN where most raters named no emotion."""
    kept = np.array([votes[emotion] if votes[emotion] > 1 else 0.0 for emotion in emotions])
    total = kept.sum()
    if total == 0 or total < sum(votes.values()) / 2:
        return np.full(len(emotions), np.nan, dtype=np.float32)
    return np.asarray(kept / total, dtype=np.float32)


def split_of(face: LabelledFace, dataset: DatasetConfig, seed: int) -> str:
    """The data set's own split; a seeded part of "train" becomes "valid" where the recipe asks.

    Drawn from a hash of the name, so that neither order nor library version changes it.
    """
    if face.split != "train" or dataset.validation == 0:
        return face.split
    digest = blake2b(f"{seed}/{face.name}".encode(), digest_size=4).digest()
    draw = int.from_bytes(digest, "big") / 2**32
    return "valid" if draw < dataset.validation else "train"
