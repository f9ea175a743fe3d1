"""ONNX in 8-bit integers: layers add without saturation, additions come out alike everywhere."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from exporters.errors import ConversionError
from exporters.formats.onnx.int8 import check_integers as check_onnx
from exporters.formats.onnx.int8 import (
    quantize_biases,
    round_additions,
    to_unsigned,
)
from mf2_edge.runtime.onnx import OnnxRuntime

pytestmark = pytest.mark.slow


def _large_gemm() -> onnx.ModelProto:
    """A layer of int8 in QDQ form whose products add up to more than 16 bits hold."""
    weight = np.full((2, 64), 127, np.int8)
    weight[1] = -127
    constants = {
        "scale": np.float32(1),
        "zero": np.int8(-128),
        "weight": weight,
        "weight_scale": np.ones(2, np.float32),
        "weight_zero": np.zeros(2, np.int8),
        "bias": np.zeros(2, np.float32),
        "answer_scale": np.float32(2**14),
        "answer_zero": np.int8(0),
    }
    nodes = [
        onnx.helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]),
        onnx.helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["x"]),
        onnx.helper.make_node(
            "DequantizeLinear", ["weight", "weight_scale", "weight_zero"], ["w"], axis=0
        ),
        onnx.helper.make_node("Gemm", ["x", "w", "bias"], ["y"], transB=1),
        onnx.helper.make_node("QuantizeLinear", ["y", "answer_scale", "answer_zero"], ["a"]),
        onnx.helper.make_node("DequantizeLinear", ["a", "answer_scale", "answer_zero"], ["sum"]),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "large",
        [onnx.helper.make_tensor_value_info("image", kind, [1, 64])],
        [onnx.helper.make_tensor_value_info("sum", kind, [1, 2])],
        [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)


def test_an_onnx_of_integers_adds_without_saturation() -> None:
    """As the arithmetic says: 64 products of 255 and 127 are 2,072,640, in the scale of answers.

    With int8, VPMADDUBSW saturates each pair of products at 32,767, and half of the sum is lost.
    """
    model = _large_gemm()
    assert quantize_biases(model) == 1
    assert to_unsigned(model) == 5
    assert to_unsigned(model) == 0
    check_onnx(model, "file")
    runtime = OnnxRuntime(model.SerializeToString())
    (answer,) = runtime.run(np.full((1, 64), 255, np.float32))
    whole = np.round(64 * 255 * 127 / 2**14) * 2**14
    np.testing.assert_array_equal(answer, np.array([[whole, -whole]], np.float32))


def _addition(scales: tuple[float, float, float]) -> onnx.ModelProto:
    """image + image in QDQ form: of two scales, into a third."""
    zeros = {f"zero_{i}": np.uint8(128) for i in range(3)}
    constants = {f"scale_{i}": np.float32(scale) for i, scale in enumerate(scales)} | zeros
    nodes = []
    for i in range(2):
        pair = [f"scale_{i}", f"zero_{i}"]
        nodes += [
            onnx.helper.make_node("QuantizeLinear", ["image", *pair], [f"q_{i}"]),
            onnx.helper.make_node("DequantizeLinear", [f"q_{i}", *pair], [f"x_{i}"]),
        ]
    nodes += [
        onnx.helper.make_node("Add", ["x_0", "x_1"], ["y"], "addition"),
        onnx.helper.make_node("QuantizeLinear", ["y", "scale_2", "zero_2"], ["q_2"]),
        onnx.helper.make_node("DequantizeLinear", ["q_2", "scale_2", "zero_2"], ["sum"]),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "addition",
        [onnx.helper.make_tensor_value_info("image", kind, [1, 256])],
        [onnx.helper.make_tensor_value_info("sum", kind, [1, 256])],
        [onnx.numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)


SCALES = (0.2842504680156708, 0.20380032062530518, 0.3309817314147949)
"""Of an addition of mf2-edge-m where x86 and ARM rounded halves differently."""


def test_additions_of_an_onnx_come_out_alike_on_x86_and_on_arm() -> None:
    """All 65,536 sums: in float32 with halves to the even, and as ARM's kernel has them."""
    model = _addition(SCALES)
    assert round_additions(model) == 1
    stored = {e.name: onnx.numpy_helper.to_array(e) for e in model.graph.initializer}
    whole = stored["scale_2"]
    ratios = [stored[f"addition_0_{place}_scale"] / whole for place in range(2)]
    for ratio, scale in zip(ratios, SCALES, strict=False):
        assert ratio == pytest.approx(scale / SCALES[2], abs=1 / 2046 + 1e-7)
    a, b = np.meshgrid(np.arange(-255, 256), np.arange(-255, 256))
    exact = a * float(ratios[0]) + b * float(ratios[1])
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 4e-4
    floats = a.astype(np.float32) * ratios[0] + b.astype(np.float32) * ratios[1]
    shift = 20 - int(np.floor(np.log2(max(ratios))))
    multipliers = [round(float(ratio) * 2**shift) for ratio in ratios]
    fixed = (a * multipliers[0] + b * multipliers[1] + (1 << (shift - 1))) >> shift
    np.testing.assert_array_equal(np.rint(floats), fixed)
    # With the scales as they were, some sums differ.
    before = [np.float32(scale) / np.float32(SCALES[2]) for scale in SCALES[:2]]
    closest = a * float(before[0]) + b * float(before[1])
    assert np.abs(closest - np.floor(closest) - 0.5).min() < 1e-4


def test_the_rest_of_an_onnx_keeps_its_scales() -> None:
    model = _addition(SCALES)
    round_additions(model)
    stored = {e.name: onnx.numpy_helper.to_array(e) for e in model.graph.initializer}
    assert stored["scale_0"] == np.float32(SCALES[0])
    assert [node.op_type for node in model.graph.node].count("DequantizeLinear") == 3
    ratios = [float(stored[f"addition_0_{i}_scale"] / stored["scale_2"]) for i in range(2)]
    image = np.linspace(-20, 20, 256, dtype=np.float32)[None]
    (found,) = OnnxRuntime(model.SerializeToString()).run(image)
    read = [np.clip(np.rint(image / np.float32(s)), -128, 127) for s in SCALES[:2]]
    exact = read[0].astype(np.float64) * ratios[0] + read[1].astype(np.float64) * ratios[1]
    steps = np.clip(np.rint(exact), -128, 127).astype(np.float32)
    np.testing.assert_array_equal(found, steps * stored["scale_2"])


def test_an_addition_of_floats_is_refused() -> None:
    model = _addition(SCALES)
    addition = next(node for node in model.graph.node if node.op_type == "Add")
    addition.input[0] = "image"
    with pytest.raises(ConversionError, match="addition adds floats"):
        round_additions(model)
    with pytest.raises(ConversionError, match="is 2 of the sum's"):
        round_additions(_addition((1.0, 0.1, 0.5)))
