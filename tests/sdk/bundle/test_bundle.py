"""Bundles: no byte is parsed that the manifest does not vouch for."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.errors import BundleError, ChecksumError, ManifestError
from tests.helpers.make_tiny_bundle import FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny bundle that a test may damage."""
    return Path(shutil.copytree(FOLDER, tmp_path / "tiny"))


def change_manifest(folder: Path, **changes: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_reads_checked_files(folder: Path) -> None:
    bundle = load_bundle(folder)
    artifact = bundle.select("tflite")
    assert bundle.read(artifact) == (FOLDER / "tiny.tflite").read_bytes()
    assert bundle.path_of(artifact) == (folder / "tiny.tflite").resolve()
    assert bundle.manifest_sha256 == sha256((folder / "manifest.json").read_bytes()).hexdigest()


def test_folder_may_be_given_as_text(folder: Path) -> None:
    assert load_bundle(str(folder)) == load_bundle(folder)


def test_unknown_bundle_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="expected a bundle's folder, or one of the bundles"):
        load_bundle("no-such-bundle")
    with pytest.raises(BundleError, match=r"^nobody: no bundle of that name, and no folder with"):
        load_bundle("nobody")
    with pytest.raises(BundleError, match=r"manifest\.json: cannot be read"):
        load_bundle(tmp_path)


def test_shipped_bundles_can_be_loaded_by_name() -> None:
    for name in list_bundles():
        assert load_bundle(name).manifest.name == name
        short = name.removeprefix("mf2-edge-")
        assert load_bundle(short) == load_bundle(name)


def test_a_folder_goes_before_a_short_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    assert load_bundle("m").manifest.name == "tiny"


def test_missing_file(folder: Path) -> None:
    (folder / "tiny.tflite").unlink()
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match=r"tiny\.tflite: listed in manifest\.json but cannot"):
        bundle.read(bundle.select("tflite"))


def test_flipped_byte(folder: Path) -> None:
    data = bytearray((folder / "tiny.tflite").read_bytes())
    data[700] ^= 1
    (folder / "tiny.tflite").write_bytes(data)
    bundle = load_bundle(folder)
    with pytest.raises(ChecksumError, match=f"sha256 is {sha256(data).hexdigest()}, expected"):
        bundle.read(bundle.select("tflite"))


SIZE = (FOLDER / "tiny.tflite").stat().st_size


@pytest.mark.parametrize("length", [0, 100, SIZE - 1, SIZE + 1, 2 * SIZE])
def test_wrong_size(folder: Path, length: int) -> None:
    data = (folder / "tiny.tflite").read_bytes().ljust(length, b"\0")[:length]
    (folder / "tiny.tflite").write_bytes(data)
    bundle = load_bundle(folder)
    with pytest.raises(ChecksumError, match=f": {length} bytes, expected {SIZE};"):
        bundle.path_of(bundle.select("tflite"))


def test_path_that_climbs_out_is_refused(folder: Path) -> None:
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    (folder.parent / "outside.tflite").write_bytes((folder / "tiny.tflite").read_bytes())
    artifacts[0]["file"] = "models/../../outside.tflite"
    change_manifest(folder, artifacts=artifacts)
    with pytest.raises(ManifestError, match="not a path inside the bundle"):
        load_bundle(folder)


def test_link_that_climbs_out_is_refused(folder: Path) -> None:
    outside = folder.parent / "outside.tflite"
    shutil.move(folder / "tiny.tflite", outside)
    (folder / "tiny.tflite").symlink_to(outside)
    bundle = load_bundle(folder)
    with pytest.raises(BundleError, match="leads out of the bundle's folder"):
        bundle.read(bundle.select("tflite"))


def test_bundle_behind_a_link_is_fine(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder, target_is_directory=True)
    bundle = load_bundle(link)
    assert len(bundle.read(bundle.select("tflite"))) == SIZE


def test_unknown_key_and_newer_schema_name_the_file(folder: Path) -> None:
    change_manifest(folder, colour="rgb")
    with pytest.raises(ManifestError, match=r"tiny/manifest\.json: unknown key `colour`"):
        load_bundle(folder)
    change_manifest(folder, schema_version="3.0")
    with pytest.raises(ManifestError, match=r"schema 3\.x needs a newer mf2-edge"):
        load_bundle(folder)


def test_select_lists_what_there_is() -> None:
    bundle = load_bundle(FOLDER)
    assert bundle.select("executorch", "fp32").file == "tiny.pte"
    with pytest.raises(BundleError, match=r"no onnx artifact; it holds: tflite fp32, executorch"):
        bundle.select("onnx")
    with pytest.raises(BundleError, match="no tflite artifact of precision int8"):
        bundle.select("tflite", "int8")


def test_info_is_ready_for_json() -> None:
    info = load_bundle(FOLDER).info()
    assert json.loads(json.dumps(info)) == info
    assert info["action_units"]["AU12"] == "lip corner puller"
    assert info["license"]["name"] == "Apache-2.0"
    assert info["accuracy"][0]["n"] == 8
