"""What the operations on 8-bit integers of an ML program compute, as coremltools documents them.

Integers are int64 here, whatever the program declares; `quantize` keeps them within their type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from exporters.errors import MilError

if TYPE_CHECKING:
    from torch import Tensor

    from exporters.mil_reference.reading import Value

_RANGES: Final = {"int8": (-128, 127), "uint8": (0, 255)}


def quantize(inputs: Mapping[str, Value]) -> Tensor:
    """Input / scale, rounded half to even, plus zero_point, within the range of output_dtype.

    A scale and zero point for all, or one for each place along `axis`.
    """
    kind = str(inputs["output_dtype"])
    if kind not in _RANGES:
        raise MilError(f"quantize to {kind}; expected {' or '.join(_RANGES)}")
    x = cast("Tensor", inputs["input"])
    scale, zero = _along(x, inputs)
    return ((x / scale).round() + zero).clamp(*_RANGES[kind]).long()


def dequantize(inputs: Mapping[str, Value]) -> Tensor:
    """(input - zero_point) * scale, float32; see `quantize`."""
    x = cast("Tensor", inputs["input"])
    scale, zero = _along(x, inputs)
    return (x - zero).float() * scale


def constant_dequantize(inputs: Mapping[str, Value]) -> Tensor:
    """(quantized_data - zero_point) * scale, float32: a weight as the program stores it."""
    return dequantize({**inputs, "input": inputs["quantized_data"]})


def _along(x: Tensor, inputs: Mapping[str, Value]) -> tuple[Tensor, Tensor | int]:
    """Scale and zero point, shaped so that they meet the values of `x` that they are of."""
    scale, zero = cast("Tensor", inputs["scale"]), cast("Tensor | int", inputs.get("zero_point", 0))
    if scale.numel() == 1:
        return scale.reshape(()), zero if isinstance(zero, int) else zero.reshape(())
    axis = int(cast("Tensor", inputs["axis"]))
    shape = [1] * x.ndim
    shape[axis] = -1
    if isinstance(zero, int) or zero.numel() == 1:
        return scale.reshape(shape), zero
    return scale.reshape(shape), zero.reshape(shape)
