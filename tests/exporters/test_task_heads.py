"""Heads of other tasks on a bundle of integers: it stays, byte for byte, and they answer."""

from __future__ import annotations

import json
import pickle
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.adapting.frozen import file_digest, open_frozen
from distill.adapting.heads import Head, HeadCard, save_head
from distill.adapting.hidden import hidden_states
from distill.adapting.text.head import TextCard, TextHead, save_text_head
from distill.adapting.text.space import open_text_space
from distill.adapting.train_dfn import Schedule, Task, predict_dfn, train_dfn
from exporters.__main__ import main
from mf2_edge import Bundle, BundleError, ChecksumError, FaceState, FaceStateAnalyzer, load_bundle
from mf2_edge.bundle.head_schema import TaskCalibration
from mf2_edge.bundle.schema import EmotionCalibration
from tests.helpers.exported import exported_fp32, exported_int8
from tests.helpers.heads import read_tasks
from tests.helpers.make_tiny_bundle import FOLDER as TINY
from tests.helpers.tiny_teacher import write_teacher

pytestmark = pytest.mark.slow

LABELS = ("bright", "dark")


@cache
def scratch() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="heads-")


def checkpoint() -> Path:
    return exported_int8().parent / "network.pt"


@cache
def trained() -> Path:
    """A head that tells bright faces from dark ones, as `distill adapt` leaves it."""
    folder = Path(scratch().name)
    faces = np.random.default_rng(0).integers(0, 255, (32, 128, 128, 3)).astype(np.uint8)
    faces[1::2] //= 4
    np.save(folder / "faces.npy", faces)
    rows = np.arange(len(faces))
    states = hidden_states(
        checkpoint(), folder / "faces.npy", rows, folder, views=0, seed=0, workers=1
    )
    task = Task("multi-class", np.eye(2, dtype=np.float32)[rows % 2])
    dfn = train_dfn(states, task, rows, 0, Schedule(epochs=1, least_steps=120))
    assert (predict_dfn(dfn, states, rows).argmax(axis=1) == rows % 2).mean() > 0.9
    temperature = EmotionCalibration(temperature=1.5, fitted_on="nothing")
    card = HeadCard(
        task="light",
        kind="multi-class",
        labels=LABELS,
        mf2_sha256=file_digest(checkpoint()),
        layout=states.layout,
        width=dfn.width,
        calibration=TaskCalibration(multi_class=temperature),
        faces=len(rows),
        seed=0,
    )
    save_head(Head(dfn, card), folder / "head.pt")
    return folder / "head.pt"


@cache
def sentence() -> Path:
    card = TextCard(
        task="smile",
        sentence="a person who smiles",
        encoder="none",
        start=0,
        network_sha256=file_digest(checkpoint()),
        reference="nobody",
        faces=3,
        quantiles=(-0.5, 0.0, 0.5),
    )
    space = open_text_space(checkpoint())
    direction = F.normalize(
        torch.randn(len(space.bias), generator=torch.Generator().manual_seed(0)), dim=0
    )
    path = Path(scratch().name) / "sentence.pt"
    save_text_head(TextHead(space, direction, card), path)
    return path


@cache
def exported(head: Path) -> Path:
    out = Path(scratch().name) / head.stem / "exported"
    assert main(["head", str(head), "--checkpoint", str(checkpoint()), "--out", str(out)]) == 0
    return out


