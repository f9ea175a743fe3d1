"""Quantization: ranges, training with simulated rounding, resumed after a kill, real integers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
import torch

from distill.config import Recipe
from distill.evaluation.calibrate import calibrate
from distill.evaluation.protocols.recipe import evaluate
from distill.faces.store import load_store
from distill.networks.fake_quantized import convert, freeze_ranges, prepare
from distill.prepare import prepare as prepare_faces
from distill.train_config import QatConfig
from distill.training.checkpoint import CheckpointError, load_network
from distill.training.loop import train
from distill.training.qat import quantize
from distill.training.sources.validation import predict
from distill.training.trained import load_trained, shipped_precisions
from tests.helpers.exported import lively_network
from tests.helpers.tiny_training import tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

SETTINGS = QatConfig(steps=4, lr=1e-3, warmup=1, free_ranges=0.5, checkpoint_every=1)
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A narrow network of ReLU, trained in miniature."""
    recipe = tiny_recipe(tmp_path_factory.mktemp("quantize"))
    prepare_faces(recipe, workers=1)
    network = replace(recipe.network, activation="relu", width=0.25, frozen=())
    recipe = replace(
        recipe,
        network=network,
        train=replace(recipe.train, precision="bf16"),  # QAT is in float32 nonetheless
        qat=SETTINGS,
    )
    train(recipe)
    return recipe


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


def test_simulated_rounding_is_what_the_integers_do(recipe: Recipe) -> None:
    quiet = replace(recipe, network=replace(recipe.network, dropout=0.0, embeddings=False))
    network = lively_network(quiet, 0)
    simulated = prepare(network, (2, 3, 112, 112))
    faces = torch.randn(16, 3, 112, 112)
    with torch.no_grad():
        simulated.eval()
        simulated(faces)
        freeze_ranges(simulated)
        expected, floats = simulated(faces), network(faces)
        made = convert(simulated)(faces)
    assert len(made) == len(floats) == len(recipe.heads)
    for integer, rounded, smooth in zip(made, expected, floats, strict=True):
        assert correlation(integer, rounded) > 0.9  # random weights carry every rounding on
        assert 0.9 < correlation(rounded, smooth) < 0.99999


def test_every_weight_becomes_an_integer(recipe: Recipe) -> None:
    path = quantize(recipe, SETTINGS)
    import torchao.quantization.pt2e.quantize_pt2e  # noqa: F401  (registers what the file holds)

    program = torch.export.load(path)
    weights = [value for value in program.state_dict.values() if value.ndim > 1]
    assert len(weights) > 30
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


def test_no_steps_calibrate_the_ranges_and_leave_the_weights(recipe: Recipe) -> None:
    ranges = replace(recipe, name="ranges", qat=replace(SETTINGS, steps=0))
    shutil.copytree(recipe.run_folder, ranges.run_folder, ignore=shutil.ignore_patterns("int8*"))
    assert ranges.qat is not None
    quantize(ranges, ranges.qat)
    before = load_network(ranges.run_folder / "network.pt").network.state_dict()
    after = load_network(ranges.run_folder / "int8" / "network.pt").network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    store = load_store(ranges.cache_folder / "rafdb")
    rows = store.rows("train")
    floats, integers = (
        predict(load_trained(ranges, precision), ranges, store, rows)["emotion"]
        for precision in ("fp32", "int8")
    )
    assert correlation(torch.from_numpy(floats), torch.from_numpy(integers)) > 0.95
    assert (floats != integers).any()


def test_qat_killed_and_resumed_ends_the_same(recipe: Recipe, tmp_path: Path) -> None:
    quantize(recipe, SETTINGS)
    killed = replace(recipe, name="killed")
    shutil.copytree(recipe.run_folder, killed.run_folder, ignore=shutil.ignore_patterns("int8*"))
    write_recipe(killed, tmp_path / "recipe.toml")
    command = [sys.executable, "-m", "distill", "quantize", "--config"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "recipe.toml")], env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    checkpoint = killed.run_folder / "int8" / "last.pt"
    while not checkpoint.is_file() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    quantize(killed, SETTINGS)
    expected, found = (load_trained(r, "fp32").state_dict() for r in (recipe, killed))
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_the_floats_of_integers_are_the_weights_that_they_round(recipe: Recipe) -> None:
    quantize(recipe, SETTINGS)
    before = load_network(recipe.run_folder / "network.pt").network
    floats, integers = load_trained(recipe, "fp32"), load_trained(recipe, "int8")
    assert not torch.equal(next(before.parameters()), next(floats.parameters()))
    kept = integers.state_dict()
    scale = kept["_scale_0"]  # of the first layer's channels
    weight = next(floats.parameters())
    rounded = torch.round(weight / scale[:, None, None, None]).clamp(-127, 127).to(torch.int8)
    assert torch.equal(rounded, kept["_frozen_param0"])


def test_figures_of_both_precisions(recipe: Recipe) -> None:
    quantize(recipe, SETTINGS)
    calibrate(recipe)
    results = evaluate(recipe)
    assert shipped_precisions(recipe) == ("fp32", "int8")
    floats = [each for each in results if each.precision == "fp32"]
    integers = [each for each in results if each.precision == "int8"]
    assert [(e.dataset, e.metric, e.n) for e in floats] == [
        (e.dataset, e.metric, e.n) for e in integers
    ]


def test_a_network_of_prelu_has_no_integer_form(recipe: Recipe) -> None:
    sloping = replace(recipe, name="sloping", network=replace(recipe.network, activation="prelu"))
    train(sloping)
    with pytest.raises(CheckpointError, match="PReLU"):
        quantize(sloping, SETTINGS)
