"""Float32 input and outputs of an int8 .tflite, which browsers and the SDK need."""

from __future__ import annotations

from typing import Any

import numpy as np


def add_float_io(model: Any) -> None:
    """Insert QUANTIZE after each input and DEQUANTIZE before each output, in place."""
    from ai_edge_litert import schema_py_generated as tfl

    graph, (signature,) = model.subgraphs[0], model.signatureDefs
    quantize = _operator_code(model, tfl.BuiltinOperator.QUANTIZE)
    dequantize = _operator_code(model, tfl.BuiltinOperator.DEQUANTIZE)
    before = [_step(quantize, _float_of(graph, int(i)), int(i)) for i in graph.inputs]
    after = [_step(dequantize, int(i), _float_of(graph, int(i))) for i in graph.outputs]
    moved = {int(step.outputs[0]): int(step.inputs[0]) for step in before}
    moved |= {int(step.inputs[0]): int(step.outputs[0]) for step in after}
    graph.operators = [*before, *graph.operators, *after]
    graph.inputs = np.array([moved[int(i)] for i in graph.inputs], np.int32)
    graph.outputs = np.array([moved[int(i)] for i in graph.outputs], np.int32)
    for entry in (*signature.inputs, *signature.outputs):
        entry.tensorIndex = moved[int(entry.tensorIndex)]


def _float_of(graph: Any, index: int) -> int:
    """A new float32 tensor of the same shape; its place among the tensors."""
    from ai_edge_litert import schema_py_generated as tfl

    tensor = tfl.TensorT()
    tensor.shape = graph.tensors[index].shape
    tensor.type = tfl.TensorType.FLOAT32
    tensor.buffer = 0
    tensor.name = b"float"
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator_code(model: Any, builtin: int) -> int:
    from ai_edge_litert import schema_py_generated as tfl

    code = tfl.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _step(code: int, source: int, target: int) -> Any:
    from ai_edge_litert import schema_py_generated as tfl

    operator = tfl.OperatorT()
    operator.opcodeIndex = code
    operator.inputs = np.array([source], np.int32)
    operator.outputs = np.array([target], np.int32)
    return operator
