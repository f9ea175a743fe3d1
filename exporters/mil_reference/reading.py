"""Reads the program and the constants of a saved `.mlpackage`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from exporters.errors import MilError
from exporters.formats.coreml.package import MODEL
from mf2_edge.extras import require

if TYPE_CHECKING:
    from torch import Tensor

Value: TypeAlias = "Tensor | str"
"""Numbers: floats as float32 (float16 fits into it), integers as int64, truths as bool. Or text."""


_BYTES: Final = {"FLOAT16": np.float16, "INT8": np.int8, "UINT8": np.uint8}
"""Types that a program holds as bytes."""

_WIDE: Final = {
    "FLOAT16": np.float32,
    "FLOAT32": np.float32,
    "BOOL": np.bool_,
    **dict.fromkeys(("INT8", "UINT8", "INT32"), np.int64),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with one result; constants are results that were there before.

    Those that it holds itself are named after it.
    """

    type: str
    inputs: Mapping[str, str]
    """Name of the value for each parameter."""
    output: str
    is_half: bool
    """Whether the program declares the result float16."""


@dataclass(frozen=True, slots=True)
class Program:
    """The function `main`."""

    image: str
    """Name of the one input."""
    is_rgb: bool
    """Whether its channels are in the order red, green, blue; else blue, green, red."""
    shape: tuple[int, ...]
    """(1, 3, height, width)."""
    constants: Mapping[str, Value]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


def read_program(package: Path) -> Program:
    """Read a saved package; raises MilError if it holds something other than such a program."""
    ct = require("coremltools", extra="export")
    spec = ct.utils.load_spec(str(package))
    entries = spec.description.input
    if len(entries) != 1 or entries[0].type.WhichOneof("Type") != "imageType":
        raise MilError(f"{package.name} takes {[d.name for d in entries]}; expected one image")
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    blobs = _Blobs(package)
    constants, operations = {}, []
    for entry in block.operations:
        if len(entry.outputs) != 1 or entry.blocks:
            raise MilError(f"operation {entry.type} has blocks or several results; expected one")
        if entry.type == "const":
            constants[entry.outputs[0].name] = blobs.value(entry.attributes["val"])
        else:
            # Compressed constants hold their parameters as attributes; the others have inputs.
            stored = {key: value for key, value in entry.attributes.items() if key != "name"}
            named = {key: f"{entry.outputs[0].name}/{key}" for key in stored}
            constants |= {named[key]: blobs.value(value) for key, value in stored.items()}
            operations.append(_operation(entry, named))
    image = entries[0].type.imageType
    return Program(
        image=entries[0].name,
        is_rgb=image.ColorSpace.Name(image.colorSpace) == "RGB",
        shape=_shape(function.inputs[0].type.tensorType),
        constants=constants,
        operations=tuple(operations),
        outputs=tuple(block.outputs),
    )


def _operation(entry: Any, stored: Mapping[str, str]) -> Operation:
    inputs = dict(stored)
    for parameter, argument in entry.inputs.items():
        if len(argument.arguments) != 1 or not argument.arguments[0].name:
            raise MilError(f"operation {entry.type}: {parameter} is not one named value")
        inputs[parameter] = argument.arguments[0].name
    (output,) = entry.outputs
    return Operation(entry.type, inputs, output.name, _type(output.type.tensorType) == "FLOAT16")


class _Blobs:
    """The constants, in the program itself or in the file beside it."""

    def __init__(self, package: Path) -> None:
        storage = require("coremltools.libmilstoragepython", extra="export")
        self._folder = (package / "Data" / MODEL).parent
        self._open = storage._BlobStorageReader
        self._readers: dict[str, Any] = {}

    def value(self, spec: Any) -> Value:
        """A constant; raises MilError if it is of a type that no export of ours uses."""
        import torch

        tensor = spec.type.tensorType
        kind = _type(tensor)
        if spec.WhichOneof("value") == "blobFileValue":
            data = self._stored(spec.blobFileValue, kind)
        else:
            data = _immediate(spec.immediateValue.tensor, kind)
        if kind == "STRING":
            return str(data[0])
        array: NDArray[Any] = np.asarray(data).astype(_WIDE[kind]).reshape(_shape(tensor))
        return torch.from_numpy(np.ascontiguousarray(array))

    def _stored(self, place: Any, kind: str) -> Any:
        file = place.fileName.removeprefix("@model_path/")
        if file not in self._readers:
            self._readers[file] = self._open(str(self._folder / file))
        reader = self._readers[file]
        if kind == "FLOAT16":
            return np.asarray(reader.read_fp16_data(place.offset), np.uint16).view(np.float16)
        if kind == "FLOAT32":
            return reader.read_float_data(place.offset)
        if kind == "INT8":
            return np.asarray(reader.read_int8_data(place.offset)).view(np.int8)
        raise MilError(f"{file} holds a constant of type {kind}; expected floats or INT8")


def _immediate(tensor: Any, kind: str) -> Any:
    if kind in _BYTES:
        return np.frombuffer(tensor.bytes.values, _BYTES[kind])
    fields = {"FLOAT32": "floats", "INT32": "ints", "BOOL": "bools", "STRING": "strings"}
    if kind not in fields:
        raise MilError(f"a constant of type {kind}; expected {', '.join([*_BYTES, *fields])}")
    return list(getattr(tensor, fields[kind]).values)


def _type(tensor: Any) -> str:
    """Such as FLOAT16."""
    from coremltools.proto import MIL_pb2

    return str(MIL_pb2.DataType.Name(tensor.dataType))


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(each.constant.size) for each in tensor.dimensions)
