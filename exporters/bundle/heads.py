"""Export of a head of another task, for phones: `python -m exporters head`.

The head reads the embeddings that a bundle's network returns, so the bundle stays as it is. The
head's files are small networks with weights in int8, trained to be that, and the rest in float32;
`head.json` beside them describes them. A sentence's are in float32 throughout.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from exporters.bundle.staging import new_folder
from exporters.errors import ConversionError
from exporters.formats.coreml.package import SUFFIX, unzip_package
from exporters.formats.coreml.vectors import OUTPUT, export_vectors
from exporters.formats.onnx.convert import remove_notes
from exporters.mil_reference.interpreter import MilReference
from mf2_edge.bundle.head_schema import TaskFile, TaskHeadSpec
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.schema import ArtifactFormat
from mf2_edge.extras import require
from mf2_edge.pipeline.task_head import HEAD
from mf2_edge.runtime.select import open_model

if TYPE_CHECKING:
    from torch import nn


TOLERANCE: Final = 1e-3
"""Largest difference of an output from the PyTorch head's: float32 sums in any order."""


def head_command(arguments: Sequence[str]) -> None:
    """Run `python -m exporters head`; raises as `export_head`, BundleError or OSError."""
    parser = argparse.ArgumentParser(prog="python -m exporters head", description=__doc__)
    parser.add_argument("head", type=Path, help="head.pt of `python -m distill adapt`")
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--bundle", help="the bundle it was trained with, by name or folder")
    network.add_argument("--checkpoint", type=Path, help="the edge network it was trained with")
    parser.add_argument("--to", nargs="+", choices=tuple(_EXPORTS), default=list(_EXPORTS))
    parser.add_argument("--out", type=Path, required=True, help="the head's folder")
    options = parser.parse_args(arguments)
    trained_with = load_bundle(options.bundle).path if options.bundle else options.checkpoint
    spec = export_head(options.head, trained_with, options.to, options.out)
    for file in spec.files:
        sys.stdout.write(f"{options.out / file.file}: {file.bytes:,} bytes\n")


def export_head(
    head: Path, trained_with: Path, formats: Sequence[ArtifactFormat], out: Path
) -> TaskHeadSpec:
    """Write `head.json` and one file for each format to the folder `out`, all or nothing.

    trained_with: an edge network's checkpoint, or its bundle's folder.

    Raises CheckpointError if the head belongs to another network or to one that returns no
    embeddings on a phone, ConversionError if a file differs from the head beyond `TOLERANCE`.
    """
    from distill.adapting.exportable import open_head

    network, spec = open_head(head, trained_with)
    with new_folder(out, HEAD, "head") as folder:
        files = []
        for kind in formats:
            path = folder / f"head{_SUFFIXES[kind]}"
            _EXPORTS[kind](network, spec.width, path)
            _compare(network, spec.width, path, kind)
            data = path.read_bytes()
            digest = sha256(data).hexdigest()
            files.append(TaskFile(file=path.name, bytes=len(data), sha256=digest, format=kind))
        spec = msgspec.structs.replace(spec, files=tuple(files))
        (folder / HEAD).write_bytes(msgspec.json.format(msgspec.json.encode(spec), indent=2))
    return spec


def _compare(network: nn.Module, width: int, path: Path, kind: ArtifactFormat) -> None:
    """Raise ConversionError unless the file's outputs are those of the network."""
    import torch

    x = np.random.default_rng(0).normal(0, 1, (8, width)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(x)).numpy()
    found = np.concatenate(_run_coreml(path, x) if kind == "coreml" else _run(path, kind, x))
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE:
        raise ConversionError(
            f"{path.name} differs from the head by {difference:.2g}; allowed: {TOLERANCE:.0e}"
        )


