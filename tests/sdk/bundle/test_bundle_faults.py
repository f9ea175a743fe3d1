"""Bundles, detectors and baselines that cannot be: typed errors, no crash, no memory taken."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import time
import zipfile
from collections.abc import Callable
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mf2_edge import (
    Baseline,
    BaselineError,
    BundleError,
    ChecksumError,
    Detection,
    FaceStateAnalyzer,
    ManifestError,
    load_baseline,
)
from mf2_edge.bundle.arrays import read_arrays
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.cli import verify_command
from mf2_edge.cli.main import main
from mf2_edge.errors import DetectionError
from mf2_edge.runtime.onnx import OnnxRuntime
from mf2_edge.types import Box
from mf2_edge.verify import Check, Outcome, verify_bundle
from tests.helpers.make_tiny_bundle import FOLDER, manifest_dict

DIGEST = sha256((FOLDER / "manifest.json").read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "tiny"))


def test_a_manifest_says_each_thing_once() -> None:
    raw = json.dumps(manifest_dict())
    twice = raw[:-1] + ', "name": "another"}'
    with pytest.raises(ManifestError, match=r"keys \['name'\] more than once"):
        parse_manifest(twice.encode(), source="m")
    inner = raw.replace('"width":', '"width": 7, "width":', 1)
    with pytest.raises(ManifestError, match=r"keys \['width'\] more than once"):
        parse_manifest(inner.encode(), source="m")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("emotion", "temperature"), 5e-324),
        (("emotion", "temperature"), 1e308),
        (("action_units", "AU1", "scale"), 1e308),
        (("action_units", "AU1", "bias"), -1e308),
        (("visibility", "mouth", "bias"), 1e300),
    ],
)
def test_calibration_that_leaves_no_scores_is_refused(place: tuple[str, ...], value: float) -> None:
    raw = manifest_dict()
    part = raw["calibration"]
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(ManifestError, match=rf"\$\.calibration\.{place[0]}.*expected"):
        parse_manifest(json.dumps(raw).encode(), source="m")


def test_a_size_that_a_manifest_claims_takes_no_memory(folder: Path) -> None:
    raw = json.loads((folder / "manifest.json").read_bytes())
    raw["artifacts"][0]["bytes"] = 10**15
    (folder / "manifest.json").write_text(json.dumps(raw))
    bundle = load_bundle(folder)
    with pytest.raises(ChecksumError, match="expected 1000000000000000"):
        bundle.read(bundle.manifest.artifacts[0])


def test_places_that_lead_nowhere_are_typed(folder: Path, tmp_path: Path) -> None:
    model = folder / "tiny.tflite"
    model.unlink()
    model.symlink_to(model)
    bundle = load_bundle(folder)
    with pytest.raises(BundleError):
        bundle.read(bundle.manifest.artifacts[0])
    for name in ("x" * 300 + "/y", "nul\0", "./nul\0/x"):
        with pytest.raises(BundleError, match="cannot be read"):
            load_bundle(name)
    with (folder / "manifest.json").open("ab") as out:
        out.truncate(5_000_000)
    with pytest.raises(ManifestError, match="longer than 4,000,000 bytes"):
        load_bundle(folder)


def test_a_bundle_can_be_pinned(folder: Path) -> None:
    assert FaceStateAnalyzer(folder, sha256=DIGEST.upper()).bundle.manifest.name == "tiny"
    bundle = load_bundle(folder)
    with (folder / "manifest.json").open("ab") as out:
        out.write(b"\n")
    for given in (folder, bundle):
        with pytest.raises(ChecksumError, match="pinned"):
            FaceStateAnalyzer(given, sha256=DIGEST[::-1])
    with pytest.raises(ChecksumError, match="pinned"):
        load_bundle(folder, sha256_of_manifest=DIGEST)
    assert main(["verify", "--bundle", str(folder), "--sha256", DIGEST]) == 2


def npz(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def claimed(shape: str) -> bytes:
    """An .npz whose array claims more than it holds."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "a.npy", b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode()
        )
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: b"", "not a golden file"),
        (lambda: npz({"a": np.ones(4)})[:-30], "not a golden file"),
        (lambda: npz({"a": np.array([{}], object)}), "not a golden file"),
        (lambda: claimed("(1000000000000,)"), "claims"),
        (lambda: claimed("(-1,)"), "not a golden file"),
    ],
)
def test_damaged_and_crafted_archives_are_typed(make: Callable[[], bytes], said: str) -> None:
    with pytest.raises(BundleError, match=said):
        read_arrays(make(), "goldens.npz")


def test_archives_larger_than_the_bound_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mf2_edge.bundle.arrays.LARGEST", 1_000)
    with pytest.raises(BundleError, match="bytes unpacked; expected 1,000 at most"):
        read_arrays(npz({"a": np.zeros(1_000)}), "goldens.npz")


