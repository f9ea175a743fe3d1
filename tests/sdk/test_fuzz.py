"""A few hundred damaged inputs at each entry point; `benchmarks.stress.fuzz` tries many more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.stress import fuzz
from benchmarks.stress.fuzz import EntryPoint, entry_points
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.errors import ImageFileError, ManifestError
from mf2_edge.io.image_file import read_image

DOORS = (
    *("manifest", "image", "frame", "report"),
    *("golden", "head", "baseline", "detections", "video"),
)
FEW = {"golden": 8, "video": 40}
"""Inputs of the entry points that take longest."""
MANIFEST = json.loads((load_bundle(None).path / "manifest.json").read_text())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("place", range(len(DOORS)), ids=DOORS)
def test_an_entry_point_answers_or_refuses_with_a_typed_error(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
    entry = entry_points(1, tmp_path)[place]
    assert entry.name == DOORS[place]
    for _ in range(FEW.get(entry.name, 200)):
        entry.try_one()
    assert entry.findings == []
    assert entry.answers["accepted"] > 0
    assert len(entry.answers) > 1, "nothing was refused"


def test_an_untyped_error_is_a_finding_and_its_input_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(given: bytes) -> None:
        raise ZeroDivisionError(given)

    monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
    entry = EntryPoint("entry", iter([b"input"]), crash)
    entry.try_one()
    assert [finding.split(":")[0] for finding in entry.findings] == ["ZeroDivisionError"]
    assert (tmp_path / "kept" / "entry-1").read_bytes() == b"input"


def test_a_manifest_nested_without_end_is_refused() -> None:
    text = json.dumps(MANIFEST).replace("{", '{"deep":' + "[" * 100_000 + "]" * 100_000 + ",", 1)
    with pytest.raises(ManifestError, match="recursion"):
        parse_manifest(text.encode(), source="manifest.json")


@pytest.mark.parametrize("version", ["9" * 5000 + ".0", "1." + "9" * 5000, "\u0661.\u0660"])
def test_a_version_of_strange_digits_is_refused(version: str) -> None:
    text = json.dumps(MANIFEST | {"schema_version": version})
    with pytest.raises(ManifestError, match="schema_version"):
        parse_manifest(text.encode(), source="manifest.json")


@pytest.mark.parametrize("key", ["io_dtype", "delegate"])
def test_an_unknown_choice_names_the_known_ones(key: str) -> None:
    changed = json.loads(json.dumps(MANIFEST))
    changed["artifacts"][0][key] = "other"
    with pytest.raises(ManifestError, match="expected one of"):
        parse_manifest(json.dumps(changed).encode(), source="manifest.json")


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", ""])
def test_a_path_that_no_file_can_have_is_refused(path: str) -> None:
    with pytest.raises(ImageFileError):
        read_image(path)
