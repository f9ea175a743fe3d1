"""8-bit integers: one network, the same answers from every runtime, and integers throughout."""

from __future__ import annotations

from hashlib import sha256
from itertools import combinations
from pathlib import Path

import coremltools as ct
import msgspec
import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as tfl

from distill.training.checkpoint import load_integers
from exporters.__main__ import main
from exporters.checks.agreement import compare_all
from exporters.checks.faces import synthetic_faces
from exporters.checks.parity import Reference, measure_parity, run_network
from exporters.checks.run import run_artifact
from exporters.errors import ConversionError, ParityError
from exporters.formats.coreml.convert import _operators
from exporters.formats.coreml.int8 import check_integers as check_coreml
from exporters.formats.coreml.package import WEIGHTS, unzip_package, zip_package
from exporters.formats.onnx.int8 import check_integers as check_onnx
from exporters.formats.onnx.int8 import (
    quantize_biases,
)
from exporters.formats.pt2e import unfold_weights
from exporters.formats.tflite.graph import count_operators, read_graph
from exporters.formats.tflite.int8 import _check_integers
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec
from tests.helpers.exported import NAME, exported_fp32, exported_int8

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_int8())


def integers_of(bundle: Bundle) -> list[ArtifactSpec]:
    return [a for a in bundle.manifest.artifacts if a.precision == "int8"]


@pytest.mark.parametrize("place", range(5))
def test_integers_answer_as_the_network_that_simulated_them(bundle: Bundle, place: int) -> None:
    artifact = integers_of(bundle)[place]
    assert artifact.parity is not None
    assert "8-bit integers" in artifact.parity.reference
    assert artifact.parity.psnr_db is not None
    assert artifact.parity.psnr_db > 15  # random weights; trained ones are within TOLERANCES
    floats = bundle.select("tflite", "fp32")
    # Not 1 / 4: this small network has as much structure as weights.
    assert artifact.bytes < floats.bytes * (0.8 if artifact.format == "onnx" else 0.65)


def test_runtimes_agree_on_the_integers(bundle: Bundle) -> None:
    faces = synthetic_faces(112, 112).images[:32]
    artifacts = integers_of(bundle)
    answers = [run_artifact(bundle, a, faces)[0] for a in artifacts]
    for head in zip(*answers, strict=True):
        flat = [values.ravel() for values in head]
        assert np.corrcoef(flat).min() > 0.95
    assert [(a.format, a.io_dtype) for a in artifacts] == [
        ("tflite", "float32"),
        ("tflite", "int8"),
        ("executorch", "float32"),
        ("coreml", "float32"),
        ("onnx", "float32"),
    ]


def test_formats_are_compared_with_one_another(bundle: Bundle) -> None:
    card = (bundle.path / "README.md").read_text()
    assert "Files of integers beside one another" in card
    names = [a.file for a in integers_of(bundle)]
    for a, b in combinations(names, 2):
        assert f"| {a} | {b} | " in card
    faces = synthetic_faces(112, 112).images[:8]
    first, second = (run_artifact(bundle, a, faces)[0] for a in integers_of(bundle)[:2])
    (same,) = compare_all(bundle.manifest, {"a": first, "b": first})
    assert (same.max_abs_difference, same.emotion, same.action_units) == (0, 1, 1)
    shifted = [-output for output in first]
    (other,) = compare_all(bundle.manifest, {"a": first, "b": shifted})
    assert other.max_abs_difference > 0.1
    assert other.action_units < 1
    assert len(compare_all(bundle.manifest, {"a": first, "b": second, "c": shifted})) == 3


def test_int8_input_and_outputs_are_int8(bundle: Bundle) -> None:
    artifact = integers_of(bundle)[1]
    assert artifact.file == "mf2-edge-base-int8-int8-io.tflite"
    model = read_graph(bundle.read(artifact))
    graph = model.subgraphs[0]
    kinds = {graph.tensors[i].type for i in (*graph.inputs, *graph.outputs)}
    assert kinds == {tfl.TensorType.INT8}
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(count_operators(model))
    _check_integers(model, count_operators(model), None, "file")
    with pytest.raises(ConversionError, match="floats at both ends alone"):
        _check_integers(model, count_operators(model), 4, "file")


# ONNX


def test_an_onnx_of_integers_computes_in_integers(bundle: Bundle) -> None:
    model = onnx.load_from_string(bundle.read(bundle.select("onnx", "int8")))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    check_onnx(model, "file")
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    stored = {entry.name: entry for entry in model.graph.initializer}
    producer = {name: node for node in model.graph.node for name in node.output}
    for layer in layers:
        weight, bias = (stored[producer[name].input[0]] for name in layer.input[1:])
        assert (weight.data_type, bias.data_type) == (
            onnx.TensorProto.UINT8,
            onnx.TensorProto.INT32,
        )
    floats = onnx.load_from_string(bundle.read(bundle.select("onnx", "fp32")))
    count = sum(node.op_type in ("Conv", "Gemm") for node in floats.graph.node)
    assert len(layers) == count
    assert quantize_biases(model) == 0
    layers[0].input[0] = "image"
    with pytest.raises(ConversionError, match="reads image in floats"):
        check_onnx(model, "file")
    with pytest.raises(ConversionError, match="in floats"):
        check_onnx(floats, "file")


