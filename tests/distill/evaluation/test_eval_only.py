"""Data for evaluation alone: nothing of them is in what ships, and its figures say so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import ConfigError, Recipe, load_recipe
from distill.evaluation.calibrate import calibrate
from distill.evaluation.protocols.recipe import evaluate
from distill.networks.architectures import build_network
from distill.prepare import prepare
from distill.training.checkpoint import Checkpoint, load_network
from distill.training.loop import train
from tests.helpers.tiny_training import RECIPE, tiny_recipe

pytestmark = pytest.mark.slow

replace = msgspec.structs.replace
EVALUATED = ("rafdb", "ckplus")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """FER+ and coded faces alone are trained on, as in mf2-edge-open."""
    tiny = tiny_recipe(tmp_path_factory.mktemp("eval_only"))
    prepare(tiny, workers=1)
    data = {name: replace(one, eval_only=name in EVALUATED) for name, one in tiny.data.items()}
    batch = {"wild": 4, "ferplus": 4, "rafdb": 0, "ckplus": 0}
    return replace(tiny, data=data, train=replace(tiny.train, batch=batch))


def finished(recipe: Recipe) -> tuple[dict[str, torch.Tensor], bytes]:
    """The weights that ship, and the calibration."""
    network = load_network(train(recipe)).network
    return network.state_dict(), calibrate(recipe).read_bytes()


def test_what_ships_is_the_same_whatever_the_evaluated_sets_hold(recipe: Recipe) -> None:
    weights, calibration = finished(recipe)
    rng = np.random.default_rng(3)
    for name in EVALUATED:
        folder = recipe.cache_folder / name
        images = np.load(folder / "images.npy")
        np.save(folder / "images.npy", rng.integers(0, 256, images.shape, dtype=np.uint8))
        with np.load(folder / "labels.npz") as kept:
            labels = {key: np.roll(kept[key], 1, axis=0) for key in kept}
        np.savez(folder / "labels.npz", **labels)
    others, again = finished(replace(recipe, name="others"))
    torch.testing.assert_close(others, weights, rtol=0, atol=0)
    assert again == calibration


def test_figures_say_what_they_rest_on(recipe: Recipe) -> None:
    finished(recipe)
    found = evaluate(recipe)
    coded = [spec for spec in found if spec.dataset == "CK+"]
    assert {spec.n for spec in coded} == {40}
    assert all("2 of 2 folds" in spec.split for spec in coded)
    assert any(spec.dataset.startswith("RAF-DB") for spec in found)
    checkpoint = load_network(recipe.run_folder / "network.pt")
    assert [terms.name for terms in checkpoint.data_terms] == ["MFA-wild", "FER+"]


def test_a_recipe_that_trains_on_them_is_refused(recipe: Recipe) -> None:
    batch = {"rafdb": 1, "ferplus": 4}
    with pytest.raises(ValueError, match=r"data\.rafdb says eval_only"):
        replace(recipe, train=replace(recipe.train, batch=batch))


def test_another_recipe_s_cache_is_refused(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"has labels of 21 Action Units.*has 2: give it another"):
        train(replace(recipe, action_units=recipe.action_units[:2], name="fewer"))


def test_the_open_recipe_learns_from_no_research_only_data() -> None:
    recipe = load_recipe(Path(RECIPE).with_name("mf2-edge-open.toml"))
    network = Checkpoint(build_network(recipe), recipe, "trained")
    assert len(network.data_terms) == 2
    assert not any("research only" in terms.terms for terms in network.data_terms)
