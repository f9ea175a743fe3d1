"""A head of another task is read as strictly as a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mf2_edge.errors import ManifestError
from mf2_edge.pipeline.task_head import HEAD, read_head

FITTED = {"scale": 1.0, "bias": 0.0, "fitted_on": "faces"}
HEAD_JSON: dict[str, Any] = {
    "schema_version": "2.0",
    "task": "smile",
    "kind": "multi-label",
    "labels": ["yes", "no"],
    "width": 4,
    "network_sha256": "0" * 64,
    "calibration": {"multi_label": {"yes": FITTED, "no": FITTED}},
    "faces": 10,
    "files": [{"file": "head.tflite", "bytes": 1, "sha256": "0" * 64, "format": "tflite"}],
}


def write(folder: Path, **changed: object) -> Path:
    (folder / HEAD).write_bytes(msgspec.json.encode(HEAD_JSON | changed))
    return folder


def test_a_sound_head_is_read(tmp_path: Path) -> None:
    assert read_head(write(tmp_path)).labels == ("yes", "no")


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": []},
        {"labels": ["yes", "yes"]},
        {"labels": ["yes", "perhaps"]},
        {"calibration": {}},
        {"calibration": {"multi_label": {"yes": FITTED}}},
        {"calibration": {"likeness": {"quantiles": [0.5], "fitted_on": "faces"}}},
        {"files": [HEAD_JSON["files"][0] | {"file": "a/../../head.tflite"}]},
        {"files": [HEAD_JSON["files"][0] | {"file": "/etc/passwd"}]},
    ],
)
def test_contradictions_are_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    with pytest.raises(ManifestError):
        read_head(write(tmp_path, **changed))
