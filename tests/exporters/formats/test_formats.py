"""The formats: what stands in the exported files, and how converters are run."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.networks.mobilefacenet import Bottleneck
from distill.training.checkpoint import load_network
from exporters.bundle.convert import convert
from exporters.errors import ConversionError, DelegationError
from exporters.formats.executorch import check_delegation, export_executorch
from exporters.formats.spec import Export, ExportSource, Operators
from exporters.formats.tflite.graph import count_operators, fuse_prelu, read_graph, write_graph
from mf2_edge.bundle.loader import Bundle, load_bundle
from tests.helpers.exported import exported_fp32

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_fp32().bundle)


def test_tflite_is_native_throughout(bundle: Bundle) -> None:
    file = bundle.path / bundle.select("tflite").file
    model = read_graph(file.read_bytes())
    network = load_network(exported_fp32().checkpoint).network
    modules = [type(module) for module in network.modules()]
    assert count_operators(model) == {
        "CONV_2D": sum(isinstance(m, nn.Conv2d) and not _depthwise(m) for m in network.modules()),
        "DEPTHWISE_CONV_2D": sum(map(_depthwise, network.modules())),
        "PRELU": modules.count(nn.PReLU),
        "ADD": sum(isinstance(m, Bottleneck) and m.residual for m in network.modules()),
        "FULLY_CONNECTED": 2,
    }


def test_tflite_names_its_inputs_and_outputs(bundle: Bundle) -> None:
    interpreter = Interpreter(str(bundle.path / bundle.select("tflite").file))
    (image,) = interpreter.get_input_details()
    assert (image["name"], image["shape"].tolist()) == ("image", [1, 112, 112, 3])
    outputs = {o["name"]: o["shape"].tolist() for o in interpreter.get_output_details()}
    assert outputs == {head.name: [1, len(head.labels)] for head in bundle.manifest.heads}
    assert list(outputs) == ["emotion", "action_units"]
    (signature,) = interpreter.get_signature_list().values()
    assert signature == {"inputs": ["image"], "outputs": ["output_0", "output_1"]}


def test_tflite_weights_are_aligned(bundle: Bundle) -> None:
    data = (bundle.path / bundle.select("tflite").file).read_bytes()
    model = tfl.Model.GetRootAs(data, 0)
    start = np.frombuffer(data, np.uint8).ctypes.data
    offsets = [
        model.Buffers(i).DataAsNumpy().ctypes.data - start
        for i in range(model.BuffersLength())
        if model.Buffers(i).DataLength()
    ]
    assert len(offsets) > 80  # weights, biases and slopes
    assert {offset % 16 for offset in offsets} == {0}


def test_equal_arrays_are_written_once(bundle: Bundle) -> None:
    model = read_graph((bundle.path / bundle.select("tflite").file).read_bytes())
    x = np.random.default_rng(0).normal(size=(1, 112, 112, 3)).astype(np.float32)
    before = write_graph(model)
    twin = np.arange(50_000, dtype=np.uint8)  # bytes of no weight
    for _ in range(3):
        metadata, buffer = tfl.MetadataT(), tfl.BufferT()
        metadata.name, metadata.buffer, buffer.data = b"twin", len(model.buffers), twin
        model.metadata = [*(model.metadata or []), metadata]
        model.buffers.append(buffer)
    after = write_graph(model)
    assert 50_000 < len(after) - len(before) < 51_000
    read = read_graph(after)
    for metadata in read.metadata[-3:]:
        assert np.array_equal(read.buffers[metadata.buffer].data, twin)
    assert np.array_equal(_run_tflite(after, x), _run_tflite(before, x))


@pytest.mark.parametrize(("factor", "fused"), [(-1.0, 1), (-2.0, 0)])
def test_only_a_true_prelu_is_fused_and_exactly(factor: float, fused: int) -> None:
    rng = np.random.default_rng(0)
    x, slope = rng.normal(size=(1, 4, 4, 8)).astype(np.float32), rng.normal(size=8) * 3
    model = read_graph(_decomposed_prelu(slope.astype(np.float32), factor))
    expected = _run_tflite(write_graph(model), x)
    assert fuse_prelu(model) == fused
    assert count_operators(model)["PRELU"] == fused
    assert np.array_equal(_run_tflite(write_graph(model), x), expected)


def test_operators_outside_the_delegate_are_listed() -> None:
    def call(target: Any) -> Any:
        return SimpleNamespace(op="call_function", target=target)

    nodes = [call("executorch_call_delegate"), call("aten.cumsum.default")]
    with pytest.raises(DelegationError, match=r"m\.pte: .*1 x aten\.cumsum\.default"):
        check_delegation(SimpleNamespace(nodes=nodes), "m.pte")
    with pytest.raises(DelegationError, match="everything"):
        check_delegation(SimpleNamespace(nodes=[]), "m.pte")
    assert check_delegation(SimpleNamespace(nodes=nodes[:1]), "m.pte") == {}
    graph = SimpleNamespace(nodes=nodes)
    assert check_delegation(graph, "m.pte", partial=True) == {"aten.cumsum.default": 1}


def test_a_network_that_xnnpack_cannot_take_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cumsum(torch.relu(x), dim=1)

    source = ExportSource(Odd().eval(), bundle.manifest, bundle.select("executorch"))
    with pytest.raises(DelegationError, match="cumsum"):
        export_executorch(source, tmp_path / "odd.pte")
    assert list(tmp_path.iterdir()) == []


# Conversions in their own process


def _exit(source: ExportSource, path: Path) -> Operators:
    os.write(1, b"last words\n")
    os._exit(7)


def _fail(source: ExportSource, path: Path) -> Operators:
    raise RuntimeError("no such kernel")


@pytest.mark.parametrize(
    ("export", "message"),
    [(_exit, "(?s)m.x could not be made.*exit code 7.*last words"), (_fail, "no such kernel")],
)
def test_a_converter_that_fails_is_reported(
    bundle: Bundle, export: Export, message: str, tmp_path: Path
) -> None:
    artifact = msgspec.structs.replace(bundle.select("tflite"), file="m.x")
    with pytest.raises(ConversionError, match=message):
        convert(exported_fp32().checkpoint, export, bundle.manifest, artifact, tmp_path)


def _depthwise(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d) and module.groups > 1


def _decomposed_prelu(slope: NDArray[np.float32], factor: float) -> bytes:
    """A .tflite of relu(x) - slope * relu(factor * x), written as litert-torch writes it."""
    channels = len(slope)
    model, graph = tfl.ModelT(), tfl.SubGraphT()
    model.version, model.subgraphs, model.buffers = 3, [graph], [tfl.BufferT()]
    graph.tensors, graph.operators = [], []

    def tensor(shape: list[int], data: Any = None) -> int:
        made, buffer = tfl.TensorT(), tfl.BufferT()
        made.name, made.shape, made.type = b"t", np.array(shape, np.int32), 0
        if data is not None:
            buffer.data = np.frombuffer(np.asarray(data, np.float32).tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            model.buffers.append(buffer)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(code: int, inputs: list[int], output: int, kind: int, options: Any) -> None:
        made = tfl.OperatorT()
        made.opcodeIndex = code
        made.inputs, made.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        made.builtinOptionsType, made.builtinOptions = kind, options
        graph.operators.append(made)

    model.operatorCodes = []
    for code in (tfl.BuiltinOperator.RELU, tfl.BuiltinOperator.MUL, tfl.BuiltinOperator.SUB):
        entry = tfl.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        entry.version = 1
        model.operatorCodes.append(entry)
    x, positive, negative, scaled, out = (tensor([1, 4, 4, channels]) for _ in range(5))
    fused = tfl.MulOptionsT()
    fused.fusedActivationFunction = tfl.ActivationFunctionType.RELU
    kinds = tfl.BuiltinOptions
    operator(0, [x], positive, 0, None)
    operator(1, [x, tensor([], factor)], negative, kinds.MulOptions, fused)
    weight = tensor([1, 1, 1, channels], slope)
    operator(1, [negative, weight], scaled, kinds.MulOptions, tfl.MulOptionsT())
    operator(2, [positive, scaled], out, kinds.SubOptions, tfl.SubOptionsT())
    graph.inputs, graph.outputs = np.array([x], np.int32), np.array([out], np.int32)
    model.signatureDefs = []
    return write_graph(model)


def _run_tflite(data: bytes, x: Any) -> Any:
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
