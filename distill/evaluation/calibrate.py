"""Calibration of every head on held-out faces: temperature, Platt scaling about the decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from distill.config import Recipe
from distill.evaluation.metrics.scores import best_threshold
from distill.faces.store import UNDECIDED, FaceStore
from distill.training.sources.stored import evaluation_stores
from distill.training.sources.validation import Logits, predict
from distill.training.trained import load_trained, shipped_precisions
from mf2_edge.bundle.schema import (
    ActionUnitCalibration,
    CalibrationSpec,
    EmotionCalibration,
    VisibilityCalibration,
)
from mf2_edge.facs import REGIONS
from mf2_edge.io.atomic import write_json
from mf2_edge.pipeline.activations import sigmoid

LEAST_POSITIVES: Final = 5
"""Fewer positives than this do not place a decision."""
DECISION: Final = 0.5
"""Score from which on a label is present."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out faces of one data set with the logits of the network that ships."""

    title: str
    store: FaceStore
    rows: NDArray[np.int64]
    logits: Logits

    def targets(self, head: str) -> NDArray[np.float32]:
        """Of the faces, [n, labels]."""
        return self.store.targets()[head][self.rows]

    @property
    def has_units(self) -> bool:
        """Whether some face is coded."""
        return bool((~np.isnan(self.store.action_units[self.rows])).any())


def calibrate(recipe: Recipe) -> Path:
    """Write `calibration.json` (a CalibrationSpec), fitted to the network as it ships.

    One for all formats: if the network ships in integers, it is fitted to these. Data sets that are
    for evaluation alone place nothing.
    """
    network = load_trained(recipe, shipped_precisions(recipe)[-1])
    calibration = fit(recipe, held_out(network, recipe))
    path = recipe.run_folder / "calibration.json"
    write_json(path, calibration)
    return path


def held_out(network: torch.nn.Module, recipe: Recipe) -> list[HeldOut]:
    """The validation faces of every data set that something is trained on."""
    found = []
    for name, store in evaluation_stores(recipe):
        rows = store.rows("valid")
        if len(rows) and not recipe.data[name].eval_only:
            logits = predict(network, recipe, store, rows)
            found.append(HeldOut(recipe.data[name].title, store, rows, logits))
    return found


def fit(recipe: Recipe, faces: Sequence[HeldOut]) -> CalibrationSpec:
    """The calibration of every head of the recipe on these faces."""
    strength = _scaling("strength", recipe, faces) if "strength" in recipe.heads else {}
    return CalibrationSpec(
        emotion=_emotion(faces),
        action_units=_scaling("action_units", recipe, faces),
        strength=strength,
        visibility=_visibility(faces) if "visibility" in recipe.heads else {},
    )


def coded_faces(
    head: str, column: int, faces: Sequence[HeldOut]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], str]:
    """Logits and labels of the faces that a head's label is known of, [n], and which they are.

    Faces coded twice alone, if they have enough positives: their labels are surer.
    """
    logits, truth, twice, titles = [], [], [], []
    for part in faces:
        labels = part.targets(head)[:, column]
        known = ~np.isnan(labels) & (labels != UNDECIDED)
        if known.any():
            logits.append(part.logits[head][known, column])
            truth.append(labels[known] > UNDECIDED)
            twice.append(part.store.coders[part.rows][known] > 1)
            titles.append(f"{part.title} validation")
    if not logits:
        return np.empty(0, np.float32), np.empty(0, bool), "no held-out face"
    values, present, sure = np.concatenate(logits), np.concatenate(truth), np.concatenate(twice)
    where = " and ".join(titles)
    if present[sure].sum() >= LEAST_POSITIVES and not present[sure].all():
        return values[sure], present[sure], f"{where}, coded twice"
    return values, present, where


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017)."""
    inputs, targets = torch.from_numpy(logits), torch.from_numpy(labels)
    log_temperature = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_temperature], max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(inputs / log_temperature.exp(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return float(log_temperature.exp().detach())


def fit_action_unit(
    unit: str, logits: NDArray[np.float32], truth: NDArray[np.bool_], fitted_on: str
) -> ActionUnitCalibration:
    """Platt scaling from held-out logits [n], moved so that 0.5 decides with the best expected F1.

    Raises ValueError if the logits rank the unit no better than chance.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0).fit(logits[:, None].astype(np.float64), truth)
    scale, bias = float(model.coef_[0, 0]), float(model.intercept_[0])
    if scale <= 0:
        raise ValueError(
            f"{unit} cannot be calibrated: on {fitted_on} its logits rank it no better than "
            "chance. Train longer, or take it out of the recipe's action_units"
        )
    return ActionUnitCalibration(
        scale=scale, bias=decisive_bias(logits, scale, bias), fitted_on=fitted_on
    )


