"""Core ML: the saved file, and the gate that judges it by the exporter's interpreter."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import coremltools as ct
import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exporters.checks.faces import extreme_inputs, synthetic_faces
from exporters.checks.parity import Reference, measure_parity, run_network
from exporters.errors import MilError, ParityError, UnknownOperatorError
from exporters.formats.coreml.convert import export_coreml_fp16, export_coreml_fp32, minimum_systems
from exporters.formats.coreml.package import MODEL, WEIGHTS, unzip_package, zip_package
from exporters.formats.spec import ExportSource
from exporters.mil_reference.interpreter import MilReference
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import ArtifactSpec, Manifest, Precision
from tests.helpers.make_tiny_bundle import SIZE, manifest_dict

PRECISIONS: tuple[Precision, ...] = ("fp16", "fp32")
EXPORTS = {"fp16": export_coreml_fp16, "fp32": export_coreml_fp32}


class Toy(nn.Module):
    """A few layers of each kind; its answers depend on place and colour."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)  # no face between two labels
        self.stem = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 16, 3, stride=4), nn.PReLU(16)
        )
        self.depthwise = nn.Sequential(
            nn.Conv2d(16, 16, 5, padding=2, stride=2, groups=16), nn.ReLU6(), nn.Conv2d(16, 16, 1)
        )
        self.emotion, self.action_units = nn.Linear(16, 8), nn.Linear(16, 17)
        self.stem[2].weight.data = torch.randn(16)
        for layer in (self.emotion, self.action_units):
            layer.weight.data = torch.randn(layer.weight.shape) * 4
        self.strength, self.visibility = nn.Linear(16, 17), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        deep = self.depthwise(self.stem(x))
        pooled = (deep + deep.relu()).mean(dim=(2, 3))
        heads = (self.emotion, self.action_units, self.strength, self.visibility)
        return tuple(head(pooled) for head in heads)


@dataclass(frozen=True)
class Exported:
    """The toy network, exported in both precisions."""

    folder: Path
    manifest: Manifest
    network: nn.Module

    def artifact(self, precision: Precision) -> ArtifactSpec:
        return next(a for a in self.manifest.artifacts if a.precision == precision)

    def export(self, precision: Precision, path: Path, ios: str = "17.0") -> dict[str, int]:
        artifact = msgspec.structs.replace(
            self.artifact(precision), minimum_os=minimum_systems(ios)
        )
        source = ExportSource(self.network, self.manifest, artifact)
        return dict(EXPORTS[precision](source, path))

    def bundle(self, precision: Precision, file: Path) -> tuple[Bundle, ArtifactSpec]:
        """A bundle around a file, its checksum being right."""
        data = file.read_bytes()
        artifact = msgspec.structs.replace(
            self.artifact(precision),
            file=file.name,
            bytes=len(data),
            sha256=sha256(data).hexdigest(),
        )
        return Bundle(file.parent.resolve(), self.manifest, "0" * 64), artifact


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    raw: dict[str, Any] = manifest_dict()
    raw["artifacts"] = [
        {"file": f"toy-{p}.mlpackage.zip", "format": "coreml", "precision": p, "layout": "NCHW"}
        | {"input": "image", "bytes": 1, "sha256": "0" * 64, "minimum_os": {"ios": "17.0"}}
        for p in PRECISIONS
    ]
    folder = tmp_path_factory.mktemp("coreml")
    made = Exported(folder, msgspec.convert(raw, Manifest), Toy().eval())
    for precision in PRECISIONS:
        made.export(precision, folder / made.artifact(precision).file)
    return made


@pytest.fixture(scope="module")
def reference(exported: Exported) -> Reference:
    faces = synthetic_faces(SIZE, SIZE).images[:20]
    images = np.concatenate([faces, extreme_inputs(SIZE, SIZE).images])
    outputs = run_network(exported.network, images, exported.manifest.preprocessing)
    return Reference(images, outputs, faces=20, description="toy faces", network="it")


def package_of(exported: Exported, precision: Precision, folder: Path) -> Path:
    return unzip_package(exported.folder / exported.artifact(precision).file, folder)


