"""Units on coded faces: cut at one half without a calibration, and where it says for one."""

from __future__ import annotations

import numpy as np
import pytest

from distill.config import load_recipe
from distill.evaluation.calibrate import HeldOut
from distill.evaluation.protocols.recipe import coded_accuracy
from distill.faces.store import FaceStore
from mf2_edge.bundle.schema import ActionUnitCalibration, CalibrationSpec, EmotionCalibration
from tests.helpers.tiny_training import RECIPE

N = 20


def held_out() -> HeldOut:
    """Faces coded twice; AU1 has a logit of 1 where it is present, and of 0.5 where it is not."""
    recipe = load_recipe(RECIPE)
    shown = np.arange(N) % 2 == 0
    units = np.full((N, len(recipe.action_units)), np.nan, dtype=np.float32)
    units[:, 0] = shown
    logits = np.zeros_like(units)
    logits[:, 0] = np.where(shown, 1.0, 0.5)
    blank = np.zeros(N, dtype=np.int64)
    store = FaceStore(
        images=np.zeros((N, 2, 2, 3), dtype=np.uint8),
        names=blank.astype(str),
        splits=np.full(N, "valid"),
        subjects=np.full(N, ""),
        aligned=blank.astype(bool),
        votes=np.full((N, len(recipe.emotions)), np.nan, dtype=np.float32),
        majority=blank - 1,
        action_units=units,
        strength=units,
        visibility=np.ones((N, 5), dtype=np.float32),
        coders=blank + 2,
    )
    return HeldOut("coded", store, np.arange(N), {"action_units": logits})


@pytest.mark.parametrize(
    ("calibrated", "f1", "words"), [(False, 2 / 3, "cut at one half"), (True, 1.0, "calibrated")]
)
def test_units_are_cut_at_one_half_or_as_calibrated(
    calibrated: bool, f1: float, words: str
) -> None:
    recipe = load_recipe(RECIPE)
    scaling = {"AU1": ActionUnitCalibration(scale=1.0, bias=-0.75, fitted_on="none")}
    calibration = CalibrationSpec(
        emotion=EmotionCalibration(temperature=1.0, fitted_on="none"), action_units=scaling
    )
    given = calibration if calibrated else None
    mean, *_ = coded_accuracy(held_out(), recipe, given, "wild", "validation")
    assert mean.value == pytest.approx(f1, abs=1e-3)
    assert words in mean.protocol
    assert mean.n == N
    assert "coded twice" in mean.split
