"""The parity gate, and the faces that it compares on."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from distill.training.checkpoint import load_network
from exporters.checks.faces import extreme_inputs, load_faces, synthetic_faces
from exporters.checks.parity import (
    TOLERANCES,
    Reference,
    make_reference,
    measure_parity,
    run_network,
)
from exporters.errors import ParityError
from exporters.formats.tflite.graph import read_graph, write_graph
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec, Precision
from tests.helpers.exported import exported_fp32, write_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(exported_fp32().bundle)


@pytest.fixture(scope="module")
def reference(bundle: Bundle) -> Reference:
    """The network's own answers for a few faces: the bundle was made with more."""
    network = load_network(exported_fp32().checkpoint).network
    faces = synthetic_faces(112, 112).images[:12]
    images = np.concatenate([faces, extreme_inputs(112, 112).images])
    outputs = run_network(network, images, bundle.manifest.preprocessing)
    return Reference(images, outputs, faces=12, description="toy faces", network="it")


@pytest.mark.parametrize("kind", ["tflite", "executorch"])
def test_a_sound_artifact_passes(bundle: Bundle, reference: Reference, kind: str) -> None:
    artifact = next(a for a in bundle.manifest.artifacts if a.format == kind)
    figures = measure_parity(bundle, artifact, reference)
    assert figures.max_abs_difference <= 1e-4
    assert figures.mean_abs_difference <= figures.max_abs_difference
    assert (figures.emotion_agreement, figures.au_agreement) == (1.0, 1.0)
    assert figures.images == 12


def test_the_network_tells_pictures_apart(reference: Reference) -> None:
    """Otherwise the comparisons here would prove nothing."""
    emotion, units = reference.outputs
    assert len(set(emotion.argmax(axis=1).tolist())) >= 3
    assert np.all(units.std(axis=0) > 0.5)


@pytest.mark.parametrize(
    ("precision", "add", "message"),
    [
        ("fp32", 0.01, r"scores by 0\.00\d+ at most.*allowed for fp32: 0.0001"),
        ("fp16", 0.5, r"scores by 0\.\d+ at most.*allowed for fp16: 0.02"),
        ("int8", 5.0, r"scores by 0\.\d+ at most.*allowed for int8: 0.3"),
    ],
)
def test_one_changed_weight_is_refused(
    bundle: Bundle,
    reference: Reference,
    tmp_path: Path,
    precision: Precision,
    add: float,
    message: str,
) -> None:
    changed = _changed_copy(bundle, tmp_path / "changed", add)
    artifact = msgspec.structs.replace(changed.manifest.artifacts[0], precision=precision)
    with pytest.raises(ParityError, match=message):
        measure_parity(changed, artifact, reference)


def test_rewriting_the_graph_alone_changes_nothing(
    bundle: Bundle, reference: Reference, tmp_path: Path
) -> None:
    same = _changed_copy(bundle, tmp_path / "same", add=0.0)
    figures = measure_parity(same, same.manifest.artifacts[0], reference)
    assert figures.max_abs_difference <= 1e-4


def test_swapped_colours_are_refused(bundle: Bundle, reference: Reference) -> None:
    swapped = replace(reference, images=np.ascontiguousarray(reference.images[..., ::-1]))
    with pytest.raises(ParityError, match="differs from the network"):
        measure_parity(bundle, bundle.manifest.artifacts[0], swapped)


def test_a_damaged_file_is_refused(bundle: Bundle, reference: Reference, tmp_path: Path) -> None:
    shutil.copytree(bundle.path, tmp_path / "damaged")
    artifact = bundle.manifest.artifacts[0]
    file = tmp_path / "damaged" / artifact.file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ParityError, match=r"cannot be compared.*sha256"):
        measure_parity(load_bundle(tmp_path / "damaged"), artifact, reference)


