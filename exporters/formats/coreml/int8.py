"""Checks that an ML program computes on 8-bit integers: W8A8, of the scales that training found.

coremltools turns the quantizations of a PT2E network into `quantize`, `dequantize` and, for stored
weights, `constexpr_affine_dequantize`. Core ML fuses a layer with those around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from exporters.errors import ConversionError

OLDEST_IOS: Final = 17
"""`quantize` and `dequantize` exist from there on."""

_LAYERS: Final = ("conv", "linear")
_WEIGHT: Final = "constexpr_affine_dequantize"
_OTHERS: Final = {"relu", "add", "mul", "pad", "reshape", "cast", "quantize", "dequantize"}


def check_integers(spec: Any, name: str) -> None:
    """Raise ConversionError unless every layer reads integers, and its weights are stored so."""
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    problems = ", ".join(_problems(block.operations))
    if problems:
        raise ConversionError(f"{name}: {problems}; expected integers between the image and heads")


def _problems(operations: Any) -> Iterator[str]:
    producer = {output.name: entry.type for entry in operations for output in entry.outputs}
    layers = 0
    for entry in operations:
        if entry.type not in {*_LAYERS, *_OTHERS, _WEIGHT, "const"}:
            yield f"an operation {entry.type}"
        if entry.type not in _LAYERS:
            continue
        layers += 1
        for parameter, wanted in (("x", "dequantize"), ("weight", _WEIGHT)):
            found = producer.get(entry.inputs[parameter].arguments[0].name)
            if found != wanted:
                yield f"{parameter} of {entry.outputs[0].name} comes from {found}, not {wanted}"
    if not layers:
        yield "no layer at all"
