"""Phase 4: rounding simulated in training, resumed after a kill, converted to real integers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import ConfigError, QuantizationConfig, Recipe
from distill.evaluation.evaluate import evaluate
from distill.networks.fake_quantized import convert, freeze_ranges, prepare
from distill.prepare import prepare as prepare_faces
from distill.training.action_units import train_action_units
from distill.training.checkpoint import CheckpointError
from distill.training.pretrain import train
from distill.training.qat import quantize
from distill.training.trained import load_folds, load_trained, shipped_precisions
from tests.helpers.exported import lively_network
from tests.helpers.tiny_training import tiny_recipe, write_blendshapes, write_recipe

SETTINGS = QuantizationConfig(
    steps=4, lr=1e-3, weight_decay=0.0, warmup=1, free_ranges=0.5, checkpoint_every=1
)
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A narrow network of ReLU, trained through phases 1 and 2 in miniature."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("quantize"))
    prepare_faces(recipe, workers=1)
    write_blendshapes(recipe)
    network = replace(recipe.network, activation="relu", width=0.25, frozen=())
    coded = replace(recipe.action_unit_training, fresh_branch=False)
    recipe = replace(
        recipe,
        network=network,
        train=replace(recipe.train, precision="bf16"),  # phase 4 is of float32 nonetheless
        action_unit_training=coded,
        quantization=SETTINGS,
    )
    train(recipe)
    train_action_units(recipe)
    return recipe


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def small(recipe: Recipe) -> Recipe:
    return replace(recipe, network=replace(recipe.network, dropout=0.0))


def test_a_fresh_branch_has_slopes_that_nothing_would_fade(recipe: Recipe) -> None:
    coded = replace(recipe.action_unit_training, fresh_branch=True)
    with pytest.raises(ConfigError, match="fresh_branch = false"):
        train_action_units(replace(recipe, action_unit_training=coded))


def test_simulated_rounding_is_what_the_integers_do(recipe: Recipe) -> None:
    network = lively_network(small(recipe), 0)
    simulated = prepare(network, (2, 3, 112, 112))
    faces = torch.randn(16, 3, 112, 112)
    with torch.no_grad():
        simulated.eval()
        simulated(faces)
        freeze_ranges(simulated)
        expected, floats = simulated(faces), network(faces)
        made = convert(simulated)(faces)
    for integer, rounded, smooth in zip(made, expected, floats, strict=True):
        assert correlation(integer, rounded) > 0.9  # random weights carry every rounding on
        assert 0.9 < correlation(rounded, smooth) < 0.99999


def test_every_weight_becomes_an_integer(recipe: Recipe) -> None:
    quantize(recipe, SETTINGS)
    import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401  (registers what the file holds)

    program = torch.export.load(recipe.run_folder / "int8" / "all.pt2")
    weights = [value for value in program.state_dict.values() if value.ndim > 1]
    assert len(weights) > 40
    assert {weight.dtype for weight in weights} == {torch.int8}
    for node in program.graph.nodes:
        if "pad" in str(node.target):  # the padding of a convolution: one range before and after
            [reader] = node.users
            if node.args[0].op == "placeholder":
                continue
            assert reader.args[1:] == node.args[0].args[1:]
    names = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    layers = sum("conv2d" in name or "linear" in name for name in names)
    assert sum("dequantize_per_channel" in name for name in names) >= layers


def test_folds_of_integers_are_out_of_fold(recipe: Recipe) -> None:
    quantize(recipe, SETTINGS)
    with (
        np.load(recipe.run_folder / "int8.npz") as integers,
        np.load(recipe.run_folder / "folds.npz") as floats,
    ):
        assert (integers["fold"] == floats["fold"]).all()
        assert np.isfinite(integers["logits"]).all()
        assert np.isfinite(integers["float_logits"]).all()
        assert (integers["float_logits"] != integers["logits"]).any()
        for number in np.unique(integers["fold"]):
            own = torch.load(recipe.run_folder / "int8" / f"{number}.pt", weights_only=True)
            rows = integers["fold"] == number
            assert (integers["logits"][rows] == own["logits"]["logits"].numpy()[rows]).all()


def test_phase_four_killed_and_resumed_ends_the_same(recipe: Recipe, tmp_path: Path) -> None:
    quantize(recipe, SETTINGS)
    expected = torch.load(recipe.run_folder / "int8" / "0.pt", weights_only=True)["logits"]
    killed = replace(recipe, name="killed")
    shutil.copytree(recipe.run_folder, killed.run_folder, ignore=shutil.ignore_patterns("int8*"))
    write_recipe(killed, tmp_path / "recipe.toml")
    command = [sys.executable, "-m", "distill", "quantize", "--config"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "recipe.toml")], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    checkpoint = killed.run_folder / "int8" / "0-last.pt"
    while not checkpoint.is_file() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    quantize(killed, SETTINGS)
    found = torch.load(killed.run_folder / "int8" / "0.pt", weights_only=True)["logits"]
    assert set(expected) == {"logits", "float_logits"}
    torch.testing.assert_close(expected, found, rtol=0, atol=0)


def test_the_floats_of_integers_are_the_weights_that_they_round(recipe: Recipe) -> None:
    quantize(recipe, SETTINGS)
    before = load_trained(replace(recipe, quantization=None), "fp32")
    floats, integers = load_trained(recipe, "fp32"), load_trained(recipe, "int8")
    assert not torch.equal(next(before.parameters()), next(floats.parameters()))
    kept = integers.state_dict()
    scale = kept["_scale_0"]  # of the first layer's channels
    weight = next(floats.parameters())
    rounded = torch.round(weight / scale[:, None, None, None]).clamp(-127, 127).to(torch.int8)
    assert torch.equal(rounded, kept["_frozen_param0"])


def test_figures_of_both_numbers_by_thresholds_of_the_integers(recipe: Recipe) -> None:
    quantize(recipe, SETTINGS)
    path = recipe.run_folder / "int8.npz"
    with np.load(path) as kept:
        truth = 9.0 * (kept["labels"] == 1)
        logits = {"logits": truth.astype(np.float32), "float_logits": truth.astype(np.float32) - 9}
        np.savez(path, **(dict(kept) | logits))
    assert (load_folds(recipe, "int8").logits == truth).all()
    results = evaluate(recipe)
    assert shipped_precisions(recipe) == ("fp32", "int8")
    floats = [each for each in results if each.precision == "fp32"]
    integers = [each for each in results if each.precision == "int8"]
    assert [each.dataset for each in floats] == [each.dataset for each in integers]
    assert integers[0].metric == "mean F1"
    assert integers[0].value == 1
    assert floats[0].value == 0  # ranked as well, but below the thresholds that ship


def test_a_network_of_prelu_has_no_integer_form(recipe: Recipe) -> None:
    sloping = replace(recipe, name="sloping", network=replace(recipe.network, activation="prelu"))
    train(sloping)
    train_action_units(sloping)
    with pytest.raises(CheckpointError, match="PReLU"):
        quantize(sloping, SETTINGS)
