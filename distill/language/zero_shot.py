"""Reads MF², or an edge network, by text alone: what alignment with language is for.

No head is used: an emotion's score is the likeness of the face to sentences that say that emotion,
an Action Unit's that of its token to sentences about that unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import Recipe
from distill.faces.batches import centre_tensor
from distill.faces.store import FaceStore
from distill.language import plain_words
from distill.language.encode_text import BUILT_IN, encode_texts
from distill.networks.features import FeatureNet
from mf2_edge.text.describe import describe, describe_units
from mf2_edge.text.facts import FaceFacts
from mf2_edge.text.wording import Certainty

WORDINGS = 8
"""Sentences of the grammar a label; their mean direction stands for it."""


@dataclass(frozen=True)
class Directions:
    """Unit vectors in the text encoder's space: emotions (K, width), units (U, width)."""

    emotions: Tensor
    units: Tensor


def grammar_directions(recipe: Recipe) -> Directions:
    """By sentences of the grammar, as in training: those of an emotion name no unit."""
    seeds = range(WORDINGS)
    alone = [FaceFacts(emotion, {}, frozenset()) for emotion in recipe.emotions]
    units = {
        unit: FaceFacts(None, {unit: Certainty.PLAIN}, frozenset()) for unit in recipe.action_units
    }
    return Directions(
        _directions([[describe(one, "emotion", seed) for seed in seeds] for one in alone], recipe),
        _directions(
            [[describe_units(one, seed)[unit] for seed in seeds] for unit, one in units.items()],
            recipe,
        ),
    )


def plain_directions(recipe: Recipe) -> Directions:
    """By one sentence a label in words that training never used (`plain_words.py`)."""
    return Directions(
        _directions([[plain_words.EMOTIONS[emotion]] for emotion in recipe.emotions], recipe),
        _directions([[plain_words.UNITS[unit]] for unit in recipe.action_units], recipe),
    )


def read_by_text(
    network: FeatureNet,
    recipe: Recipe,
    store: FaceStore,
    rows: NDArray[np.int64],
    directions: Directions,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Likeness, -1..1, of stored faces to emotions [rows, emotions] and of tokens to units."""
    network.eval()
    found: list[tuple[Tensor, Tensor]] = []
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, len(rows) // 64)):
            reading = network.read(centre_tensor(recipe, store.images[part]))
            likeness = torch.einsum("nkt,kt->nk", reading.unit_text, directions.units)
            found.append((reading.face_text @ directions.emotions.T, likeness))
    return (
        torch.cat([emotion for emotion, _ in found]).numpy(),
        torch.cat([unit for _, unit in found]).numpy(),
    )


def _directions(sentences: list[list[str]], recipe: Recipe) -> Tensor:
    flat = [sentence for wordings in sentences for sentence in wordings]
    encoder = recipe.texts.encoder if recipe.texts else BUILT_IN
    vectors = torch.from_numpy(encode_texts(flat, encoder))
    return F.normalize(vectors.reshape(len(sentences), -1, vectors.shape[1]).mean(dim=1), dim=1)