@pytest.mark.parametrize(("precision", "closest"), [("fp32", 1e-4), ("fp16", 0.02)])
def test_the_file_gives_what_the_network_gives(
    exported: Exported, reference: Reference, precision: Precision, closest: float
) -> None:
    """Its std differs from channel to channel, so this covers the making up for it, too."""
    bundle, artifact = exported.bundle(
        precision, exported.folder / exported.artifact(precision).file
    )
    figures = measure_parity(bundle, artifact, reference)
    assert figures.max_abs_difference <= closest
    assert figures.engine is not None
    assert "Core ML did not run" in figures.engine or "Core ML on Darwin" in figures.engine
    emotion, units, *_ = reference.outputs  # else the comparison would prove nothing
    assert len(set(emotion.argmax(axis=1).tolist())) >= 3
    assert np.all(units.std(axis=0) > 0.3)


def test_float16_is_rounded_as_the_program_says(exported: Exported, tmp_path: Path) -> None:
    image = synthetic_faces(SIZE, SIZE).images[0]
    half, full = (
        MilReference(package_of(exported, p, tmp_path / p)).run(image)["emotion"]
        for p in PRECISIONS
    )
    assert 0 < np.abs(half - full).max() < 0.1
    assert np.array_equal(half, half.astype(np.float16).astype(np.float32))
    assert not np.array_equal(full, full.astype(np.float16).astype(np.float32))


def test_the_model_describes_itself(exported: Exported, tmp_path: Path) -> None:
    spec = ct.utils.load_spec(str(package_of(exported, "fp16", tmp_path)))
    (image,) = spec.description.input
    assert (image.name, image.type.imageType.width, image.type.imageType.height) == (
        ("image", SIZE, SIZE)
    )
    heads = ["emotion", "action_units", "strength", "visibility"]
    assert [output.name for output in spec.description.output] == heads
    for output in spec.description.output:
        kind = output.type.multiArrayType
        assert kind.ArrayDataType.Name(kind.dataType) == "FLOAT32"
    metadata = spec.description.metadata
    assert (metadata.versionString, metadata.license) == ("1", "Apache-2.0: Random weights.")
    assert metadata.userDefined["bundle"] == "tiny"
    assert json.loads(metadata.userDefined["labels.emotion"])[1] == "happiness"
    assert json.loads(metadata.userDefined["labels.action_units"])[0] == "AU1"
    assert json.loads(metadata.userDefined["preprocessing"])["std"] == [128.0, 64.0, 32.0]


def test_exports_are_the_same_bytes_each_time(exported: Exported, tmp_path: Path) -> None:
    name = exported.artifact("fp16").file
    exported.export("fp16", tmp_path / name)
    assert (tmp_path / name).read_bytes() == (exported.folder / name).read_bytes()
    text = (tmp_path / name).read_bytes()
    assert str(Path(__file__).parents[3]).encode() not in text


@pytest.mark.parametrize(("ios", "version"), [("15", 6), ("16.0", 7), ("18", 9)])
def test_the_deployment_target_is_the_one_asked_for(
    exported: Exported, tmp_path: Path, ios: str, version: int
) -> None:
    path = tmp_path / "toy.mlpackage.zip"
    exported.export("fp16", path, ios)
    package = unzip_package(path, tmp_path)
    assert ct.utils.load_spec(str(package)).specificationVersion == version
    MilReference(package).run(synthetic_faces(SIZE, SIZE).images[0])


# Damage that the checksum does not know of: the file was written wrong in the first place


def flip_a_weight(package: Path) -> None:
    """Flip the exponent's top bit of the emotion head's first weight, in weight.bin."""
    spec = ct.utils.load_spec(str(package))
    heads = [c for c in _operations(spec) if c.type == "const"]
    stored = [c.attributes["val"].blobFileValue for c in heads]
    shapes = [[d.constant.size for d in c.outputs[0].type.tensorType.dimensions] for c in heads]
    place = next(v.offset for v, shape in zip(stored, shapes, strict=True) if shape == [8, 16])
    file = package / "Data" / WEIGHTS
    data = bytearray(file.read_bytes())
    (start,) = struct.unpack_from("<Q", data, place + 16)  # sentinel, type, size, then the place
    data[start + 1] ^= 0x40
    file.write_bytes(data)


