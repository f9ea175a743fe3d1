"""Weights of a .tflite stored as float16; inputs, outputs and arithmetic stay float32."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from exporters.errors import ConversionError
from exporters.formats.spec import ExportSource, Operators
from exporters.formats.tflite.fp32 import export_tflite
from exporters.formats.tflite.graph import count_operators, read_graph
from exporters.formats.tflite.metadata import write_with_metadata
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

_WEIGHTED: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def export_tflite_fp16(source: ExportSource, path: Path) -> Operators:
    """Write `source` as .tflite like `export_tflite`, its weights rounded to float16.

    The file is half as large. Each weight passes a DEQUANTIZE when the model is loaded, which
    XNNPACK does once; biases and slopes of PReLU stay float32.

    Raises ConversionError if a weight was left in float32, or as `export_tflite`.
    """
    quantizer = require("ai_edge_quantizer.quantizer", extra="export")
    kinds = require("ai_edge_quantizer.qtyping", extra="export")
    algorithms = require("ai_edge_quantizer.algorithm_manager", extra="export")

    with TemporaryDirectory() as folder:
        full = Path(folder) / "fp32.tflite"
        before = export_tflite(source, full)
        half = quantizer.Quantizer(str(full))
        half.update_quantization_recipe(
            regex=".*",
            operation_name=kinds.TFLOperationName.ALL_SUPPORTED,
            op_config=kinds.OpQuantizationConfig(
                weight_tensor_config=kinds.TensorQuantizationConfig(
                    num_bits=16, dtype=kinds.TensorDataType.FLOAT
                ),
                compute_precision=kinds.ComputePrecision.FLOAT,
            ),
            algorithm_key=algorithms.AlgorithmName.FLOAT_CASTING,
        )
        model = read_graph(bytes(half.quantize().quantized_model))

    operators = count_operators(model)
    weights = sum(operators[name] for name in _WEIGHTED)
    if operators != dict(before) | {"DEQUANTIZE": weights}:
        raise ConversionError(
            f"{path.name}: operators are {dict(operators)}; expected those of the float32 file, "
            f"{dict(before)}, and {weights} DEQUANTIZE, one a weight"
        )
    with replacing(path) as partial:
        partial.write_bytes(write_with_metadata(model, source.manifest, source.outputs))
    return operators
