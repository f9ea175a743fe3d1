"""ONNX in 8-bit integers: the QDQ form, from a network that was trained with its rounding.

torch.onnx writes the network's own quantizations as QuantizeLinear and DequantizeLinear, and leaves
biases in floats; ONNX Runtime runs a layer in integers if its bias is one, too (int32, of the scale
that the sum has), so this makes them so.

Weights and activations are stored as uint8. Its kernels for int8 weights on x86 without VNNI add
pairs of products in 16 bits, which saturate (the instruction VPMADDUBSW): logits were off by up to
3.2. Those for uint8 on both sides add in 32 bits, on every processor.

Additions are (a - zero) * scale / sum_scale of both inputs, rounded: on x86 in float32, halves to
the even, on ARM in fixed point, halves up. One sum that comes out differently changes most logits
by a step, so the scales of what is added are rounded until no sum comes near a half.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exporters.errors import ConversionError

_LAYERS: Final = ("Conv", "Gemm")
_MOVES: Final = ("Pad", "Reshape", "Relu", "Add")
_QUANTIZERS: Final = ("QuantizeLinear", "DequantizeLinear")
_DIVISIONS: Final = 1023
"""The ratios scale / sum_scale are multiples of 1 / 1023. That number is odd, so that no sum of two
whole multiples is a half: the nearest is 1 / 2046 away. ARM's multipliers of 21 bits err by a half
of that at most (255 * 2 / 2**21), float32 by less."""


def quantize_biases(model: Any) -> int:
    """Store each bias [outputs] as int32 before a DequantizeLinear, in place; returns how many."""
    from onnx import helper, numpy_helper

    graph = model.graph
    stored = {entry.name: entry for entry in graph.initializer}
    producer = {name: node for node in graph.node for name in node.output}
    added = []
    for number, layer in enumerate(node for node in graph.node if node.op_type in _LAYERS):
        if len(layer.input) < 3 or layer.input[2] not in stored:
            continue
        scales = [numpy_helper.to_array(stored[producer[i].input[1]]) for i in layer.input[:2]]
        floats = numpy_helper.to_array(stored[layer.input[2]])
        scale = np.broadcast_to(scales[0] * scales[1], floats.shape).astype(np.float32)
        integers = np.round(floats.astype(np.float64) / scale)
        if np.abs(integers).max() > np.iinfo(np.int32).max:
            raise ConversionError(f"{layer.input[2]} does not fit int32: a layer's scales are 0")
        names = [f"bias_{number}_{part}" for part in ("int32", "scale", "zero", "float")]
        arrays = (integers.astype(np.int32), scale, np.zeros(floats.shape, np.int32))
        graph.initializer.extend(map(numpy_helper.from_array, arrays, names[:3]))
        added.append(helper.make_node("DequantizeLinear", names[:3], names[3:], axis=0))
        layer.input[2] = names[3]
    for node in reversed(added):
        graph.node.insert(0, node)
    _drop_unread(graph)
    return len(added)


def to_unsigned(model: Any) -> int:
    """Store each int8 as a uint8, 128 more, in place; returns how many zero points changed.

    Real values stay the same: weights, activations and their zero points move together.
    """
    from onnx import numpy_helper

    graph = model.graph
    stored = {entry.name: entry for entry in graph.initializer}
    moved: dict[str, str] = {}

    def unsigned(name: str) -> str:
        if name not in moved:
            moved[name] = f"{name}_uint8"
            values = numpy_helper.to_array(stored[name]).astype(np.int16) + 128
            entry = numpy_helper.from_array(values.astype(np.uint8), moved[name])
            graph.initializer.append(entry)
        return moved[name]

    count = 0
    for node in graph.node:
        if node.op_type not in _QUANTIZERS or not _is_int8(stored[node.input[2]]):
            continue
        if node.input[0] in stored:
            node.input[0] = unsigned(node.input[0])
        node.input[2] = unsigned(node.input[2])
        count += 1
    del graph.value_info[:]  # their types are those of before
    _drop_unread(graph)
    return count


def round_additions(model: Any) -> int:
    """Let each Add read its inputs by scales that are multiples of the sum's / 1023, in place.

    Its inputs get a DequantizeLinear of their own, since other layers read them by the old scale.
    Returns how many additions there are. Raises ConversionError if one is not between integers.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    stored = {entry.name: entry for entry in graph.initializer}
    producer = {name: node for node in graph.node for name in node.output}
    reader = {name: node for node in graph.node for name in node.input}
    additions = [node for node in graph.node if node.op_type == "Add"]
    for number, addition in enumerate(additions):
        after = reader[addition.output[0]]
        if after.op_type == "Relu":
            after = reader[after.output[0]]
        before = [producer.get(name) for name in addition.input]
        if after.op_type != "QuantizeLinear" or None in before:
            raise ConversionError(f"{addition.name} adds floats; expected integers")
        whole = numpy_helper.to_array(stored[after.input[1]])
        for place, source in enumerate(before):
            assert source is not None
            scale = numpy_helper.to_array(stored[source.input[1]])
            name = f"addition_{number}_{place}"
            rounded = _rounded(scale, whole, addition.name)
            graph.initializer.append(numpy_helper.from_array(rounded, f"{name}_scale"))
            inputs = [source.input[0], f"{name}_scale", source.input[2]]
            node = helper.make_node("DequantizeLinear", inputs, [name], f"{name}_dequantize")
            graph.node.insert(list(graph.node).index(addition), node)
            addition.input[place] = name
    read = {name for node in graph.node for name in node.input}
    for node in [n for n in graph.node if n.op_type == "DequantizeLinear"]:
        if node.output[0] not in read and node.output[0] not in {o.name for o in graph.output}:
            graph.node.remove(node)
    _drop_unread(graph)
    return len(additions)


