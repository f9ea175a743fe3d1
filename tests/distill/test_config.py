"""Recipes: those that ship are valid, mistakes are named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from distill.config import ConfigError, load_recipe
from tests.helpers.tiny_training import RECIPE, write_recipe

replace = msgspec.structs.replace


def test_the_shipped_recipes_are_valid_and_a_typo_is_named(tmp_path: Path) -> None:
    for path in RECIPE.parent.glob("mf2*.toml"):
        assert load_recipe(path).emotions[0] == "neutral"
    typo = tmp_path / "typo.toml"
    typo.write_text(RECIPE.read_text().replace("dropout", "dropuot"))
    with pytest.raises(ConfigError, match="dropuot"):
        load_recipe(typo)
    with pytest.raises(ConfigError, match=r"distill/configs"):
        load_recipe(tmp_path / "missing.toml")


def test_parts_of_a_recipe_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    write_recipe(load_recipe(RECIPE), path)
    content = msgspec.toml.decode(path.read_bytes())
    for change, message in (
        ({"teacher": "mf2-edge-s"}, "go together"),
        ({"folds": {"dataset": "disfa", "count": 3}}, "no data.disfa"),
    ):
        path.write_bytes(msgspec.toml.encode(content | change))
        with pytest.raises(ConfigError, match=message):
            load_recipe(path)


def test_values_on_the_command_line_take_the_place_of_the_recipe_s() -> None:
    changed = (
        "train.lr=1e-4",
        "train.batch.wild = 7",
        "network.frozen=[]",
        "network.backbone=vit_b_16",
        "name='mine'",
        "train.lr=2e-4",
    )
    recipe, shipped = load_recipe(RECIPE, changed), load_recipe(RECIPE)
    assert (recipe.train.lr, recipe.name, recipe.network.frozen) == (2e-4, "mine", ())
    assert recipe.network.backbone == "vit_b_16"
    assert recipe.train.batch == shipped.train.batch | {"wild": 7}
    assert recipe.data == shipped.data


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.lr", "--set 'train.lr': expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("name.x=1", "name is no table"),
        ("train.learning=1e-4", r"unknown field `learning` - at `\$.train`"),
        ("train.lr=fast", r"Expected `float`, got `str` - at `\$.train.lr`"),
    ],
)
def test_a_mistake_in_an_override_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(RECIPE, [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.batch={wild=0, rafdb=0, ferplus=0, ckplus=0}",
            r"needs a face of some data set - at `\$\.train`",
        ),
        ("train.micro_batch=0", "micro_batch is 0: expected 1 or more"),
        ("train.checkpoint_every=-1", "expected steps; 0 for never"),
        ("train.layer_decay=0", "layer_decay is 0"),
        ("train.drop_path=1", "drop_path is 1"),
        ("train.clip_grad=0", "clip_grad is 0"),
        ("folds.count=1", r"expected 2 folds or more - at `\$\.folds`"),
    ],
)
def test_what_no_training_can_be_made_of_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(RECIPE, [override])
