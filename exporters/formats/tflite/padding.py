"""Padding of stride-2 convolutions in an integer graph, put back into the convolution.

PyTorch pads before the convolution; between explicit quantizations litert-torch does not fold that,
and leaves TRANSPOSE, PAD and TRANSPOSE in front of it. TFLite's own SAME padding does the same: at
stride 2 and an even size it adds the kernel's side less 2 in rows and columns, the odd one on the
right and at the bottom, of the tensor's zero point, which stands for 0.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np


def fold_padding(model: Any) -> int:
    """Fold every such padding of the graph, in place; returns how many."""
    from ai_edge_litert import schema_py_generated as tfl

    codes = tfl.BuiltinOperator
    graph = model.subgraphs[0]
    producer = {int(out): op for op in graph.operators for out in op.outputs}
    readers = Counter(int(tensor) for op in graph.operators for tensor in op.inputs)
    gone: set[int] = set()
    folded = 0
    for convolution in graph.operators:
        if _code(model, convolution) not in (codes.DEPTHWISE_CONV_2D, codes.CONV_2D):
            continue
        back: Any = producer.get(int(convolution.inputs[0]))
        pad = _before(producer, back)
        forth = _before(producer, pad)
        found = [_code(model, op) for op in (back, pad, forth)]
        options = convolution.builtinOptions
        if found != [codes.TRANSPOSE, codes.PAD, codes.TRANSPOSE]:
            continue
        if (options.strideH, options.strideW, options.padding) != (2, 2, tfl.Padding.VALID):
            continue
        if _constant(model, pad.inputs[1]) != _same_padding(model, convolution):
            continue
        options.padding = tfl.Padding.SAME
        convolution.inputs = np.array([forth.inputs[0], *convolution.inputs[1:]], np.int32)
        # Another convolution may read the same padded map.
        gone |= {id(op) for op in (back, pad, forth) if readers[int(op.outputs[0])] == 1}
        folded += 1
    graph.operators = [op for op in graph.operators if id(op) not in gone]
    return folded


def _before(producer: dict[int, Any], operator: Any) -> Any:
    """The operator that writes an operator's first input, or None."""
    return None if operator is None else producer.get(int(operator.inputs[0]))


def _code(model: Any, operator: Any) -> int | None:
    return None if operator is None else int(model.operatorCodes[operator.opcodeIndex].builtinCode)


def _same_padding(model: Any, convolution: Any) -> list[list[int]]:
    """What SAME adds before and after N, C, H and W of an even size at stride 2."""
    _, height, width, _ = model.subgraphs[0].tensors[int(convolution.inputs[1])].shape
    sides = [[(int(side) - 2) // 2, (int(side) - 1) // 2] for side in (height, width)]
    return [[0, 0], [0, 0], *sides]


def _constant(model: Any, tensor: int) -> Any:
    found = model.subgraphs[0].tensors[int(tensor)]
    return np.frombuffer(bytes(model.buffers[found.buffer].data), np.int32).reshape(-1, 2).tolist()
