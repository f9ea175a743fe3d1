"""TFLite, for LiteRT: fp32, channels last, the layout of camera pixels."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from exporters.errors import ConversionError
from exporters.formats.spec import ExportSource, Operators
from exporters.formats.tflite.graph import (
    count_operators,
    fuse_prelu,
    name_tensors,
    read_graph,
)
from exporters.formats.tflite.metadata import write_with_metadata
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing


def export_tflite(source: ExportSource, path: Path) -> Operators:
    """Write `source` as float32 .tflite with input [1, height, width, channels].

    Outputs are in the order of `source.outputs` and their tensors have these names. The stride-2
    convolutions' padding is folded (SAME), and PReLU is the native operator.

    Raises ConversionError if PReLU or padding was left decomposed, MissingExtraError without
    litert-torch.
    """
    litert_torch = require("litert_torch", extra="export")
    from torch import nn

    channels_last = litert_torch.to_channel_last_io(source.network, args=[0]).eval()
    example = source.example().permute(0, 2, 3, 1).contiguous()
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "model.tflite"
        litert_torch.convert(channels_last, (example,)).export(str(raw))
        model = read_graph(raw.read_bytes())

    expected = sum(isinstance(module, nn.PReLU) for module in source.network.modules())
    fused = fuse_prelu(model)
    name_tensors(model, ("image",), source.outputs)
    operators = count_operators(model)
    if fused != expected or operators["PAD"] or operators["TRANSPOSE"]:
        raise ConversionError(
            f"{path.name}: {fused} of {expected} PReLU became PRELU, operators are "
            f"{dict(operators)}; expected all of them and no PAD or TRANSPOSE. The converter "
            "writes a pattern that `fuse_prelu` does not match: use the pinned litert-torch"
        )
    with replacing(path) as partial:
        partial.write_bytes(write_with_metadata(model, source.manifest, source.outputs))
    return operators
