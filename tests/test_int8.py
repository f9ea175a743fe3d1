"""8-bit integers: one network, the same answers from every runtime, and integers throughout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from distill.checkpoint import load_integers
from exporters.__main__ import main
from exporters.errors import ConversionError
from exporters.faces import synthetic_faces
from exporters.integers import unfold_weights
from exporters.running import run_artifact
from exporters.tflite_graph import count_operators, read_graph
from exporters.tflite_int8 import _check_integers
from mf2_edge.bundle import Bundle, load_bundle
from tests.pressed import NAME, pressed, pressed_integers


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(pressed_integers())


@pytest.mark.parametrize("form", ["tflite", "executorch"])
def test_integers_answer_as_the_network_that_simulated_them(bundle: Bundle, form: str) -> None:
    artifact = next(
        a for a in bundle.manifest.artifacts if (a.format, a.precision) == (form, "int8")
    )
    assert artifact.parity is not None
    assert "8-bit integers" in artifact.parity.reference
    assert artifact.parity.psnr_db is not None
    assert artifact.parity.psnr_db > 15  # random weights; trained ones are within TOLERANCES
    floats = bundle.select(artifact.format, "fp32")
    assert artifact.bytes < floats.bytes / 2


def test_runtimes_agree_on_the_integers(bundle: Bundle) -> None:
    faces = synthetic_faces(112, 112).images[:32]
    answers = [
        run_artifact(bundle, a, faces)[0]
        for a in bundle.manifest.artifacts
        if a.precision == "int8"
    ]
    for head in zip(*answers, strict=True):
        assert np.corrcoef(head[0].ravel(), head[1].ravel())[0, 1] > 0.999


def test_a_tflite_of_integers_computes_in_integers(bundle: Bundle) -> None:
    model = read_graph((bundle.path / bundle.select("tflite", "int8").file).read_bytes())
    operators = count_operators(model)
    assert set(operators) == {
        *("QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RESHAPE", "FULLY_CONNECTED"),
        "DEQUANTIZE",
    }
    assert (operators["QUANTIZE"], operators["DEQUANTIZE"]) == (1, 4)  # logits, vectors
    floats = count_operators(
        read_graph((bundle.path / bundle.select("tflite", "fp32").file).read_bytes())
    )
    for layers in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "FULLY_CONNECTED"):
        assert operators[layers] == floats[layers]
    with pytest.raises(ConversionError, match="floats at the doors alone"):
        _check_integers(model, operators | {"CONV_2D": 3, "RELU": 1}, 4, "file")
    with pytest.raises(ConversionError, match="floats at the doors alone"):
        _check_integers(model, operators, 1, "file")


def test_unfolded_weights_are_the_same_network() -> None:
    network = load_integers(pressed_integers().parent / "all.pt2")
    unfolded = unfold_weights(network)
    x = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        for before, after in zip(network(x), unfolded(x), strict=True):
            assert torch.equal(before, after)


def test_integers_that_are_missing_or_something_else_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*pressed().arguments(tmp_path / NAME), "--to", "tflite:int8"]
    assert main(arguments) == 2
    assert "int8 needs the network in integers" in capsys.readouterr().err
    (tmp_path / "text.pt2").write_text("not a program")
    assert main([*arguments, "--integers", str(tmp_path / "text.pt2")]) == 2
    assert "is no integer network" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
