"""The .tflite files in an environment without this SDK: tflite-runtime 2.14, as devices have it.

NumPy before 2 and protobuf before 4 do not go with the converters, so it is an environment of its
own, made once a session. TFLite Support reads the metadata there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from exporters.checks.faces import synthetic_faces
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.runtime.select import open_artifact
from tests.helpers.exported import exported_int8

pytestmark = pytest.mark.slow

PACKAGES = (
    ["tflite-runtime==2.14.0", "numpy<2", "flatbuffers>=2"],
    ["--no-deps", "tflite-support==0.4.4"],  # its metadata module needs none of the others
)

RUN = """
import sys
import numpy as np
from tflite_runtime.interpreter import Interpreter

model, inputs, outputs = sys.argv[1:]
interpreter = Interpreter(model_path=model)
interpreter.allocate_tensors()
(entry,) = interpreter.get_input_details()
found = {each["name"]: [] for each in interpreter.get_output_details()}
for x in np.load(inputs):
    if entry["dtype"] is np.int8:
        scale, zero = entry["quantization"]
        x = np.clip(np.round(x / np.float32(scale)) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(entry["index"], x)
    interpreter.invoke()
    for each in interpreter.get_output_details():
        y = interpreter.get_tensor(each["index"])
        if y.dtype == np.int8:
            scale, zero = each["quantization"]
            y = (y.astype(np.float32) - zero) * np.float32(scale)
        found[each["name"]].append(y[0])
np.savez(outputs, **{name: np.stack(rows) for name, rows in found.items()})
"""

READ = """
import json, sys
from tensorflow_lite_support.metadata.python.metadata import MetadataDisplayer

displayer = MetadataDisplayer.with_model_file(sys.argv[1])
files = displayer.get_packed_associated_file_list()
texts = {name: displayer.get_associated_file_buffer(name).decode() for name in files}
print(json.dumps({"metadata": json.loads(displayer.get_metadata_json()), "files": texts}))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of the other environment."""
    folder = tmp_path_factory.mktemp("tflite-runtime")
    venv.create(folder, with_pip=True)
    found = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    for packages in PACKAGES:
        install = [str(found), "-m", "pip", "install", "-q", *packages]
        ran = subprocess.run(install, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            pytest.skip(f"{' '.join(packages)} cannot be installed: {ran.stderr[-200:]}")
    return found


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_int8())


def tflite_of(bundle: Bundle, kind: str) -> ArtifactSpec:
    return next(
        a
        for a in bundle.manifest.artifacts
        if (a.format, f"{a.precision} {a.io_dtype}") == ("tflite", kind)
    )


@pytest.mark.parametrize("kind", ["fp32 float32", "int8 float32", "int8 int8"])
def test_tflite_runtime_answers_as_litert_does(
    python: Path, bundle: Bundle, kind: str, tmp_path: Path
) -> None:
    artifact = tflite_of(bundle, kind)
    faces = synthetic_faces(112, 112).images[:16]
    inputs = [to_input(face, bundle.manifest.preprocessing, "NHWC") for face in faces]
    np.save(tmp_path / "in.npy", np.stack(inputs))
    script = [str(python), "-c", RUN, str(bundle.path / artifact.file)]
    subprocess.run([*script, str(tmp_path / "in.npy"), str(tmp_path / "out.npz")], check=True)
    model = open_artifact(bundle, artifact)
    expected = [np.concatenate(head) for head in zip(*map(model.run, inputs), strict=True)]
    with np.load(tmp_path / "out.npz") as found:
        for name, there in zip(bundle.manifest.output_names, expected, strict=True):
            assert found[name].shape == there.shape
            if artifact.precision == "fp32":
                assert np.abs(found[name] - there).max() < 1e-3
            else:  # kernels of integers round differently, which random weights carry to the end
                assert np.corrcoef(found[name].ravel(), there.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("kind", ["fp32 float32", "int8 float32", "int8 int8"])
def test_the_metadata_is_what_tflite_support_reads(python: Path, bundle: Bundle, kind: str) -> None:
    manifest = bundle.manifest
    path = bundle.path / tflite_of(bundle, kind).file
    script = [str(python), "-c", READ, str(path)]
    ran = subprocess.run(script, capture_output=True, text=True, check=True)
    read = json.loads(ran.stdout)
    told = read["metadata"]
    assert (told["name"], told["version"]) == (manifest.name, manifest.version)
    assert told["license"].startswith(manifest.license.name)
    (graph,) = told["subgraph_metadata"]
    (image,) = graph["input_tensor_metadata"]
    assert image["content"]["content_properties"]["color_space"] == "RGB"
    size = image["content"]["content_properties"]["default_size"]
    assert (size["width"], size["height"]) == (112, 112)
    (unit,) = image["process_units"]
    assert unit["options_type"] == "NormalizationOptions"
    assert unit["options"]["mean"] == pytest.approx(manifest.preprocessing.mean)
    assert unit["options"]["std"] == pytest.approx(manifest.preprocessing.std)
    outputs = graph["output_tensor_metadata"]
    assert [each["name"] for each in outputs] == list(manifest.output_names)
    for head in manifest.heads:
        (file,) = outputs[head.output]["associated_files"]
        assert file["type"] == "TENSOR_AXIS_LABELS"
        assert read["files"][file["name"]].split() == list(head.labels)
