"""MF² over another backbone: trained, resumed by none of another kind, read by a DFN."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.adapting.hidden import hidden_states
from distill.config import ConfigError
from distill.prepare import prepare
from distill.training.checkpoint import load_network
from distill.training.init import start_network
from distill.training.loop import train
from tests.helpers.tiny_training import tiny_recipe

pytestmark = pytest.mark.slow

LITE = "efficientnet_lite0"
STAGES = (40, 112, 1280, 1280)
"""Channels of each stage."""


def test_another_backbone_trains_and_feeds_a_dfn(tmp_path: Path) -> None:
    tiny = tiny_recipe(tmp_path)
    replace = msgspec.structs.replace
    network = replace(
        tiny.network, architecture="mf2", token_width=16, backbone=LITE, weights="imagenet"
    )
    recipe = replace(
        tiny,
        network=network,
        train=replace(tiny.train, steps=2, precision="bf16"),
    )
    prepare(recipe, workers=1)
    torch.manual_seed(recipe.training_seed)
    start = start_network(recipe).state_dict()
    after = load_network(train(recipe)).network.state_dict()
    frozen = tuple(f"trunk.{stage}." for stage in recipe.network.frozen)
    moved = {name for name, value in start.items() if not torch.equal(value, after[name])}
    assert not any(name.startswith(frozen) for name in moved)
    learned = (
        "trunk.stage3.",
        "emotion.stage4.",
        "action_units.stage4.",
        "attention.",
        "relation.",
    )
    assert all(any(name.startswith(part) for name in moved) for part in learned)

    faces = tmp_path / "faces.npy"
    rng = np.random.default_rng(0)
    np.save(faces, rng.integers(0, 256, (2, 128, 128, 3)).astype(np.uint8))
    states = hidden_states(
        recipe.run_folder / "network.pt",
        faces,
        np.arange(2),
        tmp_path / "hidden",
        views=1,
        seed=0,
        workers=1,
    )
    assert states.layout.stages == STAGES
    assert states.values.shape == (2, 2, sum(STAGES) + 21 * 16)
    assert np.isfinite(states.values).all()

    other = replace(
        recipe.network,
        backbone="mobilefacenet",
        weights=None,
        init_from=str(recipe.run_folder / "network.pt"),
    )
    with pytest.raises(ConfigError, match="has the backbone efficientnet_lite0"):
        start_network(replace(recipe, network=other))
