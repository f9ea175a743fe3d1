"""ONNX in 8-bit integers: the QDQ form, from a network that was trained with its rounding.

torch.onnx writes the network's own quantizations as QuantizeLinear and DequantizeLinear, and leaves
biases in floats; ONNX Runtime runs a layer in integers if its bias is one, too (int32, of the scale
that the sum has), so this makes them so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from exporters.errors import ConversionError

_LAYERS: Final = ("Conv", "Gemm")
_MOVES: Final = ("Pad", "Reshape", "Relu", "Add")
_QUANTIZERS: Final = ("QuantizeLinear", "DequantizeLinear")


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


def check_integers(model: Any, name: str) -> None:
    """Raise ConversionError unless all layers read integers, and their weights are int8."""
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
                if weight is None or weight.data_type != TensorProto.INT8:
                    yield f"weight {reader.input[0]} of {node.op_type} {node.name} is not int8"
    if not any(node.op_type in _LAYERS for node in graph.node):
        yield "no layer at all"


def _drop_unread(graph: Any) -> None:
    read = {name for node in graph.node for name in node.input}
    kept = [entry for entry in graph.initializer if entry.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
