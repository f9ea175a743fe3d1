"""Data that only judge: they leave no trace in what ships, and its figures say so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from distill.config import ConfigError, QuantizationConfig, Recipe, load_recipe
from distill.evaluation.calibrate import calibrate
from distill.evaluation.evaluate import evaluate
from distill.prepare import prepare
from distill.training.action_units import train_action_units
from distill.training.pretrain import train
from distill.training.qat import quantize
from exporters.bundle.draft import training_data
from mf2_edge.bundle.schema import ActionUnitCalibration, CalibrationSpec
from tests.helpers.tiny_training import RECIPE, tiny_recipe, write_blendshapes

replace = msgspec.structs.replace
JUDGES = ("rafdb", "ckplus")
ROUNDING = QuantizationConfig(
    steps=2, lr=1e-3, weight_decay=0.0, warmup=1, free_ranges=0.5, checkpoint_every=1
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """FER+ alone teaches; as mf2-edge-open, with a narrow network."""
    tiny = tiny_recipe(tmp_path_factory.mktemp("judges"))
    tiny = replace(tiny, action_units=tuple(tiny.pseudo_labels.rules))
    prepare(tiny, workers=1)
    write_blendshapes(tiny, "ferplus")
    data = {
        name: replace(one, eval_only=name in JUDGES, validation=0.1 if name == "rafdb" else 0)
        for name, one in tiny.data.items()
    }
    codes = replace(
        tiny.action_unit_training,
        folds=1,
        steps=0,
        fresh_branch=False,
        headline=(),
        replay={"ferplus": 4},
    )
    return replace(
        tiny,
        data=data,
        network=replace(tiny.network, activation="relu", width=0.25, frozen=()),
        pseudo_labels=replace(tiny.pseudo_labels, datasets=("ferplus",)),
        train=replace(tiny.train, batch={"ferplus": 4, "rafdb": 0}),
        action_unit_training=codes,
        settling=None,
        quantization=ROUNDING,
    )


@pytest.fixture(autouse=True)
def any_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of steps on random labels may rank them the wrong way round: sum up the rest."""

    def summed(
        unit: str, logits: NDArray[np.float32], truth: NDArray[np.bool_], fitted_on: str
    ) -> ActionUnitCalibration:
        scale, bias = 1 + float(np.abs(logits).sum()), float(truth.sum()) + len(unit)
        return ActionUnitCalibration(scale=scale, bias=bias, fitted_on=fitted_on)

    monkeypatch.setattr("distill.evaluation.calibrate.fit_action_unit", summed)


def finished(recipe: Recipe) -> tuple[dict[str, torch.Tensor], CalibrationSpec]:
    """The weights that ship, and the calibration, after all phases."""
    train(recipe)
    train_action_units(recipe)
    assert recipe.quantization is not None
    quantize(recipe, recipe.quantization)
    calibration = msgspec.json.decode(calibrate(recipe).read_bytes(), type=CalibrationSpec)
    content = torch.load(recipe.run_folder / "int8" / "network.pt", weights_only=True)
    weights: dict[str, torch.Tensor] = content["network"]
    return weights, calibration


def test_what_ships_is_the_same_whatever_the_judges_hold(recipe: Recipe) -> None:
    weights, calibration = finished(recipe)
    rng = np.random.default_rng(3)
    for name in JUDGES:
        folder = recipe.cache_folder / name
        images = np.load(folder / "images.npy")
        np.save(folder / "images.npy", rng.integers(0, 256, images.shape, dtype=np.uint8))
        with np.load(folder / "labels.npz") as kept:
            labels = {key: np.roll(kept[key], 1, axis=0) for key in kept}
        np.savez(folder / "labels.npz", **labels)
    others, again = finished(replace(recipe, name="others"))
    torch.testing.assert_close(others, weights, rtol=0, atol=0)
    assert again == calibration


def test_calibration_and_figures_say_what_they_rest_on(recipe: Recipe) -> None:
    _, calibration = finished(recipe)
    assert calibration.emotion.fitted_on == "FER+ validation"
    assert {unit.fitted_on for unit in calibration.action_units.values()} == {
        "FER+ validation, MediaPipe pseudo-labels"
    }
    found = evaluate(recipe)
    assert {spec.split for spec in found if spec.dataset == "CK+"} == {
        "all subjects, none seen in training"
    }
    assert any(spec.dataset.startswith("RAF-DB") for spec in found)
    assert [terms.name for terms in training_data(recipe)] == ["FER+"]


@pytest.mark.parametrize("phase", ["train", "action_unit_training", "pseudo_labels"])
def test_a_recipe_that_learns_from_a_judge_is_refused(recipe: Recipe, phase: str) -> None:
    taught = {
        "train": {"train": replace(recipe.train, batch={"rafdb": 1, "ferplus": 4})},
        "action_unit_training": {
            "action_unit_training": replace(recipe.action_unit_training, steps=1)
        },
        "pseudo_labels": {"pseudo_labels": replace(recipe.pseudo_labels, datasets=("rafdb",))},
    }[phase]
    with pytest.raises(ValueError, match=r"data\.(rafdb|ckplus) says eval_only"):
        replace(recipe, **taught)  # type: ignore[arg-type]


def test_another_recipe_s_cache_is_refused(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"has labels of 6 Action Units.*has 2: give it another"):
        train(replace(recipe, action_units=recipe.action_units[:2], name="fewer"))


def test_the_open_recipe_learns_from_no_research_only_data() -> None:
    recipe = load_recipe(Path(RECIPE).with_name("mf2-edge-open.toml"))
    assert not any("research only" in terms.terms for terms in training_data(recipe))
