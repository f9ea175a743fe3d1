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
