"""Verify: a sound bundle passes, and every kind of damage is found and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mf2_edge.verify as verify
from exporters.__main__ import main as exporters
from exporters.checks.goldens_align import align_arrays
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.manifest import SCHEMA_VERSION
from mf2_edge.bundle.write import write_manifest
from mf2_edge.extras import installed
from mf2_edge.verify import Outcome, verify_bundle
from tests.helpers.make_tiny_bundle import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tiny bundle without its ExecuTorch program, which is slow to start."""
    folder = Path(shutil.copytree(FOLDER, tmp_path / "tiny"))
    edit_manifest(folder, lambda raw: raw["artifacts"].pop())
    return folder


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    raw = json.loads((folder / "manifest.json").read_text())
    change(raw)
    write_manifest(folder, json.dumps(raw).encode())


def edit_goldens(folder: Path, **changes: Any) -> None:
    """Replace or (with None) drop arrays, and let the manifest vouch for the new file."""
    with np.load(folder / "goldens.npz") as archive:
        arrays = dict(archive) | changes
    kept = {name: array for name, array in arrays.items() if array is not None}
    np.savez_compressed(folder / "goldens.npz", **kept)
    data = (folder / "goldens.npz").read_bytes()
    entry = {"file": "goldens.npz", "bytes": len(data), "sha256": sha256(data).hexdigest()}
    edit_manifest(folder, lambda raw: raw.update(goldens=[entry]))


def recorded(name: str) -> Any:
    with np.load(FOLDER / "goldens.npz") as archive:
        return archive[name]


def outcomes(folder: Path) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in verify_bundle(load_bundle(folder))}


def failed(folder: Path) -> dict[str, str]:
    checks = verify_bundle(load_bundle(folder))
    return {check.name: check.detail for check in checks if check.outcome is Outcome.FAILED}


def test_a_sound_bundle_passes_every_check(folder: Path) -> None:
    assert outcomes(folder) == dict.fromkeys(
        ("tiny.tflite", "goldens.npz", "model.json", "preprocess", "model tiny.tflite", "decode"),
        Outcome.OK,
    )


@pytest.mark.skipif(not installed("executorch"), reason="needs executorch")
def test_every_artifact_is_replayed() -> None:
    found = outcomes(FOLDER)
    assert found["model tiny.pte"] is Outcome.OK
    assert found["model tiny.tflite"] is Outcome.OK


def test_artifact_without_a_runtime_here_is_skipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "runs_here", lambda artifact: False)
    found = outcomes(folder)
    assert found["model tiny.tflite"] is Outcome.SKIPPED
    assert found["tiny.tflite"] is Outcome.OK


def test_bundle_without_goldens(folder: Path) -> None:
    edit_manifest(folder, lambda raw: raw.update(goldens=[]))
    found = outcomes(folder)
    assert found.pop("goldens") is Outcome.SKIPPED
    assert found == dict.fromkeys(("tiny.tflite", "model.json"), Outcome.OK)


def test_the_model_json_of_another_manifest(folder: Path) -> None:
    with (folder / "model.json").open("a") as out:
        out.write(" ")
    assert set(failed(folder)) == {"model.json"}


def test_flipped_byte_in_the_model(folder: Path) -> None:
    data = bytearray((folder / "tiny.tflite").read_bytes())
    data[900] ^= 4
    (folder / "tiny.tflite").write_bytes(data)
    assert set(failed(folder)) == {"tiny.tflite", "model tiny.tflite"}


def test_missing_and_damaged_goldens(folder: Path) -> None:
    (folder / "goldens.npz").write_bytes(b"\0" * (FOLDER / "goldens.npz").stat().st_size)
    assert set(failed(folder)) == {"goldens.npz", "goldens goldens.npz"}
    (folder / "goldens.npz").unlink()
    assert set(failed(folder)) == {"goldens.npz", "goldens goldens.npz"}


def test_other_weights_fail_the_model_only(folder: Path) -> None:
    edit_goldens(folder, emotion_logits=recorded("emotion_logits") + 0.01)
    failures = failed(folder)
    # Softmax does not notice a constant, so the recorded scores still belong to the logits.
    assert set(failures) == {"model tiny.tflite"}
    assert "largest difference 0.01, allowed 0.001" in failures["model tiny.tflite"]


