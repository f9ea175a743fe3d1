"""Reading MF² by text alone: what alignment with language is for.

No head is used: an emotion's score is the likeness of the face to sentences that say that emotion,
an Action Unit's that of its token to sentences about that unit.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.batches import Source, centre_tensor
from distill.config import Recipe
from distill.encode_text import encode_texts
from distill.mf2 import MF2
from mf2_edge.describe import FaceFacts, describe, describe_units
from mf2_edge.wording import Certainty

WORDINGS = 8
"""Sentences a label; their mean direction stands for it."""


def emotion_directions(recipe: Recipe) -> Tensor:
    """Unit vectors (emotions, width) of sentences that name the emotion and no unit."""
    return _directions(
        [
            [describe(FaceFacts(emotion, {}, frozenset()), "emotion", seed) for seed in _seeds()]
            for emotion in recipe.emotions
        ],
        recipe,
    )


def unit_directions(recipe: Recipe) -> Tensor:
    """Unit vectors (units, width) of sentences about one unit each."""
    return _directions(
        [
            [
                describe_units(FaceFacts(None, {unit: Certainty.PLAIN}, frozenset()), seed)[unit]
                for seed in _seeds()
            ]
            for unit in recipe.action_units
        ],
        recipe,
    )


def read_by_text(
    network: MF2, recipe: Recipe, source: Source, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Likeness, -1..1, of stored faces to emotions [rows, emotions] and of tokens to units."""
    emotions, units = emotion_directions(recipe), unit_directions(recipe)
    network.eval()
    found: list[tuple[Tensor, Tensor]] = []
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, len(rows) // 64)):
            reading = network.read(centre_tensor(recipe, source.store.images[part]))
            likeness = torch.einsum("nkt,kt->nk", reading.unit_text, units)
            found.append((reading.face_text @ emotions.T, likeness))
    return (
        torch.cat([emotion for emotion, _ in found]).numpy(),
        torch.cat([unit for _, unit in found]).numpy(),
    )


def _directions(sentences: list[list[str]], recipe: Recipe) -> Tensor:
    if recipe.texts is None:
        raise ValueError("the recipe has no [texts]: there is nothing to read the network by")
    flat = [sentence for wordings in sentences for sentence in wordings]
    vectors = torch.from_numpy(encode_texts(flat, recipe.texts.encoder))
    return F.normalize(vectors.reshape(len(sentences), WORDINGS, -1).mean(dim=1), dim=1)


def _seeds() -> range:
    return range(WORDINGS)