def fit_unit(
    unit: str, logits: NDArray[np.float32], truth: NDArray[np.bool_], fitted_on: str
) -> ActionUnitCalibration:
    """`fit_action_unit`, or a scale of 1 where the logits rank the unit no better than chance.

    Figures show how unreliable such a unit is; `fitted_on` says why nothing was fitted.
    """
    try:
        return fit_action_unit(unit, logits, truth, fitted_on)
    except ValueError:
        return ActionUnitCalibration(
            scale=1.0,
            bias=decisive_bias(logits, 1.0, 0.0),
            fitted_on=f"{fitted_on}; no better than chance, so the scale is 1",
        )


def decisive_bias(logits: NDArray[np.float32], scale: float, bias: float) -> float:
    """The bias with which a score of 0.5 stands where the best decision, by expected F1, lies."""
    threshold = best_threshold(scaled_scores(logits, scale, bias))
    return bias - float(np.log(threshold) - np.log1p(-threshold))


def is_present(fitted: ActionUnitCalibration, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The decisions, [n], that the calibration makes of a unit's logits, [n]."""
    return scaled_scores(logits, fitted.scale, fitted.bias) >= DECISION


def scaled_scores(logits: NDArray[np.float32], scale: float, bias: float) -> NDArray[np.float64]:
    """Scores 0..1, [n], that scale and bias make of a unit's logits, [n]."""
    return sigmoid(scale * logits.astype(np.float64) + bias)


def _emotion(faces: Sequence[HeldOut]) -> EmotionCalibration:
    logits, labels, titles = [], [], []
    for part in faces:
        majority = part.store.majority[part.rows]
        if (majority >= 0).any():
            logits.append(part.logits["emotion"][majority >= 0])
            labels.append(majority[majority >= 0])
            titles.append(f"{part.title} validation")
    temperature = fit_temperature(np.concatenate(logits), np.concatenate(labels))
    return EmotionCalibration(temperature=temperature, fitted_on=" and ".join(titles))


def _scaling(
    head: str, recipe: Recipe, faces: Sequence[HeldOut]
) -> dict[str, ActionUnitCalibration]:
    """Of each label of a head of units; one with too few positives keeps its logits."""
    fitted = {}
    for column, unit in enumerate(recipe.labels(head)):
        logits, truth, where = coded_faces(head, column, faces)
        if min(truth.sum(), (~truth).sum()) < LEAST_POSITIVES:
            few = f"nothing: {where} has {truth.sum()} faces that show it of {len(truth)}"
            fitted[unit] = ActionUnitCalibration(scale=1.0, bias=0.0, fitted_on=few)
        else:
            fitted[unit] = fit_unit(unit, logits, truth, where)
    return fitted


def _visibility(faces: Sequence[HeldOut]) -> dict[str, VisibilityCalibration]:
    """The bias of each region with which 0 decides about "hidden" with the best expected F1."""
    fitted = {}
    for column, region in enumerate(REGIONS):
        logits, visible, where = coded_faces("visibility", column, faces)
        if min(visible.sum(), (~visible).sum()) < LEAST_POSITIVES:
            few = f"nothing: {where} has {(~visible).sum()} faces that hide it of {len(visible)}"
            fitted[region] = VisibilityCalibration(bias=0.0, fitted_on=few)
            continue
        hidden = fit_unit(region, -logits, ~visible, where)
        fitted[region] = VisibilityCalibration(bias=-hidden.bias / hidden.scale, fitted_on=where)
    return fitted
