"""The table of what the exporters can make, by format and precision.

A new format is one function in `exporters/formats` and its rows here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exporters.errors import PackError
from exporters.formats.coreml.convert import (
    export_coreml_fp16,
    export_coreml_fp32,
    export_coreml_int8,
)
from exporters.formats.coreml.package import SUFFIX
from exporters.formats.executorch import (
    export_executorch,
    export_executorch_coreml,
    export_executorch_vulkan,
)
from exporters.formats.onnx.convert import export_onnx, export_onnx_int8
from exporters.formats.spec import ExportFormat
from exporters.formats.tflite.fp16 import export_tflite_fp16
from exporters.formats.tflite.fp32 import export_tflite
from exporters.formats.tflite.int8 import export_tflite_int8

_ROWS: Final = (
    ExportFormat(
        format="tflite",
        precision="fp32",
        layout="NHWC",
        suffix=".tflite",
        packages=("litert-torch", "litert-converter", "ai-edge-litert"),
        export=export_tflite,
    ),
    ExportFormat(
        format="tflite",
        precision="fp16",
        layout="NHWC",
        suffix=".tflite",
        packages=("litert-torch", "litert-converter", "ai-edge-litert", "ai-edge-quantizer"),
        export=export_tflite_fp16,
    ),
    ExportFormat(
        format="tflite",
        precision="int8",
        layout="NHWC",
        suffix=".tflite",
        packages=("litert-torch", "litert-converter", "ai-edge-litert", "torchao"),
        export=export_tflite_int8,
    ),
    ExportFormat(
        format="tflite",
        precision="int8",
        layout="NHWC",
        suffix=".tflite",
        packages=("litert-torch", "litert-converter", "ai-edge-litert", "torchao"),
        export=export_tflite_int8,
        io_dtype="int8",
    ),
    ExportFormat(
        format="executorch",
        precision="int8",
        layout="NCHW",
        suffix=".pte",
        packages=("executorch", "torchao"),
        export=export_executorch,
    ),
    ExportFormat(
        format="executorch",
        precision="fp32",
        layout="NCHW",
        suffix=".pte",
        packages=("executorch",),
        export=export_executorch,
    ),
    ExportFormat(
        format="executorch",
        precision="fp32",
        layout="NCHW",
        suffix=".pte",
        packages=("executorch", "coremltools"),
        export=export_executorch_coreml,
        delegate="coreml",
    ),
    ExportFormat(
        format="executorch",
        precision="fp16",
        layout="NCHW",
        suffix=".pte",
        packages=("executorch", "coremltools"),
        export=export_executorch_coreml,
        delegate="coreml",
    ),
    ExportFormat(
        format="executorch",
        precision="fp32",
        layout="NCHW",
        suffix=".pte",
        packages=("executorch",),
        export=export_executorch_vulkan,
        delegate="vulkan",
    ),
    ExportFormat(
        format="coreml",
        precision="fp16",
        layout="NCHW",
        suffix=SUFFIX,
        packages=("coremltools",),
        export=export_coreml_fp16,
        input="image",
    ),
    ExportFormat(
        format="coreml",
        precision="fp32",
        layout="NCHW",
        suffix=SUFFIX,
        packages=("coremltools",),
        export=export_coreml_fp32,
        input="image",
    ),
    ExportFormat(
        format="coreml",
        precision="int8",
        layout="NCHW",
        suffix=SUFFIX,
        packages=("coremltools", "torchao"),
        export=export_coreml_int8,
        input="image",
    ),
    ExportFormat(
        format="onnx",
        precision="int8",
        layout="NCHW",
        suffix=".onnx",
        packages=("onnx", "onnxscript", "onnxruntime", "torchao"),
        export=export_onnx_int8,
    ),
    ExportFormat(
        format="onnx",
        precision="fp32",
        layout="NCHW",
        suffix=".onnx",
        packages=("onnx", "onnxscript", "onnxruntime"),
        export=export_onnx,
    ),
)

FORMATS: Final[dict[str, ExportFormat]] = {row.name: row for row in _ROWS}
"""By name. An int8 row exports the integers of `python -m distill quantize`."""


def choose_formats(names: Sequence[str], precision: str) -> tuple[ExportFormat, ...]:
    """The rows for FORMAT[/VARIANT][:PRECISION] names, `precision` being that of bare ones.

    Raises PackError, which lists the formats, for an unknown name or one given twice.
    """
    held = ", ".join(FORMATS)
    chosen = []
    for name in names:
        form, _, own = name.partition(":")
        row = FORMATS.get(f"{form}:{own or precision}")
        if row is not None:
            chosen.append(row)
        else:
            raise PackError(
                f"--to {name}{'' if own else f' with --precision {precision}'}: not made here; "
                f"expected some of {held}"
            )
    if len(set(map(id, chosen))) != len(chosen):
        raise PackError(f"--to {' '.join(names)}: a file is named twice; expected each once")
    return tuple(chosen)