def test_other_normalisation_fails_preprocess_only(folder: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["preprocessing"]["mean"][2] += 1

    edit_manifest(folder, change)
    assert set(failed(folder)) == {"preprocess"}


def test_other_calibration_fails_decode_only(folder: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["calibration"]["action_units"]["AU12"]["bias"] += 0.01

    edit_manifest(folder, change)
    assert set(failed(folder)) == {"decode"}


def test_align_is_replayed_where_it_was_recorded(folder: Path) -> None:
    spec = load_bundle(folder).manifest.alignment
    recorded = align_arrays(spec) | {"tolerance/align": np.float32(1)}
    edit_goldens(folder, **recorded)
    assert outcomes(folder)["align"] is Outcome.OK
    edit_goldens(folder, **{"frame/aligned": np.roll(recorded["frame/aligned"], 1, axis=2)})
    assert set(failed(folder)) == {"align"}
    edit_goldens(folder, **recorded | {"frame/landmarks": np.zeros((4, 6, 2))})
    assert "landmarks coincide" in failed(folder)["align"]
    edit_goldens(folder, **recorded | {"frame/landmarks": None})
    assert "lacks frame/landmarks" in failed(folder)["goldens goldens.npz"]


def test_another_template_fails_align_only(folder: Path) -> None:
    edit_goldens(
        folder,
        **align_arrays(load_bundle(folder).manifest.alignment),
        **{"tolerance/align": np.float32(1)},
    )
    edit_manifest(folder, lambda raw: raw["alignment"]["points"].update(nose_tip=[58.0, 66.0]))
    assert set(failed(folder)) == {"align"}


def test_goldens_of_align_are_renewed_and_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((folder / "manifest.json").read_text())
    assert exporters(["update", str(folder), "--goldens"]) == 0
    assert outcomes(folder)["align"] is Outcome.OK
    assert failed(folder) == {}
    after = json.loads((folder / "manifest.json").read_text())
    assert after.pop("goldens") != before.pop("goldens")
    assert after == before | {"schema_version": SCHEMA_VERSION}
    bytes_of_it = (folder / "goldens.npz").read_bytes()
    assert exporters(["update", str(folder), "--goldens"]) == 0
    assert (folder / "goldens.npz").read_bytes() == bytes_of_it
    edit_manifest(folder, lambda raw: raw.update(goldens=[]))
    assert exporters(["update", str(folder), "--goldens"]) == 2
    assert "holds no goldens" in capsys.readouterr().err


def test_tolerance_of_a_precision_comes_before_the_general_one(folder: Path) -> None:
    edit_goldens(
        folder,
        emotion_logits=recorded("emotion_logits") + 0.01,
        **{"tolerance/decode": np.float32(1), "tolerance/model/fp32": np.float32(0.02)},
    )
    assert failed(folder) == {}
    edit_goldens(folder, **{"tolerance/model/fp32": np.float32(0.005)})
    assert set(failed(folder)) == {"model tiny.tflite"}


def test_logits_of_a_format_come_before_those_of_its_precision(folder: Path) -> None:
    wrong = recorded("emotion_logits") + 1
    edit_goldens(folder, **{"emotion_logits/fp32": wrong})
    assert set(failed(folder)) == {"model tiny.tflite"}
    edit_goldens(folder, **{"emotion_logits/fp32/tflite": recorded("emotion_logits")})
    assert failed(folder) == {}


@pytest.mark.parametrize(
    ("changes", "failures"),
    [
        ({"au_scores": None}, {"goldens goldens.npz": "lacks au_scores"}),
        ({"aligned": np.zeros((0, 112, 112, 3), np.uint8)}, {"goldens goldens.npz": "at least 1"}),
        ({"au_scores": np.full((2, 17), np.nan)}, {"decode": "largest difference nan"}),
        ({"au_scores": np.zeros((2, 16))}, {"decode": "shape [2, 17], recorded [2, 16]"}),
        ({"emotion_scores": np.zeros((1, 8))}, {"goldens goldens.npz": "the same number"}),
    ],
)
def test_malformed_goldens(folder: Path, changes: dict[str, Any], failures: dict[str, str]) -> None:
    edit_goldens(folder, **changes)
    found = failed(folder)
    assert set(found) == set(failures)
    for name, message in failures.items():
        assert message in found[name]


def test_pickles_in_goldens_are_not_opened(folder: Path) -> None:
    edit_goldens(folder, aligned=np.array([{"a": 1}, {"b": 2}], dtype=object))
    assert "not a golden file" in failed(folder)["goldens goldens.npz"]
