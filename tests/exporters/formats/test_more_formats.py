"""ONNX, TFLite with float16 weights and Core ML, as they stand in a bundle."""

from __future__ import annotations

import json
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter

import mf2_edge
from distill.training.checkpoint import load_network
from exporters.checks.faces import extreme_inputs, load_faces
from exporters.checks.parity import Reference, measure_parity, run_network
from exporters.formats.coreml.convert import export_coreml_fp16
from exporters.formats.spec import ExportSource
from exporters.formats.tflite.graph import count_operators, read_graph
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec
from mf2_edge.cli.main import main
from mf2_edge.errors import BundleError, InferenceError, MissingExtraError
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.runtime.onnx import OnnxRuntime
from mf2_edge.runtime.select import choose_artifact, open_artifact
from mf2_edge.verify import Outcome, verify_bundle
from tests.helpers.exported import exported_fp32, exported_more

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PORTRAIT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
STORE = ROOT / "runs" / "cache" / "rafdb"
NETWORK = ROOT / "runs" / "mf2-edge-base" / "network.pt"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_more())


def test_the_manifest_tells_the_formats_apart(bundle: Bundle) -> None:
    found = [(a.format, a.precision, a.layout, a.input) for a in bundle.manifest.artifacts]
    assert found == [
        ("onnx", "fp32", "NCHW", "tensor"),
        ("tflite", "fp16", "NHWC", "tensor"),
        ("coreml", "fp16", "NCHW", "image"),
    ]
    assert bundle.manifest.schema_version == "2.0"
    coreml = bundle.select("coreml")
    assert coreml.file == "mf2-edge-base-fp16.mlpackage.zip"
    assert coreml.minimum_os == {"ios": "15.0", "macos": "12.0"}
    for artifact in bundle.manifest.artifacts:
        figures = artifact.parity
        assert figures is not None
        assert figures.images == 256
        assert figures.au_agreement >= 0.995
        assert figures.psnr_db is not None
        assert figures.psnr_db > (80 if artifact.precision == "fp32" else 40)
    if sys.platform != "darwin":
        assert coreml.parity is not None
        assert "Core ML did not run" in str(coreml.parity.engine)
    assert "| image |" in (bundle.path / "README.md").read_text()


def test_verify_checks_what_it_cannot_run(bundle: Bundle, tmp_path: Path) -> None:
    checks = {check.name: check for check in verify_bundle(bundle)}
    skipped = [name for name, check in checks.items() if check.outcome is Outcome.SKIPPED]
    assert skipped == ["model mf2-edge-base-fp16.mlpackage.zip"]
    assert checks["mf2-edge-base-fp16.mlpackage.zip"].outcome is Outcome.OK
    damaged = Path(shutil.copytree(bundle.path, tmp_path / "damaged"))
    file = damaged / "mf2-edge-base-fp16.mlpackage.zip"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert main(["verify", "--bundle", str(damaged)]) == 1


# ONNX


def test_onnx_says_what_it_is(bundle: Bundle) -> None:
    data = bundle.read(bundle.select("onnx"))
    model = onnx.load_from_string(data)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert [each.name for each in model.graph.input] == ["image"]
    assert [each.name for each in model.graph.output] == ["emotion", "action_units"]
    notes = {entry.key: entry.value for entry in model.metadata_props}
    assert notes["bundle"] == bundle.manifest.name
    assert json.loads(notes["labels.emotion"]) == list(bundle.manifest.head("emotion").labels)
    assert json.loads(notes["labels.action_units"])[0] == "AU1"
    assert notes["license"].startswith(bundle.manifest.license.name)
    assert b"stack_trace" not in data
    assert str(ROOT).encode() not in data


def test_onnx_answers_as_the_network_does(bundle: Bundle) -> None:
    # The first face of the goldens is this very face, cut out by what BlazeFace finds.
    analyzer = FaceStateAnalyzer(
        bundle, runtime="onnx", detector=BlazeFaceDetector(), include_experimental=True
    )
    (face,) = analyzer.predict(PORTRAIT)
    with np.load(bundle.path / "goldens.npz") as goldens:
        scores, units = goldens["emotion_scores"][0], goldens["au_scores"][0]
    assert list(face.emotion.scores.values()) == pytest.approx(scores, abs=1e-4)
    assert [unit.score for unit in face.action_units.values()] == pytest.approx(units, abs=1e-4)


def test_onnx_refuses_what_does_not_fit(bundle: Bundle) -> None:
    model = open_artifact(bundle, choose_artifact(bundle, "onnx"))
    with pytest.raises(InferenceError, match=r"the model takes float32 \[1, 3, 112, 112\]"):
        model.run(np.zeros((1, 112, 112, 3), np.float32))
    with pytest.raises(InferenceError, match="NaN or infinity"):
        model.run(np.full((1, 3, 112, 112), np.nan, np.float32))
    with pytest.raises(BundleError, match="ONNX Runtime cannot load the model"):
        OnnxRuntime(b"not a model at all")
    with pytest.raises(ValueError, match="num_threads=0"):
        OnnxRuntime(b"", num_threads=0)


def test_onnx_without_its_engine_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mf2-edge\[onnx\]'"):
        OnnxRuntime(b"")


# TFLite with float16 weights


def test_float16_weights_and_float32_inputs_and_outputs(bundle: Bundle) -> None:
    full = load_bundle(exported_fp32().bundle)
    whole, half = full.read(full.select("tflite")), bundle.read(bundle.select("tflite"))
    assert len(half) < 0.56 * len(whole)
    before, after = count_operators(read_graph(whole)), count_operators(read_graph(half))
    weights = sum(before[name] for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"))
    assert after == before | {"DEQUANTIZE": weights}
    graph = read_graph(half).subgraphs[0]
    types = [tensor.type for tensor in graph.tensors]
    assert types.count(tfl.TensorType.FLOAT16) == weights
    interpreter = Interpreter(model_content=half)
    entries = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert [entry["name"] for entry in entries] == ["image", "emotion", "action_units"]
    assert all(entry["dtype"] is np.float32 for entry in entries)


# Real faces


@pytest.mark.skipif(
    not (STORE.is_dir() and NETWORK.is_file()),
    reason="needs runs/cache/rafdb and runs/mf2-edge-base/network.pt (python -m distill)",
)
def test_core_ml_agrees_with_the_trained_network_on_real_faces(tmp_path: Path) -> None:
    network, shipped = load_network(NETWORK).network, load_bundle().manifest
    faces = load_faces(STORE, shipped.input.width, shipped.input.height).images[::8]
    images = np.concatenate([faces, extreme_inputs(112, 112).images])
    outputs = run_network(network, images, shipped.preprocessing)
    reference = Reference(images, outputs, len(faces), "a few real faces", "it")
    asked = ArtifactSpec(
        file="real.mlpackage.zip", format="coreml", precision="fp16", layout="NCHW",
        input="image", bytes=1, sha256="0" * 64, minimum_os={"ios": "17.0"},
    )  # fmt: skip
    export_coreml_fp16(ExportSource(network, shipped, asked), tmp_path / asked.file)
    data = (tmp_path / asked.file).read_bytes()
    digest = sha256(data).hexdigest()
    artifact = msgspec.structs.replace(asked, bytes=len(data), sha256=digest)
    figures = measure_parity(Bundle(tmp_path.resolve(), shipped, "0" * 64), artifact, reference)
    assert figures.images == len(faces) == 64
    assert figures.emotion_agreement == 1.0
