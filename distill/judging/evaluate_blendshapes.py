"""How far AU scores go along with MediaPipe's blendshapes, on faces that neither was fitted to.

Not a measure of truth: a blendshape is a network's guess as well. But it is the only witness of
Action Units in the wild here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from distill.config import Recipe
from distill.evaluate import machine, today
from mf2_edge.schema import AccuracySpec, LabelAccuracy

CORRESPONDING: Final[dict[str, tuple[str, ...]]] = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU17": ("mouthShrugLower",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU24": ("mouthPressLeft", "mouthPressRight"),
    "AU26": ("jawOpen",),
    "AU27": ("jawOpen",),
    "AU43": ("eyeBlinkLeft", "eyeBlinkRight"),
}
"""ARKit's blendshapes by the unit whose movement they describe; AU6 and AU9 are always 0 there."""


def blendshape_scores(folder: Path, units: tuple[str, ...]) -> NDArray[np.float32]:
    """The larger of each unit's blendshapes, float32 [n, units]; NaN: no face, or none fits."""
    with np.load(folder / "blendshapes.npz") as saved:
        names, scores = saved["names"].tolist(), saved["scores"]
    found = np.full((len(scores), len(units)), np.nan, dtype=np.float32)
    for unit, shapes in CORRESPONDING.items():
        if unit in units:
            own = scores[:, [names.index(shape) for shape in shapes]]
            found[:, units.index(unit)] = own.max(axis=1)
    return found


def blendshape_agreement(
    recipe: Recipe, dataset: str, logits: NDArray[np.float32], scores: NDArray[np.float32]
) -> AccuracySpec:
    """Spearman's rank correlation a unit, -1..1, over the faces that MediaPipe found.

    logits, scores [n, units]. A unit whose blendshape never moves has none.
    """
    per_unit = {}
    for column, unit in enumerate(recipe.action_units):
        known = ~np.isnan(scores[:, column])
        if known.any() and np.ptp(scores[known, column]) > 0:
            value = spearmanr(logits[known, column], scores[known, column]).statistic
            per_unit[unit] = LabelAccuracy(value=round(float(value), 4), support=int(known.sum()))
    return AccuracySpec(
        dataset=recipe.data[dataset].title,
        split="validation, faces on which MediaPipe finds landmarks",
        protocol="rank correlation of AU logits with MediaPipe's blendshapes",
        metric="mean Spearman correlation",
        value=round(float(np.mean([unit.value for unit in per_unit.values()])), 4),
        n=max(unit.support for unit in per_unit.values()),
        seed=recipe.seed,
        labels=per_unit,
        date=today(),
        machine=machine(),
    )
