"""Alignment of MF²'s features with texts, beside its supervised losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from distill.config import Recipe, TextConfig
from distill.faces.batches import Batch
from distill.language.texts import TextBank, compare, load_bank
from distill.networks.features import Features
from distill.networks.mf2 import MF2
from distill.training.losses.functions import alignment_loss


@dataclass(frozen=True)
class Language:
    """Encoded texts, and how faces are aligned with them."""

    bank: TextBank
    config: TextConfig


def load_language(recipe: Recipe) -> Language | None:
    """The recipe's texts, None if it has none; raises FileNotFoundError if there is no bank."""
    if recipe.texts is None:
        return None
    return Language(load_bank(recipe.run_folder / "text-bank.npz"), recipe.texts)


def text_loss(
    network: MF2, features: Features, batch: Batch, language: Language, rng: np.random.Generator
) -> Tensor:
    """The weighted alignment loss of a batch with texts drawn for it; a scalar."""
    emotion, units = batch.targets["emotion"], batch.targets["action_units"]
    texts = compare(language.bank, emotion, units, language.config, rng)
    scale, bias = network.text_scale, network.text_bias
    loss = features.face_text.new_zeros(())
    if len(texts.face):
        loss = loss + alignment_loss(features.face_text, texts.face, texts.face_truth, scale, bias)
    if len(texts.unit):
        loss = loss + alignment_loss(features.unit_text, texts.unit, texts.unit_truth, scale, bias)
    return language.config.weight * loss
