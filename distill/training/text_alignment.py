"""The language side of training MF²: a network's answers, and how well they agree with texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from distill.config import Recipe, TextConfig
from distill.faces.batches import Batch
from distill.language.texts import TextBank, compare, load_bank
from distill.networks.mf2 import MF2
from distill.training.losses import alignment_loss


@dataclass(frozen=True)
class Language:
    """Texts to align with, and how."""

    bank: TextBank
    config: TextConfig


def load_language(recipe: Recipe) -> Language | None:
    """The recipe's texts, None if it has none; raises FileNotFoundError if there is no bank."""
    if recipe.texts is None:
        return None
    return Language(load_bank(recipe.run_folder / "text-bank.npz"), recipe.texts)


def answer(
    network: nn.Module, batch: Batch, language: Language | None, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Emotion logits, AU logits and the weighted alignment loss (0 without texts) of a batch."""
    if language is None or not isinstance(network, MF2):
        emotion, units, *_ = network(batch.images)
        return emotion, units, emotion.new_zeros(())
    reading = network.read(batch.images)
    texts = compare(language.bank, batch.votes, batch.action_units, language.config, rng)
    scale, bias = network.text_scale, network.text_bias
    loss = texts.face.new_zeros(())
    if len(texts.face):
        loss = loss + alignment_loss(reading.face_text, texts.face, texts.face_truth, scale, bias)
    if len(texts.unit):
        loss = loss + alignment_loss(reading.unit_text, texts.unit, texts.unit_truth, scale, bias)
    return reading.emotion, reading.action_units, language.config.weight * loss
