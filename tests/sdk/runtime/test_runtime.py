"""Runtimes: the right numbers in the right order, and errors instead of nonsense."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mf2_edge.runtime.litert as litert
import mf2_edge.runtime.select as runtimes
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.errors import (
    BundleError,
    ChecksumError,
    InferenceError,
    ManifestError,
    MissingExtraError,
    RuntimeUnavailableError,
)
from mf2_edge.extras import installed, require
from mf2_edge.runtime.base import ModelRuntime
from mf2_edge.runtime.litert import LiteRTRuntime
from mf2_edge.runtime.select import RuntimeName, choose_artifact, open_artifact
from tests.helpers.make_tiny_bundle import FOLDER, logits

needs_executorch = pytest.mark.skipif(not installed("executorch"), reason="needs executorch")


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    return np.random.default_rng(3).normal(size=(1, 3, 112, 112)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "tiny"))


def open_runtime(bundle: Bundle, name: RuntimeName = "auto", num_threads: int = 1) -> ModelRuntime:
    return open_artifact(bundle, choose_artifact(bundle, name), num_threads)


def test_outputs_come_in_the_order_of_the_exported_model(x: NDArray[np.float32]) -> None:
    # The file lists its tensors the other way round; the signature's names hold the order.
    outputs = open_runtime(load_bundle(FOLDER), "litert").run(x)
    for found, expected in zip(outputs, logits(x), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_executorch
def test_executorch_agrees_and_its_outputs_are_kept(x: NDArray[np.float32]) -> None:
    model = open_runtime(load_bundle(FOLDER), "executorch", num_threads=2)
    first = model.run(x)
    second = model.run(-x)
    for found, expected in zip([*first, *second], [*logits(x), *logits(-x)], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_executorch
def test_executorch_keeps_the_threads_of_programs_that_are_open(x: NDArray[np.float32]) -> None:
    first = open_runtime(load_bundle(FOLDER), "executorch", num_threads=1)
    with pytest.warns(RuntimeWarning, match="num_threads=2: ExecuTorch keeps 1"):
        second = open_runtime(load_bundle(FOLDER), "executorch", num_threads=2)
    for model in (first, second, first):  # of a pool that is gone, the first would crash
        np.testing.assert_allclose(model.run(x)[0], logits(x)[0], atol=1e-5)


def test_outputs_are_copies(x: NDArray[np.float32]) -> None:
    model = open_runtime(load_bundle(FOLDER), "litert")
    first = model.run(x)[0]
    model.run(x + 5)
    np.testing.assert_allclose(first, logits(x)[0], atol=1e-5)


def test_threads_may_share_a_runtime() -> None:
    model = open_runtime(load_bundle(FOLDER), "litert")
    inputs = [np.full((1, 3, 112, 112), value, np.float32) for value in np.linspace(-1, 1, 64)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(model.run, inputs))
    for value, result in zip(inputs, results, strict=True):
        np.testing.assert_allclose(result[1], logits(value)[1], atol=1e-4)


def test_wrong_input_is_refused(x: NDArray[np.float32]) -> None:
    model = open_runtime(load_bundle(FOLDER), "litert")
    with pytest.raises(InferenceError, match=r"float32 \[1, 112, 112, 3\]; the model takes"):
        model.run(x.transpose(0, 2, 3, 1))
    with pytest.raises(InferenceError, match="the input is float64"):
        model.run(x.astype(np.float64))


def test_answers_that_are_not_finite_are_an_error(x: NDArray[np.float32]) -> None:
    model = open_runtime(load_bundle(FOLDER), "litert")
    with pytest.raises(InferenceError, match="NaN or infinity"):
        model.run(np.full_like(x, np.inf))


def test_num_threads_must_be_positive() -> None:
    with pytest.raises(ValueError, match="num_threads=0"):
        open_runtime(load_bundle(FOLDER), num_threads=0)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("litert", "tiny.tflite"),
        pytest.param("executorch", "tiny.pte", marks=needs_executorch),
    ],
)
@pytest.mark.parametrize("damage", ["text", "cut"])
def test_what_is_no_model_is_a_bundle_error(
    folder: Path, name: runtimes.RuntimeName, file: str, damage: str
) -> None:
    data = b"not a model at all " * 40 if damage == "text" else (folder / file).read_bytes()[:600]
    (folder / file).write_bytes(data)
    _record(folder, file)
    with pytest.raises(BundleError, match="cannot load"):
        open_runtime(load_bundle(folder), name)


def test_checksum_is_checked_before_loading(folder: Path) -> None:
    (folder / "tiny.tflite").write_bytes(b"x" * (folder / "tiny.tflite").stat().st_size)
    with pytest.raises(ChecksumError):
        open_runtime(load_bundle(folder), "litert")


def test_labels_that_do_not_match_the_output(folder: Path) -> None:
    raw = json.loads((folder / "manifest.json").read_text())
    raw["heads"][0]["labels"].pop()
    (folder / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(ManifestError, match="labels that don't match the output size") as caught:
        open_runtime(load_bundle(folder), "litert")
    assert "7 labels, output 0 is [1, 8]" in str(caught.value)


def test_output_that_is_not_there(folder: Path) -> None:
    raw = json.loads((folder / "manifest.json").read_text())
    raw["heads"][1]["output"] = len(raw["heads"])
    (folder / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(ManifestError, match="4 outputs; head action_units wants number 4"):
        open_runtime(load_bundle(folder), "litert")


def test_input_of_another_size(folder: Path) -> None:
    raw = json.loads((folder / "manifest.json").read_text())
    raw["artifacts"][0]["layout"] = "NHWC"
    (folder / "manifest.json").write_text(json.dumps(raw))
    with pytest.raises(ManifestError, match="does not take the manifest's input"):
        open_runtime(load_bundle(folder), "litert")


def test_auto_prefers_litert_whatever_the_order_in_the_manifest(folder: Path) -> None:
    raw = json.loads((folder / "manifest.json").read_text())
    raw["artifacts"].reverse()
    (folder / "manifest.json").write_text(json.dumps(raw))
    assert choose_artifact(load_bundle(folder)).file == "tiny.tflite"


def test_auto_takes_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = load_bundle(FOLDER)
    monkeypatch.setattr(runtimes, "installed", lambda module: module == "executorch")
    assert choose_artifact(bundle).file == "tiny.pte"
    monkeypatch.setattr(runtimes, "installed", lambda module: module == "tflite_runtime")
    assert choose_artifact(bundle).file == "tiny.tflite"
    monkeypatch.setattr(runtimes, "installed", lambda module: False)
    with pytest.raises(RuntimeUnavailableError, match="pip install ai-edge-litert"):
        choose_artifact(bundle)
    monkeypatch.setattr(litert, "installed", lambda module: False)
    with pytest.raises(RuntimeUnavailableError, match="no TFLite interpreter is installed"):
        LiteRTRuntime(b"")


def test_unknown_runtime_and_precision() -> None:
    bundle = load_bundle(FOLDER)
    with pytest.raises(ValueError, match="expected 'auto' or one of"):
        choose_artifact(bundle, "tensorrt")  # type: ignore[arg-type]
    with pytest.raises(BundleError, match="of precision int8"):
        choose_artifact(bundle, "litert", "int8")
    with pytest.raises(RuntimeUnavailableError, match="precision int8"):
        choose_artifact(bundle, "auto", "int8")


def test_missing_extra_names_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'mf2-edge\[export\]'") as caught:
        require("no_such_package.part", extra="export")
    assert "no_such_package is not installed" in str(caught.value)
    assert isinstance(caught.value, ImportError)


def _record(folder: Path, file: str) -> None:
    """Make the manifest vouch for a file as it is."""
    raw = json.loads((folder / "manifest.json").read_text())
    data = (folder / file).read_bytes()
    for artifact in raw["artifacts"]:
        if artifact["file"] == file:
            artifact |= {"bytes": len(data), "sha256": sha256(data).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(raw))