def _rounded(
    scale: NDArray[np.float32], whole: NDArray[np.float32], name: str
) -> NDArray[np.float32]:
    """The scale nearest to `scale` whose ratio to `whole` is a multiple of 1 / 1023."""
    nearest = round(float(scale) / float(whole) * _DIVISIONS)
    if not 0 < nearest < 2 * _DIVISIONS:
        ratio = nearest / _DIVISIONS
        raise ConversionError(f"{name}: an input's scale is {ratio:.3g} of the sum's")
    return np.asarray(nearest / _DIVISIONS * float(whole), np.float32)


def _is_int8(entry: Any) -> bool:
    from onnx import TensorProto

    return bool(entry.data_type == TensorProto.INT8)


def check_integers(model: Any, name: str) -> None:
    """Raise ConversionError unless all layers read integers, and their weights are uint8."""
    problems = ", ".join(_problems(model.graph))
    if problems:
        raise ConversionError(f"{name}: {problems}; expected integers between input and outputs")


def _problems(graph: Any) -> Iterator[str]:
    from onnx import TensorProto

    stored = {entry.name: entry for entry in graph.initializer}
    producer = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type not in (*_LAYERS, *_MOVES, *_QUANTIZERS):
            yield f"an operator {node.op_type}"
        kinds = {"Conv": 3, "Gemm": 3, "Add": 2}
        for place, source in enumerate(node.input[: kinds.get(node.op_type, 0)]):
            reader = producer.get(source)
            if reader is None or reader.op_type != "DequantizeLinear":
                yield f"{node.op_type} {node.name} reads {source} in floats"
            elif place == 1 and node.op_type in _LAYERS:
                weight = stored.get(reader.input[0])
                if weight is None or weight.data_type != TensorProto.UINT8:
                    yield f"weight {reader.input[0]} of {node.op_type} {node.name} is not uint8"
    if not any(node.op_type in _LAYERS for node in graph.node):
        yield "no layer at all"


def _drop_unread(graph: Any) -> None:
    read = {name for node in graph.node for name in node.input}
    kept = [entry for entry in graph.initializer if entry.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
