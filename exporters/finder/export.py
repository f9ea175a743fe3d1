"""Exports of the finder: one .tflite and one .onnx for any size; .pte and Core ML of fixed size.

All take RGB pixels 0..255 and return the three maps of `network.YuNet`; .tflite has channels last.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from exporters.errors import ConversionError
from exporters.finder.network import STRIDES, Upsampling, YuNet
from exporters.finder.resizable import make_resizable
from exporters.formats.coreml.package import taken_apart, zip_package
from exporters.formats.executorch import check_delegation
from exporters.formats.onnx.convert import OPSET
from exporters.formats.tflite.graph import name_tensors, read_graph, write_graph
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

if TYPE_CHECKING:
    from torch import Tensor

OUTPUTS: Final = tuple(f"stride_{stride}" for stride in STRIDES)
WEIGHTS: Final = Path(__file__).with_name("yunet_n.npz")
"""Folded weights, float32; `python -m exporters.finder import` makes the file."""

Size = tuple[int, int]
"""Height and width."""


def load_network(upsampling: Upsampling = "nearest") -> YuNet:
    """The network with the weights that lie beside this module, in eval mode."""
    import torch

    network = YuNet(upsampling)
    with np.load(WEIGHTS, allow_pickle=False) as archive:
        state = {name: torch.from_numpy(archive[name]) for name in archive.files}
    network.load_state_dict(state)
    return network.eval()


def export_tflite(path: Path, size: Size) -> None:
    """Write a float32 .tflite, NHWC, whose input may be resized; `size` is the one in the file."""
    litert_torch = require("litert_torch", extra="export")
    network = litert_torch.to_channel_last_io(load_network(), args=[0], outputs=[0, 1, 2]).eval()
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "model.tflite"
        example = _example(size).permute(0, 2, 3, 1).contiguous()
        litert_torch.convert(network, (example,)).export(str(raw))
        model = read_graph(raw.read_bytes())
    make_resizable(model)
    name_tensors(model, ("image",), OUTPUTS)
    with replacing(path) as partial:
        partial.write_bytes(write_graph(model))


def export_onnx(path: Path, size: Size) -> None:
    """Write a float32 .onnx, NCHW, with open height and width."""
    onnx = require("onnx", extra="export")
    require("onnxscript", extra="export")
    import torch

    dynamic = {2: torch.export.Dim("rows") * 32, 3: torch.export.Dim("columns") * 32}
    program = torch.onnx.export(
        load_network(),
        (_example(size),),
        dynamo=True,
        opset_version=OPSET,
        external_data=False,
        input_names=["image"],
        output_names=list(OUTPUTS),
        dynamic_shapes=(dynamic,),
        verbose=False,
    )
    assert program is not None  # `dynamo` always gives one
    model = program.model_proto
    graph = model.graph
    for entries in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
        for entry in entries:  # notes of the exporter, a fifth of the file
            del entry.metadata_props[:]
            entry.doc_string = ""
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    with replacing(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))


def export_executorch(path: Path, size: Size) -> None:
    """Write a float32 .pte, NCHW, of one size, whole in the XNNPACK delegate.

    Raises DelegationError if a part is not.
    """
    exir = require("executorch.exir", extra="export")
    xnnpack = require("executorch.backends.xnnpack.partition.xnnpack_partitioner", extra="export")
    import torch

    program = torch.export.export(load_network("stack"), (_example(size),))
    edge = exir.to_edge_transform_and_lower(program, partitioner=[xnnpack.XnnpackPartitioner()])
    check_delegation(edge.exported_program().graph_module.graph, path.name)
    with replacing(path) as partial:
        partial.write_bytes(edge.to_executorch().buffer)


def export_coreml(path: Path, size: Size) -> None:
    """Write a float16 `.mlpackage.zip` of one size for iOS 17: an RGB image in."""
    ct = require("coremltools", extra="export")
    import torch

    program = torch.export.export(load_network(), (_example(size),)).run_decompositions({})
    image = ct.ImageType(name="image", shape=(1, 3, *size), color_layout=ct.colorlayout.RGB)
    model = ct.convert(
        program,
        inputs=[image],
        outputs=[ct.TensorType(name=name, dtype=np.float32) for name in OUTPUTS],
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT16,
        skip_model_load=True,
    )
    spec, weights = taken_apart(model)
    zip_package(path, spec.SerializeToString(deterministic=True), weights)


EXPORTS: Final[dict[str, tuple[str, Callable[[Path, Size], None]]]] = {
    "tflite": (".tflite", export_tflite),
    "onnx": (".onnx", export_onnx),
    "executorch": (".pte", export_executorch),
    "coreml": (".mlpackage.zip", export_coreml),
}
"""Suffix and exporter of each format; the first two fit inputs of any size."""
RESIZABLE: Final = ("tflite", "onnx")


def run_exported(path: Path, format_name: str, image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """The maps [16, h, w] that an exported file gives for an RGB picture [H, W, 3].

    Raises ConversionError for a format that does not run here (Core ML).
    """
    channels_last = image[None].astype(np.float32)
    channels_first = np.ascontiguousarray(channels_last.transpose(0, 3, 1, 2))
    if format_name == "tflite":
        from mf2_edge.runtime.litert import LiteRTRuntime

        runtime = LiteRTRuntime(path.read_bytes(), input_shape=channels_last.shape)
        return [out[0].transpose(2, 0, 1) for out in runtime.run(channels_last)]
    if format_name == "onnx":
        ort = require("onnxruntime", extra="onnx")
        return [out[0] for out in ort.InferenceSession(path).run(None, {"image": channels_first})]
    if format_name == "executorch":
        import torch

        runtime_module = require("executorch.runtime", extra="executorch")
        program = runtime_module.Runtime.get().load_program(path)
        method = program.load_method("forward")
        return [
            out[0].clone().numpy() for out in method.execute([torch.from_numpy(channels_first)])
        ]
    raise ConversionError(f"{path.name}: {format_name} does not run on this machine")


def run_network(image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    """What PyTorch gives for the same picture, maps [16, h, w]."""
    import torch

    x = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
    with torch.no_grad():
        return [out[0].numpy() for out in load_network()(x)]


def _example(size: Size) -> Tensor:
    import torch

    return torch.zeros(1, 3, *size)
