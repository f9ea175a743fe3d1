"""Calibrate: temperature, and per-AU Platt scaling about the decision, on validation data alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from distill.config import Recipe
from distill.evaluation.metrics.scores import best_threshold
from distill.faces.batches import Source
from distill.faces.pseudo import pseudo_labels
from distill.faces.store import load_store
from distill.training.pretrain import predict, wild_sources
from distill.training.trained import load_folds, load_trained, shipped_precisions
from mf2_edge.bundle.schema import ActionUnitCalibration, CalibrationSpec, EmotionCalibration
from mf2_edge.io.atomic import replacing

LEAST_POSITIVES = 5
"""Fewer human-coded positives than this do not place a decision."""


def calibrate(recipe: Recipe) -> Path:
    """Write `calibration.json` (a CalibrationSpec), fitted to the network as it ships.

    One for all formats: if the network ships in integers, it is fitted to these.
    """
    sources = [
        source
        for source in wild_sources(recipe)
        if len(source.store.labelled("valid")) and not recipe.data[source.name].eval_only
    ]
    network = load_trained(recipe, shipped_precisions(recipe)[-1])
    logits = {
        source.name: predict(network, recipe, source, source.store.labelled("valid"))
        for source in sources
    }
    calibration = CalibrationSpec(
        emotion=_emotion(recipe, sources, {name: pair[0] for name, pair in logits.items()}),
        action_units=_action_units(recipe, {name: pair[1] for name, pair in logits.items()}),
    )
    path = recipe.run_folder / "calibration.json"
    with replacing(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(calibration), indent=2))
    return path


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


def decisive_bias(logits: NDArray[np.float32], scale: float, bias: float) -> float:
    """The bias with which a score of 0.5 stands where the best decision, by expected F1, lies."""
    threshold = best_threshold(scaled_scores(logits, scale, bias))
    return bias - float(np.log(threshold) - np.log1p(-threshold))


def is_present(fitted: ActionUnitCalibration, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The decisions, [n], that the calibration makes of a unit's logits, [n]."""
    return scaled_scores(logits, fitted.scale, fitted.bias) >= 0.5


def scaled_scores(logits: NDArray[np.float32], scale: float, bias: float) -> NDArray[np.float64]:
    """Scores 0..1, [n], that scale and bias make of a unit's logits, [n]."""
    return 1 / (1 + np.exp(-(scale * logits.astype(np.float64) + bias)))


def _emotion(
    recipe: Recipe, sources: list[Source], logits: dict[str, NDArray[np.float32]]
) -> EmotionCalibration:
    labels = {
        source.name: source.store.majority[source.store.labelled("valid")] for source in sources
    }
    return EmotionCalibration(
        temperature=fit_temperature(
            np.concatenate([logits[name] for name in logits]),
            np.concatenate([labels[name] for name in logits]),
        ),
        fitted_on=" and ".join(f"{recipe.data[name].title} validation" for name in logits),
    )


def _action_units(
    recipe: Recipe, wild_logits: dict[str, NDArray[np.float32]]
) -> dict[str, ActionUnitCalibration]:
    """Human codes where they teach and have enough positives, else pseudo-labels of validation."""
    settings = recipe.action_unit_training
    folds = load_folds(recipe, shipped_precisions(recipe)[-1])
    human = f"{recipe.data[settings.dataset].title}, out-of-fold logits, {settings.folds} folds"
    pseudo_set = recipe.pseudo_labels.datasets[0]
    pseudo = _pseudo_validation(recipe, pseudo_set)
    fitted = {}
    for column, unit in enumerate(recipe.action_units):
        truth = folds.labels[:, column] == 1
        if recipe.learns_codes and truth.sum() >= LEAST_POSITIVES:
            fitted[unit] = fit_action_unit(unit, folds.logits[:, column], truth, human)
        else:
            known = ~np.isnan(pseudo[:, column])
            fitted[unit] = fit_action_unit(
                unit,
                wild_logits[pseudo_set][known, column],
                pseudo[known, column] == 1,
                f"{recipe.data[pseudo_set].title} validation, MediaPipe pseudo-labels",
            )
    return fitted


def _pseudo_validation(recipe: Recipe, name: str) -> NDArray[np.float32]:
    folder = recipe.cache_folder / name
    rows = load_store(folder).labelled("valid")
    return pseudo_labels(folder, recipe.pseudo_labels.rules, recipe.action_units)[rows]