def swap_colours(package: Path) -> None:
    spec = ct.utils.load_spec(str(package))
    image = spec.description.input[0].type.imageType
    image.colorSpace = image.ColorSpace.Value("BGR")
    _store(spec, package)


def double_the_scale(package: Path) -> None:
    spec = ct.utils.load_spec(str(package))
    (first,) = [o for o in _operations(spec) if o.type == "mul" and _name(o, "x") == "image"]
    (scale,) = [o for o in _operations(spec) if o.outputs[0].name == _name(first, "y")]
    floats = scale.attributes["val"].immediateValue.tensor.floats.values
    assert floats[0] == np.float32(1 / 128)
    floats[0] *= 2
    _store(spec, package)


@pytest.mark.parametrize("damage", [flip_a_weight, swap_colours, double_the_scale])
def test_a_wrong_file_fails_the_gate(
    exported: Exported, reference: Reference, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    package = package_of(exported, "fp16", tmp_path / "unzipped")
    damage(package)
    bundle, artifact = exported.bundle("fp16", _zipped(package, tmp_path))
    with pytest.raises(ParityError, match=r"differs from the network|cannot be compared.*NaN"):
        measure_parity(bundle, artifact, reference)


def test_unpacking_and_packing_alone_changes_nothing(exported: Exported, tmp_path: Path) -> None:
    package = package_of(exported, "fp16", tmp_path / "unzipped")
    original = exported.folder / exported.artifact("fp16").file
    assert _zipped(package, tmp_path).read_bytes() == original.read_bytes()


def test_a_missing_output_fails_the_gate(
    exported: Exported, reference: Reference, tmp_path: Path
) -> None:
    package = package_of(exported, "fp16", tmp_path / "unzipped")
    spec = ct.utils.load_spec(str(package))
    del _block(spec).outputs[:1]
    _store(spec, package)
    bundle, artifact = exported.bundle("fp16", _zipped(package, tmp_path))
    with pytest.raises(ParityError, match="no output named 'emotion'"):
        measure_parity(bundle, artifact, reference)


def test_an_unknown_operation_fails_the_gate_by_name(
    exported: Exported, reference: Reference, tmp_path: Path
) -> None:
    package = package_of(exported, "fp16", tmp_path)
    spec = ct.utils.load_spec(str(package))
    next(o for o in _operations(spec) if o.type == "clip").type = "erf"
    _store(spec, package)
    with pytest.raises(UnknownOperatorError, match="the program uses erf"):
        MilReference(package).run(reference.images[0])


def test_what_is_no_image_is_refused(exported: Exported, tmp_path: Path) -> None:
    model = MilReference(package_of(exported, "fp16", tmp_path))
    for image in (np.zeros((SIZE, SIZE), np.uint8), np.zeros((SIZE, SIZE, 3), np.float32)):
        with pytest.raises(MilError, match=r"expected uint8 \[112, 112, 3\]"):
            model.run(image)  # type: ignore[arg-type]


def test_a_package_is_laid_out_as_xcode_expects(exported: Exported, tmp_path: Path) -> None:
    package = package_of(exported, "fp16", tmp_path)
    contents = json.loads((package / "Manifest.json").read_text())
    items = contents["itemInfoEntries"]
    assert items[contents["rootModelIdentifier"]]["path"] == MODEL
    assert all((package / "Data" / item["path"]).exists() for item in items.values())
    shutil.rmtree(package / "Data" / "com.apple.CoreML" / "weights")
    with pytest.raises((RuntimeError, MilError)):
        MilReference(package)


def _block(spec: Any) -> Any:
    function = spec.mlProgram.functions["main"]
    return function.block_specializations[function.opset]


def _operations(spec: Any) -> Any:
    return _block(spec).operations


def _name(operation: Any, parameter: str) -> str:
    return str(operation.inputs[parameter].arguments[0].name)


def _store(spec: Any, package: Path) -> None:
    (package / "Data" / MODEL).write_bytes(spec.SerializeToString())


def _zipped(package: Path, folder: Path) -> Path:
    path, inside = folder / f"{package.name}.zip", package / "Data"
    zip_package(path, (inside / MODEL).read_bytes(), (inside / WEIGHTS).read_bytes())
    return path
