"""What each operation of an ML program computes, as coremltools documents it (MIL ops).

Only those that occur in the exports of this project. Floats are float32 in and out; the
interpreter rounds what the program stores as float16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from exporters.errors import MilError, UnknownOperatorError
from exporters.mil_reference.integers import constant_dequantize, dequantize, quantize

if TYPE_CHECKING:
    from torch import Tensor

    from exporters.mil_reference.reading import Value

Inputs: TypeAlias = "Mapping[str, Value]"


def execute(operation: str, inputs: Inputs) -> Tensor:
    """The result of an operation; raises UnknownOperatorError, which names it, if not in the table.

    inputs: the value of each parameter of the operation.
    """
    if operation not in OPERATORS:
        raise UnknownOperatorError(
            f"the program uses {operation}; expected one of {', '.join(sorted(OPERATORS))}. "
            "Add it to exporters/mil_reference/operators.py with a test against PyTorch"
        )
    return OPERATORS[operation](inputs)


def _add(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x") + _tensor(inputs, "y")


def _cast(inputs: Inputs) -> Tensor:
    if inputs["dtype"] not in ("fp16", "fp32"):
        raise MilError(f"cast to {inputs['dtype']}; expected fp16 or fp32")
    return _tensor(inputs, "x")  # the interpreter rounds to the declared type


def _clip(inputs: Inputs) -> Tensor:
    low, high = float(_tensor(inputs, "alpha")), float(_tensor(inputs, "beta"))
    return _tensor(inputs, "x").clamp(low, high)


def _concat(inputs: Inputs) -> Tensor:
    """`values/0`, `values/1` and so on, one after the other along an axis."""
    import torch

    if bool(_tensor(inputs, "interleave")):
        raise MilError("concat that interleaves; expected one that does not")
    count = sum(key.startswith("values/") for key in inputs)
    values = [_tensor(inputs, f"values/{place}") for place in range(count)]
    return torch.cat(values, dim=int(_tensor(inputs, "axis")))


def _conv(inputs: Inputs) -> Tensor:
    """Cross-correlation of x [n, channels, H, W] with weight [out, channels / groups, kH, kW]."""
    from torch.nn import functional

    x, weight = _tensor(inputs, "x"), _tensor(inputs, "weight")
    strides, dilations = _integers(inputs, "strides"), _integers(inputs, "dilations")
    pad_type = inputs["pad_type"]
    if pad_type == "custom":
        pads = _integers(inputs, "pad")
    elif pad_type == "valid":
        pads = [0] * (2 * len(strides))
    elif pad_type == "same":
        pads = _same(list(x.shape[2:]), list(weight.shape[2:]), strides, dilations)
    else:
        raise MilError(f"conv with pad_type {pad_type}; expected custom, valid or same")
    return functional.conv2d(
        functional.pad(x, _innermost_first(pads)) if any(pads) else x,
        weight,
        cast("Tensor", inputs["bias"]) if "bias" in inputs else None,
        stride=strides,
        dilation=dilations,
        groups=int(_tensor(inputs, "groups")),
    )


def _gelu(inputs: Inputs) -> Tensor:
    from torch.nn import functional

    if inputs["mode"] != "EXACT":
        raise MilError(f"gelu with mode {inputs['mode']}; expected EXACT")
    return functional.gelu(_tensor(inputs, "x"))


def _layer_norm(inputs: Inputs) -> Tensor:
    """X normalised over its last axis, times gamma, plus beta."""
    from torch.nn import functional

    x = _tensor(inputs, "x")
    if [axis % x.ndim for axis in _integers(inputs, "axes")] != [x.ndim - 1]:
        raise MilError("layer_norm over other axes than the last")
    gamma, beta = _tensor(inputs, "gamma"), _tensor(inputs, "beta")
    return functional.layer_norm(x, x.shape[-1:], gamma, beta, float(_tensor(inputs, "epsilon")))


def _linear(inputs: Inputs) -> Tensor:
    """X [..., in] times weight [out, in] transposed, plus bias [out]."""
    product = _tensor(inputs, "x") @ _tensor(inputs, "weight").T
    return product + _tensor(inputs, "bias") if "bias" in inputs else product


def _maximum(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x").maximum(_tensor(inputs, "y"))


def _mul(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x") * _tensor(inputs, "y")


def _pad(inputs: Inputs) -> Tensor:
    """X with constants around its last axes; `pad` holds before and after, outermost first."""
    from torch.nn import functional

    if inputs["mode"] != "constant":
        raise MilError(f"pad with mode {inputs['mode']}; expected constant")
    pads = _innermost_first(_integers(inputs, "pad"))
    return functional.pad(_tensor(inputs, "x"), pads, value=float(_tensor(inputs, "constant_val")))


def _prelu(inputs: Inputs) -> Tensor:
    """X where positive, else alpha [channels] times x; channels are axis 1."""
    import torch

    x, alpha = _tensor(inputs, "x"), _tensor(inputs, "alpha")
    return torch.where(x > 0, x, x * alpha.reshape(1, -1, *[1] * (x.ndim - 2)))


def _real_div(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x") / _tensor(inputs, "y")


def _reduce_l2_norm(inputs: Inputs) -> Tensor:
    """The root of the sum of squares over some axes."""
    x, axes = _tensor(inputs, "x"), _integers(inputs, "axes")
    return x.square().sum(dim=axes, keepdim=bool(_tensor(inputs, "keep_dims"))).sqrt()


def _reduce_mean(inputs: Inputs) -> Tensor:
    keep = bool(_tensor(inputs, "keep_dims"))
    return _tensor(inputs, "x").mean(dim=_integers(inputs, "axes"), keepdim=keep)


def _relu(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x").clamp(min=0)


def _reshape(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x").reshape(_integers(inputs, "shape"))


def _sigmoid(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x").sigmoid()


def _slice_by_index(inputs: Inputs) -> Tensor:
    """X from `begin` to before `end`, every `stride`-th; to the border where a mask is true."""
    x = _tensor(inputs, "x")
    begin, end = _integers(inputs, "begin"), _integers(inputs, "end")
    strides = _integers(inputs, "stride") if "stride" in inputs else [1] * x.ndim
    from_border, to_border = (
        _integers(inputs, key) if key in inputs else [0] * x.ndim
        for key in ("begin_mask", "end_mask")
    )
    if min(strides) < 1 or "squeeze_mask" in inputs:
        raise MilError("slice_by_index that goes backwards or drops axes")
    return x[
        tuple(
            slice(None if from_border[a] else begin[a], None if to_border[a] else end[a], stride)
            for a, stride in enumerate(strides)
        )
    ]


def _split(inputs: Inputs) -> Tensor:
    """The part at `place` of x, cut along an axis into `split_sizes`."""
    import torch

    axis = int(_tensor(inputs, "axis"))
    parts = torch.split(_tensor(inputs, "x"), _integers(inputs, "split_sizes"), dim=axis)
    return parts[int(_tensor(inputs, "place"))]


def _sub(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x") - _tensor(inputs, "y")


def _tile(inputs: Inputs) -> Tensor:
    return _tensor(inputs, "x").tile(_integers(inputs, "reps"))


OPERATORS: Final[dict[str, Callable[[Inputs], Tensor]]] = {
    "add": _add,
    "cast": _cast,
    "clip": _clip,
    "concat": _concat,
    "constexpr_affine_dequantize": constant_dequantize,
    "conv": _conv,
    "dequantize": dequantize,
    "gelu": _gelu,
    "layer_norm": _layer_norm,
    "linear": _linear,
    "maximum": _maximum,
    "mul": _mul,
    "pad": _pad,
    "prelu": _prelu,
    "quantize": quantize,
    "real_div": _real_div,
    "reduce_l2_norm": _reduce_l2_norm,
    "reduce_mean": _reduce_mean,
    "relu": _relu,
    "reshape": _reshape,
    "sigmoid": _sigmoid,
    "slice_by_index": _slice_by_index,
    "split": _split,
    "sub": _sub,
    "tile": _tile,
}


def _tensor(inputs: Inputs, parameter: str) -> Tensor:
    return cast("Tensor", inputs[parameter])


def _integers(inputs: Inputs, parameter: str) -> list[int]:
    return [int(each) for each in _tensor(inputs, parameter).reshape(-1)]


def _innermost_first(pads: list[int]) -> list[int]:
    """MIL lists (before, after) from the outermost axis, PyTorch from the innermost."""
    pairs = [pads[i : i + 2] for i in range(0, len(pads), 2)]
    return [each for pair in reversed(pairs) for each in pair]


def _same(
    sizes: list[int], kernel: list[int], strides: list[int], dilations: list[int]
) -> list[int]:
    """Padding such that the output is size / stride, rounded up; the odd pixel goes after."""
    pads = []
    for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        outputs = -(-size // stride)
        total = max(0, (outputs - 1) * stride + (k - 1) * dilation + 1 - size)
        pads += [total // 2, total - total // 2]
    return pads