# Core ML


def test_an_ml_program_of_integers_holds_integers(bundle: Bundle, tmp_path: Path) -> None:
    artifact = bundle.select("coreml", "int8")
    package = unzip_package(bundle.path_of(artifact), tmp_path)
    spec = ct.utils.load_spec(str(package))
    check_coreml(spec, "file")
    operations = _operators(spec)
    layers = operations["conv"] + operations["linear"]
    assert operations["constexpr_affine_dequantize"] == layers
    assert operations["quantize"] > layers
    told = spec.description.metadata.userDefined
    assert told["bundle"] == bundle.manifest.name
    assert told["checkpoint_sha256"] == bundle.manifest.provenance.checkpoint_sha256
    assert spec.description.input[0].type.WhichOneof("Type") == "imageType"
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    conv = next(o for o in block.operations if o.type == "conv")
    conv.inputs["x"].arguments[0].name = conv.inputs["bias"].arguments[0].name
    with pytest.raises(ConversionError, match="comes from const, not dequantize"):
        check_coreml(spec, "file")


def test_a_wrong_scale_of_integers_fails_the_gate(bundle: Bundle, tmp_path: Path) -> None:
    """Twice the scale of one stored weight, and the same file under a right checksum."""
    artifact = bundle.select("coreml", "int8")
    network = load_integers(exported_int8().parent / "network.pt2")
    faces = synthetic_faces(112, 112).images[:4]
    outputs = run_network(network, faces, bundle.manifest.preprocessing)
    reference = Reference(faces, outputs, len(faces), "toy faces", "it")
    package = unzip_package(bundle.path_of(artifact), tmp_path)
    spec = ct.utils.load_spec(str(package))
    function = spec.mlProgram.functions["main"]
    block = function.block_specializations[function.opset]
    head = next(o for o in block.operations if o.type == "linear")
    stored = next(
        o for o in block.operations if o.outputs[0].name == head.inputs["weight"].arguments[0].name
    )
    place = stored.attributes["scale"].immediateValue.tensor.bytes
    values = np.frombuffer(place.values, np.float16) * np.float16(2)
    place.values = values.astype(np.float16).tobytes()
    weights = (package / "Data" / WEIGHTS).read_bytes()
    zip_package(tmp_path / artifact.file, spec.SerializeToString(), weights)
    data = (tmp_path / artifact.file).read_bytes()
    changed = msgspec.structs.replace(artifact, bytes=len(data), sha256=sha256(data).hexdigest())
    manifest = msgspec.structs.replace(bundle.manifest, artifacts=(changed,))
    with pytest.raises(ParityError, match="differs from the network"):
        measure_parity(
            Bundle(tmp_path.resolve(), manifest, bundle.manifest_sha256), changed, reference
        )


def test_w8a8_needs_ios_17(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*exported_fp32().arguments(tmp_path / NAME), "--to", "coreml:int8", "--ios", "16"]
    assert main(arguments) == 2
    assert "coreml:int8 needs iOS 17" in capsys.readouterr().err


def test_a_tflite_of_integers_computes_in_integers(bundle: Bundle) -> None:
    model = read_graph((bundle.path / bundle.select("tflite", "int8").file).read_bytes())
    operators = count_operators(model)
    assert set(operators) == {
        *("QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "RESHAPE", "FULLY_CONNECTED"),
        "DEQUANTIZE",
    }
    assert (operators["QUANTIZE"], operators["DEQUANTIZE"]) == (1, 4)  # logits, vectors
    floats = count_operators(
        read_graph((bundle.path / bundle.select("tflite", "fp32").file).read_bytes())
    )
    for layers in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "FULLY_CONNECTED"):
        assert operators[layers] == floats[layers]
    with pytest.raises(ConversionError, match="floats at both ends alone"):
        _check_integers(model, operators | {"CONV_2D": 3, "RELU": 1}, 4, "file")
    with pytest.raises(ConversionError, match="floats at both ends alone"):
        _check_integers(model, operators, 1, "file")


def test_unfolded_weights_are_the_same_network() -> None:
    network = load_integers(exported_int8().parent / "network.pt2")
    unfolded = unfold_weights(network)
    x = torch.randn(2, 3, 112, 112)
    with torch.inference_mode():
        for before, after in zip(network(x), unfolded(x), strict=True):
            assert torch.equal(before, after)


def test_integers_that_are_missing_or_something_else_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*exported_fp32().arguments(tmp_path / NAME), "--to", "tflite:int8"]
    assert main(arguments) == 2
    assert "int8 needs the network in integers" in capsys.readouterr().err
    (tmp_path / "text.pt2").write_text("not a program")
    assert main([*arguments, "--integers", str(tmp_path / "text.pt2")]) == 2
    assert "is no integer network" in capsys.readouterr().err
    assert not (tmp_path / NAME).exists()
