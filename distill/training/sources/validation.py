"""Logits of stored faces, and the figures that a training is watched by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from distill.config import HEADS, Recipe
from distill.faces.batches import centre_tensor
from distill.faces.store import FaceStore

Logits = dict[str, NDArray[np.float32]]
"""Of faces, [n, labels], by the name of the head."""


def predict(
    network: nn.Module, recipe: Recipe, store: FaceStore, rows: NDArray[np.int64]
) -> Logits:
    """Logits of stored faces, preprocessed as in the product."""
    network.eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    parts: list[list[NDArray[Any]]] = []
    with torch.inference_mode():
        for part in np.array_split(rows, max(1, len(rows) // 64)):
            images = centre_tensor(recipe, store.images[part]).to(device)
            parts.append([value.float().cpu().numpy() for value in network(images)])
    return {
        head: np.concatenate([part[place] for part in parts])
        for place, head in enumerate(recipe.heads)
    }


def validate(
    network: nn.Module, recipe: Recipe, stores: Iterable[tuple[str, FaceStore]]
) -> dict[str, float]:
    """Figures on "valid" splits, 0..1.

    `accuracy_<data set>` of hard emotion labels, and of coded faces `f1_<data set>`, the mean over
    units of F1 at logit 0.
    """
    result = {}
    for name, store in stores:
        rows = store.rows("valid")
        labels, units = store.majority[rows], store.action_units[rows]
        if not (labels >= 0).any() and np.isnan(units).all():
            continue
        logits = predict(network, recipe, store, rows)
        emotion, action_units = (logits[head] for head in HEADS)
        if (labels >= 0).any():
            right = emotion.argmax(axis=1)[labels >= 0] == labels[labels >= 0]
            result[f"accuracy_{name}"] = float(right.mean())
        f1s = []
        for column in range(units.shape[1]):
            known = ~np.isnan(units[:, column]) & (units[:, column] != 0.5)
            truth, found = units[known, column] > 0.5, action_units[known, column] > 0
            if truth.any():
                f1s.append(2 * (truth & found).sum() / (truth.sum() + found.sum()))
        if f1s:
            result[f"f1_{name}"] = float(np.mean(f1s))
    return result
