"""Alignment of MF²'s features with texts, beside its supervised losses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import Recipe
from distill.faces.batches import Batch
from distill.language.own_texts import (
    CHANGED,
    REGION,
    WHOLE,
    OwnWords,
    contradictions,
    load_own_words,
    region_contradictions,
)
from distill.language.texts import TextBank, compare, load_bank
from distill.networks.features import Features
from distill.networks.mf2 import MF2
from distill.train_config import TextConfig
from distill.training.losses.functions import alignment_loss
from mf2_edge.facs import ACTION_UNIT_REGIONS, REGIONS


@dataclass(frozen=True)
class Language:
    """Encoded texts, and how faces are aligned with them."""

    bank: TextBank
    config: TextConfig
    units: tuple[str, ...]
    """Labels of the Action Units, in the order of the tokens."""
    own: OwnWords | None
    """What was written of single faces; None where it has no weight."""


def load_language(recipe: Recipe) -> Language | None:
    """The recipe's texts, None if it has none; raises FileNotFoundError if there is no bank."""
    if recipe.texts is None:
        return None
    own = load_own_words(recipe) if recipe.texts.own else None
    bank = load_bank(recipe.run_folder / "text-bank.npz")
    return Language(bank, recipe.texts, recipe.action_units, own)


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
    loss = language.config.weight * loss
    if language.own is not None:
        parts = list(_own_losses(network, features, batch, language.units, language.own, rng))
        if parts:
            loss = loss + language.config.own * torch.stack(parts).mean()
    return loss


def _own_losses(
    network: MF2,
    features: Features,
    batch: Batch,
    units: tuple[str, ...],
    own: OwnWords,
    rng: np.random.Generator,
) -> Iterator[Tensor]:
    """Losses of faces with their own texts: of the whole, then of each region.

    A face's own text is true of it, one with a unit changed is not; another face's text is not
    where the labels of the two contradict each other, and unknown where they do not.
    """
    emotion, coded = batch.targets["emotion"].cpu(), batch.targets["action_units"].cpu()
    scale, bias, device = network.text_scale, network.text_bias, features.face_text.device
    places, rows = own.draw(batch.keys, WHOLE, rng)
    if len(places):
        truth = _truth(contradictions(emotion[places], coded[places]))
        wrong_places, wrong_rows = own.draw(batch.keys, CHANGED, rng)
        wrong = torch.where(torch.from_numpy(places[:, None] == wrong_places), 0.0, torch.nan)
        yield alignment_loss(
            features.face_text[places],
            own.vectors(np.concatenate([rows, wrong_rows]), device),
            torch.cat([truth, wrong], dim=1).to(device),
            scale,
            bias,
        )
    places, rows = own.draw(batch.keys, REGION, rng)
    for region in np.unique(own.texts.region[rows]):
        about = own.texts.region[rows] == region
        tokens = [i for i, unit in enumerate(units) if ACTION_UNIT_REGIONS[unit] == REGIONS[region]]
        if tokens:
            here = places[about]
            yield alignment_loss(
                F.normalize(features.unit_text[here][:, tokens].mean(dim=1), dim=-1),
                own.vectors(rows[about], device),
                _truth(region_contradictions(coded[here], units, int(region))).to(device),
                scale,
                bias,
            )


def _truth(contradict: Tensor) -> Tensor:
    """1 for a face and its own text, 0 where they contradict, else NaN; (N, N)."""
    truth = torch.where(contradict, 0.0, torch.nan)
    return truth.fill_diagonal_(1.0)
