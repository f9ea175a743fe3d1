"""TFLite in 8-bit integers, from a network that was trained with its rounding.

With float32 input and outputs, which browsers need, or int8 ones, for chips without floats.

litert-torch silently folds integer weights to floats unless they are in the pattern of its own
quantizer, so the weights are unfolded first, and the file is checked.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from exporters.errors import ConversionError
from exporters.formats.pt2e import unfold_weights
from exporters.formats.spec import ExportSource, Operators
from exporters.formats.tflite.float_io import add_float_io
from exporters.formats.tflite.graph import count_operators, name_tensors, read_graph
from exporters.formats.tflite.metadata import write_with_metadata
from exporters.formats.tflite.padding import fold_padding
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

_INTEGER: Final = {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MEAN", "FULLY_CONNECTED", "RESHAPE"}
_QUANTIZERS: Final = ("QUANTIZE", "DEQUANTIZE")


def export_tflite_int8(source: ExportSource, path: Path) -> Operators:
    """Write `source`, an integer network, as .tflite with input [1, height, width, channels].

    Input and outputs are of `source.artifact.io_dtype`; int8 ones state their scale and zero point.
    Outputs are in the order of `source.outputs`, and their tensors have these names.

    Raises ConversionError if anything but input and output computes in floats, MissingExtraError
    without litert-torch.
    """
    litert_torch = require("litert_torch", extra="export")
    scheme = require("litert_torch.quantize.pt2e_quantizer", extra="export")
    settings = require("litert_torch.quantize.quant_config", extra="export")
    quantizer = scheme.PT2EQuantizer().set_global(
        scheme.get_symmetric_quantization_config(is_per_channel=True, is_dynamic=False)
    )
    example = source.example().permute(0, 2, 3, 1).contiguous()
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "model.tflite"
        litert_torch.convert(
            _channels_last(unfold_weights(source.network)),
            (example,),
            quant_config=settings.QuantConfig(pt2e_quantizer=quantizer),
            strict_export=False,
        ).export(str(raw))
        model = read_graph(raw.read_bytes())
    fold_padding(model)
    floats = source.artifact.io_dtype == "float32"
    if floats:
        add_float_io(model)
    name_tensors(model, ("image",), source.outputs)
    operators = count_operators(model)
    _check_integers(model, operators, len(source.outputs) if floats else None, path.name)
    with replacing(path) as partial:
        partial.write_bytes(write_with_metadata(model, source.manifest, source.outputs))
    return operators


def _channels_last(network: Any) -> Any:
    from torch import Tensor, nn

    class ChannelsLast(nn.Module):
        """Takes (1, H, W, C)."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Any:
            """The network's outputs."""
            return self.network(x.permute(0, 3, 1, 2))

    return ChannelsLast()


def _check_integers(model: Any, operators: Operators, outputs: int | None, name: str) -> None:
    """Raise ConversionError unless only input and outputs are floats.

    outputs: how many there are behind a DEQUANTIZE; None for a model with int8 inputs and outputs.
    """
    from ai_edge_litert import schema_py_generated as tfl

    expected = (
        dict.fromkeys(_QUANTIZERS, 0) if outputs is None else {"QUANTIZE": 1, "DEQUANTIZE": outputs}
    )
    tensors = model.subgraphs[0].tensors
    floats = [tensor for tensor in tensors if tensor.type == tfl.TensorType.FLOAT32]
    used = {int(i) for op in model.subgraphs[0].operators for i in (*op.inputs, *op.outputs)}
    inside = sum(any(tensors[i] is tensor for tensor in floats) for i in used)
    strange = {
        kind: count for kind, count in operators.items() if kind not in {*_INTEGER, *_QUANTIZERS}
    }
    found = {kind: operators.get(kind, 0) for kind in expected}
    if strange or found != expected or inside != sum(expected.values()):
        raise ConversionError(
            f"{name}: operators are {dict(operators)}, {inside} tensors are float32; expected only "
            f"{', '.join(sorted(_INTEGER))} between {expected}, and floats at both ends alone"
        )