def test_a_precision_without_tolerance_is_refused(
    bundle: Bundle, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(TOLERANCES, "int8")
    artifact = msgspec.structs.replace(bundle.manifest.artifacts[0], precision="int8")
    with pytest.raises(ParityError, match="no tolerance for int8"):
        measure_parity(bundle, artifact, reference)


def test_a_network_that_gives_nan_is_refused(bundle: Bundle) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return torch.full((len(x), 8), torch.nan), torch.zeros(len(x), 19)

    with pytest.raises(ParityError, match="NaN or infinity"):
        make_reference(Broken(), "broken", synthetic_faces(112, 112), bundle.manifest.preprocessing)


def test_too_few_faces_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    write_store(tmp_path / "store", ["valid"] * 255 + ["test"] * 20)
    with pytest.raises(ParityError, match=r"255 faces in the splits valid and dev.*at least 256"):
        load_faces(tmp_path / "store", 112, 112)
    few = replace(synthetic_faces(112, 112), images=np.zeros((3, 112, 112, 3), np.uint8))
    with pytest.raises(ParityError, match=r"3 faces to compare on.*at least 256"):
        make_reference(nn.Identity(), "none", few, bundle.manifest.preprocessing)


def test_faces_are_those_of_validation_without_the_margin(tmp_path: Path) -> None:
    write_store(tmp_path / "store", ["test", "valid"] * 200 + ["dev"] * 100)
    faces = load_faces(tmp_path / "store", 112, 112)
    assert faces.images.shape == (300, 112, 112, 3)
    # `write_store` marks the centre of each face: the cut keeps it at 64 - 8.
    marks = faces.images[:, 56, 56, 0]
    expected = [*range(1, 400, 2), *range(400, 500)]
    assert marks.tolist() == [row % 256 for row in expected]
    assert faces.description == "300 real faces of store (split valid and dev)"


def test_a_large_store_is_drawn_evenly(tmp_path: Path) -> None:
    write_store(tmp_path / "store", ["valid"] * 1500, side=112)
    faces = load_faces(tmp_path / "store", 112, 112)
    assert len(faces.images) == 512
    assert faces.images[0, 0, 0, 0] == 0
    assert faces.images[-1, 0, 0, 0] == 1499 % 256


@pytest.mark.parametrize("what", ["missing", "small", "labels"])
def test_a_folder_that_is_no_store_is_refused(tmp_path: Path, what: str) -> None:
    store = tmp_path / "store"
    if what != "missing":
        write_store(store, ["valid"] * 256, side=96)
    if what == "labels":
        (store / "labels.npz").write_bytes(b"PK no archive")
    with pytest.raises(ParityError, match="expected"):
        load_faces(store, 112, 112)


def test_extreme_inputs_are_extreme() -> None:
    images = extreme_inputs(112, 96).images
    assert images.shape == (15, 96, 112, 3)
    flat = {tuple(image[0, 0]) for image in images if image.std(axis=(0, 1)).max() == 0}
    assert {(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 255)} <= flat
    assert sum(set(np.unique(image)) == {0, 255} and image.std() > 100 for image in images) >= 3


def _changed_copy(bundle: Bundle, folder: Path, add: float) -> Bundle:
    """The bundle with its .tflite rewritten, `add` added to the emotion head's first bias."""
    shutil.copytree(bundle.path, folder)
    artifact = bundle.manifest.artifacts[0]
    model = read_graph((folder / artifact.file).read_bytes())
    graph = model.subgraphs[0]
    head = next(op for op in graph.operators if op.outputs[0] == graph.outputs[0])
    bias = model.buffers[graph.tensors[head.inputs[2]].buffer]
    values = np.frombuffer(bytes(bias.data), np.float32).copy()
    values[0] += np.float32(add)
    bias.data = values.view(np.uint8)
    data = write_graph(model)
    (folder / artifact.file).write_bytes(data)
    described: ArtifactSpec = msgspec.structs.replace(
        artifact, bytes=len(data), sha256=sha256(data).hexdigest()
    )
    others = bundle.manifest.artifacts[1:]
    manifest = msgspec.structs.replace(bundle.manifest, artifacts=(described, *others))
    return Bundle(folder.resolve(), manifest, bundle.manifest_sha256)
