"""Reads the program and the constants of a saved `.mlpackage`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

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

    Those that it holds itself are named after it. Of an operation with several results, such as
    `split`, there is one a result, whose parameter `place` says which; a parameter with several
    values, such as `values` of `concat`, has one name for each, `values/0` and so on.
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

    input: str
    """Name of the one input."""
    order: Literal["RGB", "BGR"] | None
    """Order of an image's channels; None where the input is a tensor."""
    shape: tuple[int, ...]
    """Of the input; (1, 3, height, width) of an image."""
    constants: Mapping[str, Value]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


def read_program(package: Path) -> Program:
    """Read a saved package; raises MilError if it holds something other than such a program."""
    import torch

    ct = require("coremltools", extra="export")
    spec = ct.utils.load_spec(str(package))
    entries = spec.description.input
    if len(entries) != 1 or _kind(entries[0]) not in ("imageType", "multiArrayType"):
        names = [each.name for each in entries]
        raise MilError(f"{package.name} takes {names}; expected one image or one tensor")
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    blobs = _Blobs(package)
    constants: dict[str, Value] = {}
    operations: list[Operation] = []
    for entry in block.operations:
        if entry.blocks:
            raise MilError(f"operation {entry.type} has blocks; expected none")
        if entry.type == "const":
            constants[entry.outputs[0].name] = blobs.value(entry.attributes["val"])
        else:
            # Compressed constants hold their parameters as attributes; the others have inputs.
            stored = {key: value for key, value in entry.attributes.items() if key != "name"}
            named = {key: f"{entry.outputs[0].name}/{key}" for key in stored}
            constants |= {named[key]: blobs.value(value) for key, value in stored.items()}
            for place, output in enumerate(entry.outputs):
                if len(entry.outputs) > 1:
                    named["place"] = f"{output.name}/place"
                    constants[named["place"]] = torch.tensor(place)
                operations.append(_operation(entry, output, named))
    return Program(
        input=entries[0].name,
        order=_order(entries[0]),
        shape=_shape(function.inputs[0].type.tensorType),
        constants=constants,
        operations=tuple(operations),
        outputs=tuple(block.outputs),
    )


def _kind(entry: Any) -> str:
    return str(entry.type.WhichOneof("Type"))


def _order(entry: Any) -> Literal["RGB", "BGR"] | None:
    if _kind(entry) != "imageType":
        return None
    image = entry.type.imageType
    return "RGB" if image.ColorSpace.Name(image.colorSpace) == "RGB" else "BGR"


def _operation(entry: Any, output: Any, stored: Mapping[str, str]) -> Operation:
    inputs = dict(stored)
    for parameter, argument in entry.inputs.items():
        names = [each.name for each in argument.arguments]
        if not all(names):
            raise MilError(f"operation {entry.type}: {parameter} is not made of named values")
        several = {f"{parameter}/{place}": name for place, name in enumerate(names)}
        inputs |= {parameter: names[0]} if len(names) == 1 else several
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