def test_every_byte_of_an_archive_may_be_wrong() -> None:
    data = npz({"a": np.arange(3), "b": np.ones((2, 2), np.float32)})
    random = np.random.default_rng(0)
    for place in range(0, len(data), 3):
        damaged = bytearray(data)
        damaged[place] ^= int(random.integers(1, 256))
        try:
            read_arrays(bytes(damaged), "goldens.npz")
        except BundleError:
            continue


@pytest.mark.parametrize(
    "change",
    [
        {"aligned": np.zeros((4, 2, 2, 3, 5))},
        {"preprocess": np.array(["text"] * 4)},
        {"tolerance/model": np.float64(np.inf)},
        {"tolerance/decode": np.ones(3)},
        {"tolerance/decode": np.complex64(1)},
        {"tolerance/decode": np.array("text")},
        {"emotion_logits": np.zeros((4, 3), np.complex128)},
        {"au_scores": np.float32(1)},
    ],
)
def test_crafted_goldens_fail_a_check_and_raise_nothing(
    folder: Path, change: dict[str, Any]
) -> None:
    with np.load(folder / "goldens.npz") as archive:
        arrays = {name: archive[name] for name in archive.files}
    data = npz(arrays | change)
    (folder / "goldens.npz").write_bytes(data)
    raw = json.loads((folder / "manifest.json").read_bytes())
    raw["goldens"] = [
        {"file": "goldens.npz", "bytes": len(data), "sha256": sha256(data).hexdigest()}
    ]
    (folder / "manifest.json").write_text(json.dumps(raw))
    assert Outcome.FAILED in {check.outcome for check in verify_bundle(load_bundle(folder))}


def crash(_path: str, out: Connection) -> None:
    out.send(Check("tiny.tflite", Outcome.OK, ""))
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(_path: str, out: Connection) -> None:
    time.sleep(60)


def test_a_crash_or_a_hang_of_an_engine_is_a_failed_check() -> None:
    ok, crashed = verify_command.in_child(crash, "")
    assert ok.outcome is Outcome.OK
    assert (crashed.outcome, crashed.detail) == (
        Outcome.FAILED,
        "it crashed (SIGSEGV) after tiny.tflite; the next is damaged",
    )
    [hung] = verify_command.in_child(hang, "", patience_s=3)
    assert hung.detail.startswith("no answer for 3 s")


def test_weights_outside_an_onnx_file_are_refused() -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    tensor = onnx.TensorProto(name="w", data_type=1, dims=[1], data_location=1)
    tensor.external_data.add(key="location", value="/etc/passwd")
    graph = onnx.GraphProto(initializer=[tensor])
    with pytest.raises(BundleError, match="keeps weights in another file"):
        OnnxRuntime(onnx.ModelProto(graph=graph, ir_version=8).SerializeToString())


class Detector:
    def __init__(self, box: Box, score: float) -> None:
        self.face = Detection(box, score)

    def detect(self, frame: object) -> list[Detection]:
        return [self.face]


@pytest.mark.parametrize(
    ("box", "score", "said"),
    [
        (Box(float("nan"), 0, 9, 9), 0.9, "finite"),
        (Box(0, 0, float("inf"), 9), 0.9, "finite"),
        (Box(0, 0, 1e9, 9), 0.9, "finite"),
        (Box(0, 0, 0, 9), 0.9, "positive"),
        (Box(0, 0, 9, -2), 0.9, "positive"),
        (Box(0, 0, 9, 9), float("nan"), "finite"),
        (Box(0, 0, 9, 9), 1.5, "from 0 to 1"),
    ],
)
def test_faces_of_a_detector_that_cannot_be_are_refused(box: Box, score: float, said: str) -> None:
    analyzer = FaceStateAnalyzer(FOLDER, runtime="litert", detector=Detector(box, score))
    frame = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(DetectionError, match=said):
        analyzer.predict(frame)
    with pytest.raises(DetectionError, match=said):
        analyzer.stream().update(frame, 0.0)


@pytest.mark.parametrize(
    "emotions", [{"neutral": 1.0}, {"neutral": 0.5, "happiness": 0.5}, {"joy": 0.5, "rage": 0.5}]
)
def test_baselines_of_other_emotions_are_refused(
    emotions: dict[str, float], tmp_path: Path
) -> None:
    bundle = load_bundle(FOLDER)
    baseline = Baseline(
        bundle="tiny",
        bundle_sha256=bundle.manifest_sha256,
        frames=10,
        emotions=emotions,
        action_units={},
    )
    with pytest.raises(BaselineError, match="expected none, or all"):
        baseline.check(bundle)
    with pytest.raises(BaselineError, match="no Action Units"):
        Baseline(**(as_dict(baseline) | {"emotions": {}, "action_units": {"AU99": 0.1}})).check(
            bundle
        )
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BaselineError, match="no regular file"):
        load_baseline(tmp_path / "pipe")


def as_dict(baseline: Baseline) -> dict[str, Any]:
    return {name: getattr(baseline, name) for name in baseline.__struct_fields__}
