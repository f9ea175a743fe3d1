"""The work of a .tflite file, operator by operator: multiply-adds and elements moved.

Read from the file itself, so that what the converter fused or left apart counts as it is. Shapes
are those of the file (batch 1). The schema is LiteRT's own.
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mf2_edge.bench.errors import BenchError
from mf2_edge.extras import require

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle

_BYTES: Final = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 7: 2, 9: 1, 17: 1}
"""Bytes of an element by `TensorType`: float32, float16, int32, uint8, int64, int16, int8, int4."""

_FREE: Final = frozenset(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"))
"""Operators that move nothing."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What one inference does."""

    dense_macs: int
    """Multiply-adds of full convolutions, linear layers and matrix products."""
    depthwise_macs: int
    """Of depthwise and grouped convolutions, which use an accelerator's rows less well."""
    moved: int
    """Elements of activations that the operators read and write."""
    weights: int
    """Elements of constants."""
    operators: int
    """How many operators run."""
    plain: int = 0
    """How many of them multiply and add: convolutions and linear layers."""
    bytes_moved: int
    """Bytes of activations and constants, in the types of the file."""

    @property
    def macs(self) -> int:
        """All multiply-adds."""
        return self.dense_macs + self.depthwise_macs


def read_work(model: bytes, *, source: str) -> Work:
    """The work of a .tflite model; `source` is named in errors.

    Raises BenchError if it is none, MissingExtraError without LiteRT.
    """
    tfl = require("ai_edge_litert.schema_py_generated", extra="export")
    if model[4:8] != b"TFL3":
        raise BenchError(f"{source}: not a .tflite file; expected one with the mark TFL3")
    try:
        return _sum(tfl, tfl.Model.GetRootAs(model, 0))
    except (ValueError, IndexError, AttributeError, TypeError, OverflowError) as error:
        raise BenchError(
            f"{source}: its graph cannot be read ({error}); export it again"
        ) from error
    except Exception as error:  # flatbuffers and struct raise errors of their own
        raise BenchError(f"{source}: damaged .tflite ({type(error).__name__}: {error})") from error


def _sum(tfl: Any, model: Any) -> Work:
    graph = model.Subgraphs(0)
    names = {
        number: name
        for name, number in vars(tfl.BuiltinOperator).items()
        if not name.startswith("_")
    }
    total: Counter[str] = Counter()
    constants: set[int] = set()
    for operator in (graph.Operators(i) for i in range(graph.OperatorsLength())):
        code = model.OperatorCodes(operator.OpcodeIndex())
        name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        if name in _FREE:
            continue
        inputs = [index for index in operator.InputsAsNumpy().tolist() if index >= 0]
        outputs = operator.OutputsAsNumpy().tolist()
        total["operators"] += 1
        kind, macs = _macs(name, [_shape(graph, i) for i in inputs], _shape(graph, outputs[0]))
        total[kind] += macs
        total["plain"] += macs > 0
        for index in (*inputs, *outputs):
            tensor = graph.Tensors(index)
            elements = prod(_shape(graph, index))
            if _is_constant(model, tensor):
                if index in constants:
                    continue
                constants.add(index)
                total["weights"] += elements
            else:
                total["moved"] += elements
            total["bytes_moved"] += elements * _BYTES.get(tensor.Type(), 4)
    return Work(
        dense_macs=total["dense"],
        depthwise_macs=total["depthwise"],
        moved=total["moved"],
        weights=total["weights"],
        operators=total["operators"],
        plain=total["plain"],
        bytes_moved=total["bytes_moved"],
    )


def _macs(name: str, inputs: list[list[int]], output: list[int]) -> tuple[str, int]:
    """Kind and number of the multiply-adds of an operator."""
    made = prod(output)
    if name == "CONV_2D":
        _, height, width, channels = inputs[1]
        grouped = channels != inputs[0][-1]
        return ("depthwise" if grouped else "dense"), made * height * width * channels
    if name == "DEPTHWISE_CONV_2D":
        return "depthwise", made * inputs[1][1] * inputs[1][2]
    if name == "FULLY_CONNECTED":
        return "dense", made * inputs[1][-1]
    if name == "BATCH_MATMUL":
        return "dense", made * inputs[0][-1]
    if name == "TRANSPOSE_CONV":
        out_channels, height, width, _ = inputs[1]
        return "dense", prod(inputs[2]) * height * width * out_channels
    return "other", 0


def _shape(graph: Any, index: int) -> list[int]:
    tensor = graph.Tensors(index)
    return [abs(n) for n in tensor.ShapeAsNumpy().tolist()] if tensor.ShapeLength() else []


def _is_constant(model: Any, tensor: Any) -> bool:
    buffer = model.Buffers(tensor.Buffer())
    return bool(buffer.DataLength() or buffer.Size())


def network_work(bundle: Bundle) -> Work | None:
    """The work of the bundle's network, from its first .tflite; None if it has none."""
    found = [a for a in bundle.manifest.artifacts if a.format == "tflite"]
    plain = sorted(found, key=lambda artifact: artifact.precision != "fp32")
    return read_work(bundle.read(plain[0]), source=plain[0].file) if plain else None
