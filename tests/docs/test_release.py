"""What a release holds: the bill of materials names every model and package with its licence."""

from __future__ import annotations

import json
import runpy
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

import mf2_edge

ROOT = Path(__file__).parents[2]
RELEASE = runpy.run_path(str(ROOT / "packaging" / "release.py"))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts that need no build."""
    out = tmp_path_factory.mktemp("release")
    for name in ("make_swift", "make_cpp", "make_sbom"):
        RELEASE[name](ROOT, out, mf2_edge.__version__)
    return out


def test_the_bill_names_all_that_ships(parts: Path) -> None:
    [path] = parts.glob("*.cdx.json")
    told: dict[str, Any] = json.loads(path.read_text())
    components = {each["name"]: each for each in told["components"]}
    assert told["bomFormat"] == "CycloneDX"
    for manifest in ROOT.glob("mf2_edge/bundles/*/manifest.json"):
        for artifact in json.loads(manifest.read_text())["artifacts"]:
            shipped = components[artifact["file"]]
            assert shipped["hashes"][0]["content"] == artifact["sha256"]
            assert shipped["licenses"]
    assert {"yunet-n", "blazeface-short-range", "numpy", "@litertjs/core"} <= set(components)
    assert "com.google.ai.edge.litert/litert" in components
    assert components["@litertjs/core"]["purl"] == "pkg:npm/%40litertjs/core@2.5.3"
    assert not {"esbuild", "typescript", "torch"} & set(components)


def test_the_sources_of_swift_and_c_plus_plus_are_whole(parts: Path) -> None:
    version = mf2_edge.__version__
    swift = set(zipfile.ZipFile(parts / f"mf2-edge-swift-{version}.zip").namelist())
    cpp = set(zipfile.ZipFile(parts / f"mf2-edge-cpp-{version}.zip").namelist())
    assert f"mf2-edge-swift-{version}/Package.swift" in swift
    assert f"mf2-edge-swift-{version}/bindings/swift/Sources/MF2Edge/Align.swift" in swift
    assert f"mf2-edge-cpp-{version}/bindings/cpp/CMakeLists.txt" in cpp
    assert all(f"mf2-edge-{name}-{version}/LICENSE" in swift | cpp for name in ("swift", "cpp"))


def test_a_part_without_its_tool_or_that_fails_is_told(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise subprocess.CalledProcessError(1, ["made", "up"], stderr="why")

    def make(_: Path, out: Path, version: str) -> None:
        (out / "file").write_text(version)

    part, make_all = RELEASE["Part"], RELEASE["make_all"]
    make_all.__globals__["PARTS"] = (
        part("one", (), make),
        part("two", ("no-such-tool",), make),
        part("three", (), fail),
    )
    told = make_all(ROOT, tmp_path)
    assert told[0] == "made      one"
    assert told[1] == "NOT MADE  two: needs no-such-tool"
    assert told[2].startswith("FAILED    three: made up\nwhy")
    assert (tmp_path / "SHA256SUMS").read_text().endswith("  file\n")
