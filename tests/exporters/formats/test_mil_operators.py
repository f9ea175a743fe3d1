"""The interpreter of ML programs: each operation against PyTorch's own layer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from exporters.errors import MilError, UnknownOperatorError
from exporters.mil_reference.operators import OPERATORS, execute


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def integers(*values: int) -> Tensor:
    return torch.tensor(values)


def same(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def conv_inputs(layer: nn.Conv2d, x: Tensor, pad_type: str, pad: Tensor) -> dict[str, Any]:
    assert layer.bias is not None
    return {
        "x": x,
        "weight": layer.weight.detach(),
        "bias": layer.bias.detach(),
        "strides": integers(*layer.stride),
        "dilations": integers(*layer.dilation),
        "groups": torch.tensor(layer.groups),
        "pad_type": pad_type,
        "pad": pad,
    }


@pytest.mark.parametrize("kernel", [1, 3, (5, 2)])
@pytest.mark.parametrize("stride", [1, 2, (1, 3)])
@pytest.mark.parametrize("padding", [0, 1, (2, 0)])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_conv(kernel: Any, stride: Any, padding: Any, groups: int) -> None:
    layer = nn.Conv2d(6, 12, kernel, stride, padding, groups=groups)
    pad = integers(*(n for side in layer.padding for n in (int(side), int(side))))
    x = noise(1, 6, 11, 9)
    same(execute("conv", conv_inputs(layer, x, "custom", pad)), layer(x).detach())


@pytest.mark.parametrize("pad", [(0, 1, 0, 1), (1, 0, 2, 0), (3, 1, 0, 2)])
def test_conv_pads_each_side_on_its_own(pad: tuple[int, int, int, int]) -> None:
    layer, x = nn.Conv2d(3, 4, 3, stride=2), noise(1, 3, 8, 10)
    top, bottom, left, right = pad
    expected = layer(functional.pad(x, (left, right, top, bottom))).detach()
    same(execute("conv", conv_inputs(layer, x, "custom", integers(*pad))), expected)


def test_conv_valid_ignores_pad_and_bias_may_be_missing() -> None:
    layer, x = nn.Conv2d(3, 4, 3, dilation=2), noise(1, 3, 9, 9)
    inputs = conv_inputs(layer, x, "valid", integers(7, 7, 7, 7))
    same(execute("conv", inputs), layer(x).detach())
    del inputs["bias"]
    same(execute("conv", inputs), functional.conv2d(x, layer.weight.detach(), dilation=2))


@pytest.mark.parametrize(("size", "stride"), [(8, 2), (9, 2), (7, 3), (8, 1)])
def test_conv_same_rounds_sizes_up(size: int, stride: int) -> None:
    layer, x = nn.Conv2d(2, 2, 3, stride), noise(1, 2, size, size)
    total = max(0, (-(-size // stride) - 1) * stride + 3 - size)
    before, after = total // 2, total - total // 2
    expected = layer(functional.pad(x, (before, after, before, after))).detach()
    assert expected.shape[-1] == -(-size // stride)
    same(execute("conv", conv_inputs(layer, x, "same", integers(0, 0, 0, 0))), expected)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool) -> None:
    layer, x = nn.Linear(7, 4, bias=bias), noise(2, 7)
    inputs: dict[str, Any] = {"x": x, "weight": layer.weight.detach()}
    if bias:
        inputs["bias"] = layer.bias.detach()
    same(execute("linear", inputs), layer(x).detach())


@pytest.mark.parametrize("shape", [(1, 5, 4, 3), (2, 5), (1, 5, 7)])
def test_prelu(shape: tuple[int, ...]) -> None:
    layer, x = nn.PReLU(5), noise(*shape)
    layer.weight.data = noise(5)
    same(execute("prelu", {"x": x, "alpha": layer.weight.detach()}), layer(x).detach())


@pytest.mark.parametrize("pads", [(0, 1, 0, 1), (2, 0, 1, 3)])
@pytest.mark.parametrize("value", [0.0, -1.5])
def test_pad(pads: tuple[int, int, int, int], value: float) -> None:
    x = noise(1, 3, 5, 6)
    top, bottom, left, right = pads
    inputs: dict[str, Any] = {"x": x, "mode": "constant", "constant_val": torch.tensor(value)}
    expected = functional.pad(x, (left, right, top, bottom), value=value)
    same(execute("pad", inputs | {"pad": integers(*pads)}), expected)
    same(execute("pad", inputs | {"pad": integers(0, 0, 0, 0, *pads)}), expected)


@pytest.mark.parametrize("shape", [(1, 3, 4, 4), (1, 3, 1, 1), ()])
def test_add_and_mul_broadcast(shape: tuple[int, ...]) -> None:
    x, y = noise(1, 3, 4, 4), noise(*shape)
    same(execute("add", {"x": x, "y": y}), torch.add(x, y))
    same(execute("mul", {"x": x, "y": y}), torch.mul(x, y))


@pytest.mark.parametrize(
    ("kind", "dtype", "zero"), [("int8", torch.qint8, -4), ("uint8", torch.quint8, 8)]
)
def test_quantize_and_dequantize(kind: str, dtype: torch.dtype, zero: int) -> None:
    """Ties, too, with even zero points: PyTorch adds these before it rounds half to even."""
    x = torch.cat([noise(100) * 9, torch.arange(-8, 8) * 0.125])
    x = torch.cat([x, torch.tensor([1e4, -1e4])])
    scale = torch.tensor(0.25)
    inputs = {"scale": scale, "zero_point": torch.tensor(zero)}
    expected = torch.quantize_per_tensor(x, 0.25, zero, dtype)
    found = execute("quantize", {"input": x, "output_dtype": kind, **inputs})
    assert torch.equal(found, expected.int_repr().long())
    same(execute("dequantize", {"input": found, **inputs}), expected.dequantize())
    no_zero = {"input": found, "scale": scale.reshape(1)}
    same(execute("dequantize", no_zero), found.float() * 0.25)


@pytest.mark.parametrize("axis", [0, 1])
def test_weights_stored_as_integers(axis: int) -> None:
    weight = noise(4, 4, 3, 3)
    scales, zeros = noise(4).abs() + 0.01, torch.zeros(4, dtype=torch.long)
    expected = torch.quantize_per_channel(weight, scales, zeros, axis, torch.qint8)
    inputs = {
        "quantized_data": expected.int_repr().long(),
        "scale": scales,
        "zero_point": torch.tensor(0),
        "axis": torch.tensor(axis),
    }
    same(execute("constexpr_affine_dequantize", inputs), expected.dequantize())
    inputs["zero_point"] = zeros + 2
    shape = [-1 if place == axis else 1 for place in range(4)]
    moved = expected.dequantize() - 2 * scales.reshape(shape)
    same(execute("constexpr_affine_dequantize", inputs), moved)


def test_the_rest() -> None:
    x = noise(1, 3, 4, 5) * 8
    same(execute("relu", {"x": x}), nn.ReLU()(x))
    limits = {"alpha": torch.tensor(0.0), "beta": torch.tensor(6.0)}
    same(execute("clip", {"x": x, **limits}), nn.ReLU6()(x))
    same(execute("reshape", {"x": x, "shape": integers(1, -1)}), x.flatten(1))
    same(execute("cast", {"x": x, "dtype": "fp16"}), x)
    for keep in (True, False):
        inputs = {"x": x, "axes": integers(-2, -1), "keep_dims": torch.tensor(keep)}
        same(execute("reduce_mean", inputs), x.mean(dim=(2, 3), keepdim=keep))


def test_what_heads_are_made_of() -> None:
    """Operations on vectors: cut and joined, gated, normalised."""
    x, y = noise(2, 6), noise(2, 6) * 3
    same(execute("sub", {"x": x, "y": y}), x - y)
    same(execute("sigmoid", {"x": x}), nn.Sigmoid()(x))
    same(execute("gelu", {"x": x, "mode": "EXACT"}), nn.GELU()(x))
    layer = nn.LayerNorm(6, eps=1e-3)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    inputs = {
        "x": y,
        "axes": integers(-1),
        "gamma": layer.weight.detach(),
        "beta": layer.bias.detach(),
        "epsilon": torch.tensor(1e-3),
    }
    same(execute("layer_norm", inputs), layer(y).detach())
    joined = {"values/0": x, "values/1": y, "axis": torch.tensor(1)}
    joined["interleave"] = torch.tensor(False)
    same(execute("concat", joined), torch.cat([x, y], dim=1))
    cut = {"x": x, "axis": torch.tensor(1), "split_sizes": integers(1, 3, 2)}
    for place, part in enumerate(torch.split(x, [1, 3, 2], dim=1)):
        same(execute("split", cut | {"place": torch.tensor(place)}), part)


def test_what_sentences_are_made_of() -> None:
    """Operations that make a part of a vector one of unit length."""
    x = noise(3, 8)
    part = {"x": x, "begin": integers(0, 2), "end": integers(3, 7), "end_mask": integers(1, 0)}
    same(execute("slice_by_index", part), x[:, 2:7])
    same(execute("slice_by_index", part | {"stride": integers(2, 3)}), x[::2, 2:7:3])
    masks = {"begin_mask": integers(0, 1), "end_mask": integers(1, 1)}
    same(execute("slice_by_index", part | masks), x)
    norm = {"x": x, "axes": integers(-1), "keep_dims": torch.tensor(True)}
    same(execute("reduce_l2_norm", norm), x.norm(dim=1, keepdim=True))
    same(execute("maximum", {"x": x, "y": torch.tensor(0.3)}), x.clamp(min=0.3))
    same(execute("tile", {"x": x[:, :1], "reps": integers(1, 8)}), x[:, :1].expand(3, 8))
    same(execute("real_div", {"x": x, "y": noise(3, 8)}), x / noise(3, 8))


def test_an_unknown_operation_is_named() -> None:
    with pytest.raises(UnknownOperatorError, match=r"uses erf; expected one of add, cast"):
        execute("erf", {})
    assert "erf" not in OPERATORS


@pytest.mark.parametrize(
    ("operation", "change", "message"),
    [
        ("conv", {"pad_type": "same_lower"}, "pad_type same_lower"),
        ("pad", {"mode": "reflect"}, "mode reflect"),
        ("cast", {"dtype": "int32"}, "cast to int32"),
        ("quantize", {"output_dtype": "int4"}, "quantize to int4"),
        ("gelu", {"mode": "TANH_APPROXIMATION"}, "gelu with mode TANH"),
        ("concat", {"interleave": torch.tensor(True)}, "concat that interleaves"),
        ("layer_norm", {"axes": integers(1)}, "other axes than the last"),
        (
            "slice_by_index",
            {
                "begin": integers(0, 0, 0, 0),
                "end": integers(1, 3, 2, 2),
                "stride": integers(1, 1, 1, -1),
            },
            "goes backwards",
        ),
    ],
)
def test_unknown_ways_of_known_operations_are_refused(
    operation: str, change: dict[str, Any], message: str
) -> None:
    inputs = conv_inputs(nn.Conv2d(3, 3, 1), noise(1, 3, 2, 2), "valid", integers(0, 0, 0, 0))
    with pytest.raises(MilError, match=message):
        execute(operation, inputs | change)
