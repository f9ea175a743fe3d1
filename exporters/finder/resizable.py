"""A .tflite whose input may have any size: its nearest-neighbour doublings name no size.

The converter writes the target size of each resize into the file. Four copies of the channels and a
depth-to-space give the same values, and take their size from what they read.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from exporters.errors import ConversionError
from exporters.formats.tflite.graph import count_operators


def make_resizable(model: Any) -> None:
    """Replace every doubling of the graph, and mark height and width of the input as open.

    Raises ConversionError if a resize is no doubling.
    """
    from ai_edge_litert import schema_py_generated as tfl

    builtin = tfl.BuiltinOperator
    graph = model.subgraphs[0]
    operators: list[Any] = []
    for operator in graph.operators:
        if int(model.operatorCodes[operator.opcodeIndex].builtinCode) != (
            builtin.RESIZE_NEAREST_NEIGHBOR
        ):
            operators.append(operator)
            continue
        source, target = int(operator.inputs[0]), graph.tensors[int(operator.outputs[0])]
        _, height, width, channels = map(int, graph.tensors[source].shape)
        if [int(n) for n in target.shape] != [1, 2 * height, 2 * width, channels]:
            raise ConversionError(f"a resize from {height}x{width} gives {target.shape[1:3]}")
        copies = deepcopy(target)
        copies.name = target.name + b"/copies"
        copies.shape = np.array([1, height, width, 4 * channels], np.int32)
        graph.tensors.append(copies)
        joined = _operator(model, builtin.CONCATENATION, [source] * 4, len(graph.tensors) - 1)
        joined.builtinOptionsType = tfl.BuiltinOptions.ConcatenationOptions
        joined.builtinOptions = tfl.ConcatenationOptionsT()
        joined.builtinOptions.axis = 3
        spread = _operator(
            model, builtin.DEPTH_TO_SPACE, [len(graph.tensors) - 1], int(operator.outputs[0])
        )
        spread.builtinOptionsType = tfl.BuiltinOptions.DepthToSpaceOptions
        spread.builtinOptions = tfl.DepthToSpaceOptionsT()
        spread.builtinOptions.blockSize = 2
        operators += [joined, spread]
    graph.operators = operators
    image = graph.tensors[int(graph.inputs[0])]
    image.shapeSignature = np.array([1, -1, -1, image.shape[3]], np.int32)
    fixed = {"RESHAPE", "TRANSPOSE", "BROADCAST_TO", "RESIZE_NEAREST_NEIGHBOR"}
    if left := fixed & set(count_operators(model)):
        raise ConversionError(f"operators that fix a size are left: {', '.join(sorted(left))}")


def _operator(model: Any, builtin_code: int, inputs: list[int], output: int) -> Any:
    from ai_edge_litert import schema_py_generated as tfl

    code = tfl.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin_code
    code.version = 1
    model.operatorCodes.append(code)
    operator = tfl.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    return operator