def aligned() -> NDArray[np.uint8]:
    face = np.random.default_rng(5).integers(0, 255, (14, 14, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(face, (112, 112)), dtype=np.uint8)


def read(bundle: Bundle | Path, runtime: str, precision: str, *heads: Path) -> FaceState:
    analyzer = FaceStateAnalyzer(bundle, runtime=runtime, precision=precision, heads=heads)  # type: ignore[arg-type]
    return analyzer.predict_crops([aligned()], color="rgb", align=False)[0]


def test_a_trained_head_keeps_a_byte_a_weight_in_every_format() -> None:
    """What is beside them: biases, normalisation and the format itself. A sentence is in floats."""
    from distill.adapting.exportable import open_head

    network, _ = open_head(trained(), checkpoint())
    matrices = sum(p.numel() for p in network.parameters() if p.ndim == 2)
    others = 4 * sum(p.numel() for p in network.parameters() if p.ndim != 2)
    assert matrices + others + 24_000 < 3 * matrices  # so floats would not pass
    for file in exported(trained()).iterdir():
        if file.suffix != ".json":
            assert matrices < file.stat().st_size < matrices + others + 24_000, file.name
    assert (exported(sentence()) / "head.tflite").stat().st_size > 4 * 384 * 32


@pytest.mark.parametrize("runtime", ["litert", "executorch"])
def test_a_head_answers_on_the_phones_vectors_as_in_training(runtime: str) -> None:
    from distill.adapting.heads import load_head
    from distill.faces.batches import to_tensor

    network, loaded = open_frozen(checkpoint())
    x = to_tensor(aligned()[None], loaded.recipe.preprocessing)
    expected = read_tasks(network, {"light": load_head(trained(), checkpoint())}, x)["light"][0]
    for precision, close in (("fp32", 1e-4), ("int8", 0.2)):
        answer = read(exported_int8(), runtime, precision, exported(trained())).tasks["light"]
        assert answer.kind == "multi-class"
        assert tuple(answer.scores) == LABELS
        np.testing.assert_allclose(list(answer.scores.values()), expected, atol=close)
        assert sum(answer.scores.values()) == pytest.approx(1)
        assert answer.present == (max(answer.scores, key=lambda label: answer.scores[label]),)


def test_a_sentence_answers_on_the_phone() -> None:
    from distill.faces.batches import to_tensor

    network, loaded = open_frozen(checkpoint())
    with torch.inference_mode():
        reading = network.read(to_tensor(aligned()[None], loaded.recipe.preprocessing))
    from distill.adapting.text.head import load_text_head

    head = load_text_head(sentence(), checkpoint())
    expected = head.answers((reading.face_text @ head.direction).numpy())[0]
    answer = read(exported_int8(), "litert", "fp32", exported(sentence())).tasks["smile"]
    assert answer.kind == "likeness"
    assert answer.scores["a person who smiles"] == pytest.approx(expected, abs=1e-4)
    assert answer.present == ()


def test_a_bundle_with_new_heads_is_the_same_bundle() -> None:
    bundle = exported_int8()
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    alone = read(bundle, "litert", "int8")
    both = read(bundle, "litert", "int8", exported(trained()), exported(sentence()))
    assert set(both.tasks) == {"light", "smile"}
    assert (both.emotion, both.action_units) == (alone.emotion, alone.action_units)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before


def test_answers_are_ready_for_json_and_pickle() -> None:
    state = read(exported_int8(), "litert", "int8", exported(trained()))
    assert pickle.loads(pickle.dumps(state)) == state
    found = json.loads(json.dumps(state.to_dict()))["tasks"]["light"]
    assert found["scores"] == dict(state.tasks["light"].scores)
    with pytest.raises(TypeError):
        state.tasks["other"] = state.tasks["light"]  # type: ignore[index]


def test_a_head_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="has no embeddings"):
        read(TINY, "litert", "fp32", exported(trained()))
    content = json.loads((exported(trained()) / "head.json").read_text())
    (tmp_path / "head.json").write_text(json.dumps(content | {"network_sha256": "0" * 64}))
    with pytest.raises(BundleError, match="made for the network with sha256 000000000000"):
        read(exported_int8(), "litert", "fp32", tmp_path)


def test_damaged_and_missing_files_of_a_head_are_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        read(exported_int8(), "litert", "fp32", tmp_path)
    (tmp_path / "head.json").write_text("{}")
    with pytest.raises(BundleError, match="Object missing required field"):
        read(exported_int8(), "litert", "fp32", tmp_path)
    folder = exported(trained())
    (tmp_path / "head.json").write_bytes((folder / "head.json").read_bytes())
    (tmp_path / "head.tflite").write_bytes((folder / "head.tflite").read_bytes() + b" ")
    with pytest.raises(ChecksumError, match="not the bytes"):
        read(exported_int8(), "litert", "fp32", tmp_path)
    content = json.loads((folder / "head.json").read_text())
    content["files"] = [file for file in content["files"] if file["format"] == "onnx"]
    (tmp_path / "head.json").write_text(json.dumps(content))
    with pytest.raises(BundleError, match="no tflite file, but onnx"):
        read(exported_int8(), "litert", "fp32", tmp_path)


def test_the_head_of_a_network_without_vectors_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["head", str(trained()), "--out", str(tmp_path / "out"), "--checkpoint"]
    assert main([*arguments, str(exported_fp32().checkpoint)]) == 2
    assert "holds neither MF² nor an edge network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_head_of_mf2_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_teacher(tmp_path / "mf2.pt")
    arguments = ["head", str(tmp_path / "head.pt"), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--checkpoint", str(tmp_path / "mf2.pt")]) == 2
    assert "is not an edge network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_bundle_names_its_network() -> None:
    bundle = load_bundle(exported_int8())
    assert bundle.manifest.provenance.checkpoint_sha256 == file_digest(checkpoint())
    assert [embedding.output for embedding in bundle.manifest.embeddings] == [2, 3]
    assert bundle.manifest.output_names == (
        "emotion", "action_units", "face_vector", "unit_vector"
    )  # fmt: skip
