"""Edits of a manifest: only what was asked for changes, and only if the result is valid."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mf2_edge.bundle.edit import edit_manifest
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.manifest import SCHEMA_VERSION
from mf2_edge.errors import BundleError, ManifestError
from tests.helpers.make_tiny_bundle import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / FOLDER.name
    shutil.copytree(FOLDER, copy)
    return copy


def test_only_what_was_changed_differs(folder: Path) -> None:
    path = folder / "manifest.json"
    before = json.loads(path.read_bytes())
    manifest = edit_manifest(folder, lambda raw: raw.update(description="Something else."))
    after = json.loads(path.read_bytes())
    assert after == before | {"description": "Something else.", "schema_version": SCHEMA_VERSION}
    assert list(after) == list(before)
    assert manifest == load_bundle(folder).manifest
    assert manifest.description == "Something else."


@pytest.mark.parametrize("fault", ["unknown key", "contradiction", "exception"])
def test_a_refused_change_leaves_the_file(folder: Path, fault: str) -> None:
    def change(raw: dict[str, Any]) -> None:
        if fault == "exception":
            raise ManifestError("no")
        if fault == "unknown key":
            raw["mood"] = "good"
        raw["calibration"]["action_units"].popitem()

    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ManifestError):
        edit_manifest(folder, change)
    assert (folder / "manifest.json").read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {path.name for path in FOLDER.iterdir()}


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        edit_manifest(tmp_path, dict.clear)
