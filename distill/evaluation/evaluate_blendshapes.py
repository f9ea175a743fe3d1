"""How far AU scores go along with MediaPipe's blendshapes, on faces that neither was fitted to.

Not a measure of truth: a blendshape is a network's guess as well. But it is the only witness of
Action Units in the wild here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from distill.config import Recipe
from distill.evaluation.evaluate import machine, today
from distill.evaluation.metrics.intervals import bootstrap, bootstrap_words, estimate
from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy

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
    found = ~np.isnan(scores).all(axis=1)
    moving = [
        column
        for column in range(scores.shape[1])
        if not np.isnan(scores[found, column]).any() and np.ptp(scores[found, column]) > 0
    ]
    ours, theirs = logits[found][:, moving], scores[found][:, moving]

    def correlations(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Each unit's, and their mean."""
        values = _spearman(ours[rows], theirs[rows])
        return np.append(values, values.mean())

    values = correlations(np.arange(len(ours)))
    low, high = bootstrap(correlations, len(ours), recipe.seed)
    *per_unit, mean = map(estimate, values, low, high)
    return AccuracySpec(
        dataset=recipe.data[dataset].title,
        split="validation, faces on which MediaPipe finds landmarks",
        protocol="rank correlation of AU logits with MediaPipe's blendshapes",
        metric="mean Spearman correlation",
        value=mean.value,
        low=mean.low,
        high=mean.high,
        interval=bootstrap_words(recipe.seed),
        n=len(ours),
        seed=recipe.seed,
        labels={
            recipe.action_units[column]: LabelAccuracy(
                value=own.value, support=len(ours), low=own.low, high=own.high
            )
            for column, own in zip(moving, per_unit, strict=True)
        },
        date=today(),
        machine=machine(),
    )


def _spearman(
    ours: NDArray[np.floating[Any]], theirs: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Of each column of two arrays [n, units]: the correlation of their ranks, ties averaged."""
    ranks = [rankdata(values, axis=0) for values in (ours, theirs)]
    one, other = (rank - rank.mean(axis=0) for rank in ranks)
    spread = np.sqrt((one**2).sum(axis=0) * (other**2).sum(axis=0))
    with np.errstate(invalid="ignore"):  # a unit that never moves in a draw has no correlation
        return np.asarray((one * other).sum(axis=0) / spread)