def _run(path: Path, kind: ArtifactFormat, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    model = open_model(path.read_bytes(), kind)
    return [model.run(row[None])[0] for row in x]


def _run_coreml(path: Path, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What the program says, computed by the reference: Core ML itself runs on Apple's systems."""
    with TemporaryDirectory() as folder:
        model = MilReference(unzip_package(path, Path(folder)))
        return [model.run_tensor(row[None])[OUTPUT] for row in x]


def _tflite(network: nn.Module, width: int, path: Path) -> None:
    import torch

    from distill.adapting.exportable import keeps_int8

    litert_torch = require("litert_torch", extra="export")
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "head.tflite"
        litert_torch.convert(network, (torch.zeros(1, width),)).export(str(raw))
        if not keeps_int8(network):
            path.write_bytes(raw.read_bytes())
            return
        package = require("ai_edge_quantizer", extra="export")
        quantizer = package.quantizer.Quantizer(str(raw))
        quantizer.load_quantization_recipe(package.recipe.weight_only_wi8_afp32())
        path.write_bytes(quantizer.quantize().quantized_model)


def _executorch(network: nn.Module, width: int, path: Path) -> None:
    import torch

    from distill.adapting.exportable import keeps_int8, with_int8_weights

    exir = require("executorch.exir", extra="export")
    xnnpack = require("executorch.backends.xnnpack.partition.xnnpack_partitioner", extra="export")
    kept = with_int8_weights(network) if keeps_int8(network) else network
    program = torch.export.export(kept, (torch.zeros(1, width),))
    edge = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    path.write_bytes(edge.to_executorch().buffer)


def _coreml(network: nn.Module, width: int, path: Path) -> None:
    from distill.adapting.exportable import keeps_int8

    export_vectors(network, width, path, int8_weights=keeps_int8(network))


def _onnx(network: nn.Module, width: int, path: Path) -> None:
    import torch

    from distill.adapting.exportable import keeps_int8

    require("onnxscript", extra="export")
    program: Any = torch.onnx.export(
        network,
        (torch.zeros(1, width),),
        dynamo=True,
        external_data=False,
        input_names=["embeddings"],
        output_names=["outputs"],
        verbose=False,
    )
    model = program.model_proto
    remove_notes(model)
    if keeps_int8(network):
        _int8_initializers(model)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _int8_initializers(model: Any) -> None:
    """Keep the matrices of an ONNX model in int8, behind a DequantizeLinear for each."""
    onnx = require("onnx", extra="export")
    graph = model.graph
    for tensor in list(graph.initializer):
        weight = onnx.numpy_helper.to_array(tensor)
        users = [node for node in graph.node if tensor.name in node.input]
        if weight.ndim != 2 or weight.dtype != np.float32 or not users:
            continue
        outputs = _output_axis(users, tensor.name)
        step = np.abs(weight).max(axis=1 - outputs) / 127
        kept = np.round(weight / np.expand_dims(step, 1 - outputs)).astype(np.int8)
        names = (f"{tensor.name}_int8", f"{tensor.name}_step")
        graph.initializer.remove(tensor)
        for name, values in zip(names, (kept, step.astype(np.float32)), strict=True):
            graph.initializer.append(onnx.numpy_helper.from_array(values, name))
        node = onnx.helper.make_node("DequantizeLinear", names, [tensor.name], axis=outputs)
        graph.node.insert(0, node)


def _output_axis(users: Sequence[Any], name: str) -> int:
    """The axis of a matrix that its products have as their last."""
    for node in users:
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        if node.op_type == "Gemm" and node.input[1] == name:
            return 0 if transposed else 1
    return 1


_EXPORTS: Final[dict[ArtifactFormat, Callable[[nn.Module, int, Path], None]]] = {
    "tflite": _tflite,
    "executorch": _executorch,
    "onnx": _onnx,
    "coreml": _coreml,
}
_SUFFIXES: Final = {
    "tflite": ".tflite",
    "executorch": ".pte",
    "onnx": ".onnx",
    "coreml": SUFFIX,
}
