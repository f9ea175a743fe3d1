"""ONNX, for ONNX Runtime: fp32 or QDQ int8, channels first, one file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from exporters.errors import ConversionError
from exporters.formats.metadata import file_metadata
from exporters.formats.onnx.int8 import (
    check_integers,
    quantize_biases,
    round_additions,
    to_unsigned,
)
from exporters.formats.spec import ExportSource, Operators
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

OPSET: Final = 20
"""Of the operators; onnxruntime reads it from 1.17 on."""


def export_onnx(source: ExportSource, path: Path) -> Operators:
    """Write `source` as float32 .onnx; see `_export`."""
    model = _export(source, path.name)
    _save(model, path)
    return Counter(node.op_type for node in model.graph.node)


def export_onnx_int8(source: ExportSource, path: Path) -> Operators:
    """Write `source`, an integer network, as .onnx in QDQ form; see `_export`.

    Input and outputs are float32. Raises ConversionError also if a layer reads floats
    or its weights are not uint8.
    """
    model = _export(source, path.name)
    quantize_biases(model)
    to_unsigned(model)
    round_additions(model)
    check_integers(model, path.name)
    _save(model, path)
    return Counter(node.op_type for node in model.graph.node)


def _export(source: ExportSource, name: str) -> Any:
    """The model: float32 `image` [1, channels, height, width] in, the heads out.

    The heads bear their names; `metadata_props` hold what `file_metadata` says. Notes of the
    exporter on each node, among them paths of this machine, are left out.

    Raises ConversionError if the model is of another opset, MissingExtraError without onnx.
    """
    require("onnx", extra="export")
    require("onnxscript", extra="export")
    import torch

    program = torch.onnx.export(
        source.network,
        (source.example(),),
        dynamo=True,
        opset_version=OPSET,
        external_data=False,
        input_names=["image"],
        output_names=list(source.outputs),
        verbose=False,
    )
    assert program is not None  # `dynamo` always gives one
    model = program.model_proto
    _describe(model, source.manifest)
    opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    if opsets != {"ai.onnx": OPSET}:
        raise ConversionError(f"{name}: opsets {opsets}; expected ai.onnx {OPSET} alone")
    return model


def _save(model: Any, path: Path) -> None:
    """Write the file; raises ConversionError if the model is not valid."""
    import onnx

    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ConversionError(f"{path.name}: not a valid ONNX model: {error}") from error
    with replacing(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))


def remove_notes(model: Any) -> None:
    """Remove what the exporter noted on the model and its parts: places in code, on whose disk."""
    graph = model.graph
    described = [graph.node, graph.input, graph.output, graph.value_info, graph.initializer]
    for part in (model, graph, *(entry for entries in described for entry in entries)):
        del part.metadata_props[:]
        part.doc_string = ""


def _describe(model: Any, manifest: Manifest) -> None:
    """Replace what the exporter noted on the model and its parts by what the manifest says."""
    remove_notes(model)
    graph = model.graph
    for key, value in file_metadata(manifest).items():
        model.metadata_props.add(key=key, value=value)
    graph.name = manifest.name
    model.doc_string = manifest.description
