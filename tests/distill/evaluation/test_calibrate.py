"""Calibration: what it recovers, what it folds into the bias, what it refuses to fit."""

from __future__ import annotations

import numpy as np
import pytest

from distill.evaluation.calibrate import (
    HeldOut,
    coded_faces,
    fit_action_unit,
    fit_temperature,
    fit_unit,
    is_present,
    scaled_scores,
)
from distill.evaluation.metrics.scores import f1
from distill.faces.store import FaceStore

NAN = np.nan


def test_temperature_is_recovered() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 5))
    odds = np.exp(logits)
    labels = np.array([rng.choice(5, p=row / row.sum()) for row in odds])
    boastful = (2.5 * logits).astype(np.float32)
    assert fit_temperature(boastful, labels) == pytest.approx(2.5, rel=0.1)


def test_half_decides_where_f1_is_best() -> None:
    """Of a rare unit: at the probability of 0.5 itself, recall would be far lower."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 5000).astype(np.float32)
    odds = scaled_scores(logits, 1.5, -4)
    truth = rng.random(5000) < odds
    fitted = fit_action_unit("AU1", logits, truth, "here")
    assert fitted.scale == pytest.approx(1.5, rel=0.15)
    found = f1(is_present(fitted, logits), truth)
    best = max(f1(odds >= t, truth) for t in np.linspace(0.05, 0.95, 91))
    assert found == pytest.approx(best, abs=0.02)
    assert found > f1(odds >= 0.5, truth) + 0.03


def test_a_unit_ranked_no_better_than_chance_says_so() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 500).astype(np.float32)
    truth = logits < 0
    with pytest.raises(ValueError, match="AU1 cannot be calibrated"):
        fit_action_unit("AU1", logits, truth, "here")
    fitted = fit_unit("AU1", logits, truth, "here")
    assert fitted.scale == 1
    assert "no better than chance" in fitted.fitted_on


def part(labels: list[float], coders: list[int]) -> HeldOut:
    """Held-out faces of one unit; each face's logit is its row."""
    count = len(labels)
    units = np.array(labels, dtype=np.float32)[:, None]
    store = FaceStore(
        images=np.zeros((count, 1, 1, 3), np.uint8),
        names=np.arange(count).astype(str),
        splits=np.full(count, "valid"),
        subjects=np.full(count, ""),
        aligned=np.ones(count, bool),
        votes=np.full((count, 8), NAN, np.float32),
        majority=np.full(count, -1),
        action_units=units,
        strength=units,
        visibility=np.full((count, 5), NAN, np.float32),
        coders=np.array(coders),
    )
    rows = np.arange(count)
    return HeldOut("toy", store, rows, {"action_units": rows.astype(np.float32)[:, None]})


def test_unknown_and_undecided_faces_fit_nothing_and_twice_coded_ones_come_first() -> None:
    labels = [1, 1, 0, NAN, 0.5, 0.75] + [1] * 5 + [0] * 5
    few = part(labels, [1] * 16)
    logits, truth, where = coded_faces("action_units", 0, [few])
    assert logits.tolist() == [0, 1, 2, 5, *range(6, 16)]
    assert truth.tolist() == [True, True, False, True, *[True] * 5, *[False] * 5]
    assert where == "toy validation"
    surer = part(labels, [1] * 6 + [2] * 10)
    logits, truth, where = coded_faces("action_units", 0, [surer])
    assert logits.tolist() == list(range(6, 16))
    assert where == "toy validation, coded twice"
    assert truth.sum() == 5


def test_nothing_known_is_said() -> None:
    logits, truth, where = coded_faces("action_units", 0, [part([NAN, 0.5], [1, 2])])
    assert (len(logits), len(truth), where) == (0, 0, "no held-out face")
