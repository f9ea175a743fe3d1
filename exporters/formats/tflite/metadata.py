"""TFLite metadata: name, licence, normalisation and labels inside the file, for tools that read it.

By the published schema (`metadata_schema.fbs` of TFLite Support, file identifier M001), written
with `flatbuffers`: TFLite Support itself, last released in 2023, needs a protobuf that the other
converters refuse. Lists of labels lie in a zip behind the model, as the schema asks for; its
entries are sorted, stored and dated 1980, so that the bytes are the same each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np

from exporters.formats.metadata import file_metadata
from exporters.formats.tflite.graph import write_graph

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

ENTRY: Final = b"TFLITE_METADATA"
"""Name of the model's metadata buffer."""

_IDENTIFIER: Final = b"M001"
_PARSER: Final = "1.0.0"
_AXIS_LABELS, _RGB, _IMAGE, _FEATURE, _NORMALIZATION = 2, 1, 2, 1, 1
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def write_with_metadata(model: Any, manifest: Manifest, outputs: Sequence[str]) -> bytes:
    """The bytes of a model with metadata of `manifest`, its outputs being `outputs` in order."""
    from ai_edge_litert import schema_py_generated as tfl

    buffer, entry = tfl.BufferT(), tfl.MetadataT()
    buffer.data = np.frombuffer(_metadata(manifest, outputs), np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = ENTRY, len(model.buffers) - 1
    model.metadata = [*(each for each in model.metadata or [] if each.name != ENTRY), entry]
    stream = BytesIO()
    stream.write(write_graph(model))
    with ZipFile(stream, "a", ZIP_STORED) as archive:
        for head in sorted(manifest.heads, key=lambda head: head.name):
            file = ZipInfo(_labels_file(head.name), date_time=_EPOCH)
            file.create_system, file.external_attr = 3, 0o644 << 16  # as on any Unix
            archive.writestr(file, "\n".join(head.labels) + "\n")
    return stream.getvalue()


def _labels_file(head: str) -> str:
    return f"{head}_labels.txt"


def _metadata(manifest: Manifest, outputs: Sequence[str]) -> bytes:
    """A flatbuffer of the schema's ModelMetadata."""
    import flatbuffers

    writer = _Writer(flatbuffers.Builder(1024))
    graph = writer.table(
        {
            2: writer.tables([_image(writer, manifest)]),
            3: writer.tables([_output(writer, manifest, name) for name in outputs]),
        }
    )
    root = writer.table(
        {
            0: writer.text(manifest.name),
            1: writer.text(manifest.description),
            2: writer.text(manifest.version),
            3: writer.tables([graph]),
            5: writer.text(file_metadata(manifest)["license"]),
            7: writer.text(_PARSER),
        }
    )
    writer.builder.Finish(root, _IDENTIFIER)
    return bytes(writer.builder.Output())


def _image(writer: _Writer, manifest: Manifest) -> int:
    """TensorMetadata of the input: an RGB image, and the mean and std to normalise it by."""
    size = writer.table({}, {0: manifest.input.width, 1: manifest.input.height})
    properties = writer.table({1: size}, bytes_={0: _RGB})
    content = writer.table({1: properties}, bytes_={0: _IMAGE})
    spec = manifest.preprocessing
    options = writer.table({0: writer.floats(spec.mean), 1: writer.floats(spec.std)})
    unit = writer.table({1: options}, bytes_={0: _NORMALIZATION})
    what = "An aligned face; x = (pixel - mean) / std, pixels 0..255"
    return writer.table(
        {0: writer.text("image"), 1: writer.text(what), 3: content, 4: writer.tables([unit])}
    )


def _output(writer: _Writer, manifest: Manifest, name: str) -> int:
    """TensorMetadata of an output: logits with their labels, or a vector."""
    content = writer.table({1: writer.table({})}, bytes_={0: _FEATURE})
    fields = {0: writer.text(name), 3: content}
    if name not in {head.name for head in manifest.heads}:
        return writer.table(fields | {1: writer.text("A vector that heads of other tasks read")})
    file = writer.table({0: writer.text(_labels_file(name))}, bytes_={2: _AXIS_LABELS})
    fields |= {1: writer.text("Logits, uncalibrated"), 6: writer.tables([file])}
    return writer.table(fields)


class _Writer:
    """Tables of a flatbuffer, by the number of each field."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def text(self, value: str) -> int:
        return int(self.builder.CreateString(value))

    def floats(self, values: Sequence[float]) -> int:
        return int(self.builder.CreateNumpyVector(np.asarray(values, np.float32)))

    def tables(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def table(
        self,
        offsets: Mapping[int, int],
        numbers: Mapping[int, int] = {},
        bytes_: Mapping[int, int] = {},
    ) -> int:
        """One table of offsets, unsigned 32-bit numbers and bytes."""
        self.builder.StartObject(1 + max([-1, *offsets, *numbers, *bytes_]))
        for field, offset in offsets.items():
            self.builder.PrependUOffsetTRelativeSlot(field, offset, 0)
        for field, number in numbers.items():
            self.builder.PrependUint32Slot(field, number, 0)
        for field, number in bytes_.items():
            self.builder.PrependUint8Slot(field, number, 0)
        return int(self.builder.EndObject())
