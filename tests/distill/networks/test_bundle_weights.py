"""Weights of an exported bundle as the start of a training."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import ConfigError, load_recipe
from distill.training.init import start_network
from mf2_edge import FaceStateAnalyzer
from tests.helpers.tiny_training import RECIPE

replace = msgspec.structs.replace


@pytest.mark.parametrize(
    ("name", "tolerance"), [("mf2-edge-base", 1e-3), ("mf2-edge-m", 0.5), ("mf2-edge-s", 0.8)]
)
def test_the_network_starts_with_the_outputs_of_the_bundle(name: str, tolerance: float) -> None:
    """To a rounding in floats; integers round activations too, dequantized weights do not."""
    recipe = load_recipe(RECIPE.with_name(f"{name}.toml"))
    analyzer = FaceStateAnalyzer(name, runtime="litert")
    manifest = analyzer.bundle.manifest
    network = start_network(recipe).eval()
    faces = np.random.default_rng(0).integers(0, 256, (4, 14, 14, 3)).astype(np.uint8)
    faces = faces.repeat(8, axis=1).repeat(8, axis=2)
    spec = recipe.preprocessing
    mean, std = (np.array(values, dtype=np.float32) for values in (spec.mean, spec.std))
    with torch.no_grad():
        x = torch.from_numpy((faces - mean) / std).permute(0, 3, 1, 2)
        ours = [values.numpy() for values in network(x)]
    theirs = [analyzer.runtime.run(analyzer.preprocess(face)) for face in faces]
    for place, head in enumerate(("emotion", "action_units")):
        spec_of = manifest.head(head)  # type: ignore[arg-type]
        expected = np.concatenate([outputs[spec_of.output] for outputs in theirs])
        columns = [recipe.labels(head).index(label) for label in spec_of.labels]
        assert np.abs(ours[place][:, columns] - expected).max() < tolerance * np.abs(expected).max()


def test_labels_that_the_bundle_lacks_start_anew() -> None:
    recipe = load_recipe(RECIPE)
    known = FaceStateAnalyzer("mf2-edge-base").bundle.manifest.head("action_units").labels
    new = [place for place, unit in enumerate(recipe.action_units) if unit not in known]
    assert len(new) == len(recipe.action_units) - len(known)
    weight = start_network(recipe).action_units.head.weight
    for place in new:
        assert weight[place].abs().max() < 0.1  # as `linear_head` draws it


def test_another_network_is_refused_by_name() -> None:
    recipe = load_recipe(RECIPE)
    network = replace(recipe.network, width=0.5)
    with pytest.raises(ConfigError, match=r"mf2-edge-base is not the network of .*drop_blocks"):
        start_network(replace(recipe, network=network))


def test_no_such_bundle(tmp_path: Path) -> None:
    recipe = load_recipe(RECIPE)
    network = replace(recipe.network, init_from=f"bundle:{tmp_path}")
    with pytest.raises(Exception, match=r"manifest\.json"):
        start_network(replace(recipe, network=network))
