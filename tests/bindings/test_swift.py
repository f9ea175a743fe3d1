"""The Swift package: its syntax, what its files may import, and what was generated is current.

No Swift compiler is needed for these; test_swift_native.py compiles the package.
"""

from __future__ import annotations

import json
import plistlib
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import tree_sitter_swift
from tree_sitter import Language, Node, Parser

from bindings.model_cases import model_cases
from bindings.swift import fixtures
from bindings.swift import generate_types as types
from mf2_edge.bench.measure.device_report import device_report_schema
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.cli.main import main as mf2_edge_main

SWIFT = Path(types.__file__).parent
SOURCES = SWIFT / "Sources"
FILES = [p for p in sorted(SWIFT.rglob("*.swift")) if ".build" not in p.parts]
GUARD = re.compile(r"#if canImport\((\w+)\)")
FRAMEWORK = re.compile(r"^(?:@testable )?import (\w+)", re.MULTILINE)


def broken(source: bytes) -> list[str]:
    """Where a Swift text cannot be parsed."""
    parser = Parser(Language(tree_sitter_swift.language()))
    return [f"line {node.start_point[0] + 1}" for node in _wrong(parser.parse(source).root_node)]


def _wrong(node: Node) -> Iterator[Node]:
    if node.type == "ERROR" or node.is_missing:
        yield node
    for child in node.children:
        yield from _wrong(child)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_swift(path: Path) -> None:
    assert broken(path.read_bytes()) == []


def test_what_is_no_swift_is_found() -> None:
    source = (SOURCES / "MF2Edge" / "Align.swift").read_bytes()
    assert broken(source.replace(b"func align(", b"func align[(", 1))
    assert broken(source.rstrip().removesuffix(b"}"))


def test_generated_files_are_current() -> None:
    assert (types.FOLDER / "ModelTypes.swift").read_text() == types.types()


def test_the_fixtures_are_of_the_bundle_that_ships(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fixtures, "FOLDER", tmp_path / "Fixtures")
    monkeypatch.setattr("sys.argv", ["fixtures"])
    assert fixtures.main() == 0
    data = (tmp_path / "Fixtures" / "goldens.bin").read_bytes()
    contents = json.loads((tmp_path / "Fixtures" / "goldens.json").read_text())
    with np.load(load_bundle(None).path / "goldens.npz", allow_pickle=False) as goldens:
        logits = goldens["emotion_logits"]
    entry = contents["emotion_logits"]
    assert (entry["shape"], entry["kind"]) == (list(logits.shape), "f32")
    assert data[entry["at"] :][: logits.nbytes] == logits.tobytes()


def test_the_cases_of_model_json_are_kept_whole() -> None:
    stored = json.loads(fixtures.cases())
    texts = [text.encode() for text in stored["texts"]]
    for row, case in zip(stored["cases"], model_cases(), strict=True):
        text = texts[row["of"]]
        end = text[len(text) - row["end"] :]
        assert text[: row["start"]] + row["middle"].encode() + end == case["text"].encode()
        assert row["valid"] == case["valid"]


@pytest.mark.parametrize(
    "path", sorted((SOURCES / "MF2Edge").glob("*.swift")), ids=lambda p: p.name
)
def test_the_core_needs_foundation_alone(path: Path) -> None:
    assert set(FRAMEWORK.findall(path.read_text())) <= {"Foundation"}


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(SOURCES.rglob("*.swift")) if p.parent.name != "MF2Edge"],
    ids=lambda path: path.name,
)
def test_apple_s_frameworks_stand_behind_a_guard(path: Path) -> None:
    text = path.read_text()
    apples = set(FRAMEWORK.findall(text)) - {"Foundation", "Dispatch", "MF2Edge"}
    if apples:
        assert text.startswith("#if canImport("), "the whole file stands behind the guard"
        assert text.rstrip().endswith("#endif")
        assert set(GUARD.findall(text.splitlines()[0])) & apples


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.swift")), ids=lambda path: path.name)
def test_nothing_is_forced(path: Path) -> None:
    code = re.sub(r"//.*|\"(?:\\.|[^\"\\])*\"", "", path.read_text())
    assert not re.search(r"\btry!|\bas!|[\w)\]]!(?!=)|fatalError|precondition", code)


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(SOURCES.rglob("*.swift")) if p != types.FOLDER / "ModelTypes.swift"],
    ids=lambda path: path.name,
)
def test_what_is_public_is_documented(path: Path) -> None:
    lines = path.read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if re.match(r"\s*(?:@\w+ )?public (?!private)", line):
            assert re.match(r"\s*(///|@)", before), f"{path.name}: {line.strip()}"


def test_the_bench_writes_what_the_importer_reads() -> None:
    text = (SOURCES / "MF2EdgeBench" / "DeviceReport.swift").read_text()
    schema = device_report_schema()["$defs"]
    for name in ("DeviceReport", "Phone", "Run"):
        body = (
            text.split(f"public struct {name}: Encodable")[1].split("CodingKey {")[1].split("}")[0]
        )
        keys = {word or case for case, word in re.findall(r'case (\w+)(?: = "(\w+)")?', body)}
        assert keys <= set(schema[name]["properties"]), name
        assert keys >= set(schema[name]["required"]), name


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (SWIFT / "README.md").read_text(), re.DOTALL)


def test_the_quick_start_is_swift_and_its_export_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = _blocks("swift")
    assert blocks
    assert [broken(block.encode()) for block in blocks] == [[]] * len(blocks)
    monkeypatch.chdir(tmp_path)
    [command] = re.findall(r"^mf2-edge (export .*)$", "\n".join(_blocks("sh")), re.MULTILINE)
    bundle = SWIFT.parents[1] / "mf2_edge" / "bundles" / "mf2-edge-m"
    words = [str(bundle) if "bundles/" in word else word for word in command.split()]
    assert mf2_edge_main(words) == 0
    [package] = tmp_path.rglob("*.mlpackage")
    assert (package.parent / "manifest.json").is_file()


def _targets(manifest: str) -> dict[str, tuple[str, ...]]:
    """Library targets of a Package.swift with what they depend on, and its products."""
    parts = r'\.(target|library)\(\s*name: "(\w+)",?\s*(?:(?:dependencies|targets): (\[[^]]*\]))?'
    found = re.findall(parts, manifest)
    return {f"{kind} {name}": tuple(re.findall(r'"(\w+)"', rest)) for kind, name, rest in found}


def test_the_package_at_the_root_is_that_of_the_binding() -> None:
    root = SWIFT.parents[1] / "Package.swift"
    text, own = root.read_text(), (SWIFT / "Package.swift").read_text()
    assert broken(text.encode()) == []
    assert _targets(text) == _targets(own)
    assert len(_targets(text)) == 8
    paths = re.findall(r'path: sources \+ "(\w+)"', text)
    assert sorted(paths) == sorted(p.name for p in SOURCES.iterdir())
    assert re.findall(r"platforms: .*", text) == re.findall(r"platforms: .*", own)
    assert text.splitlines()[0] == own.splitlines()[0]


def test_systems_are_those_of_the_package_and_the_models() -> None:
    """What the documents say, what the packages state and what is written in the models agree."""
    told = re.findall(
        r"platforms: \[\.iOS\(\.v(\d+)\), \.macOS\(\.v(\d+)\)",
        (SWIFT / "Package.swift").read_text(),
    )
    [(ios, macos)] = told
    needed = {}
    for name in list_bundles():
        bundle = load_bundle(name)
        artifact = bundle.select("coreml")
        with ZipFile(bundle.path_of(artifact)) as archive:
            [file] = (each for each in archive.namelist() if each.endswith(".mlmodel"))
            tag, version = archive.read(file)[:2]
        assert tag == 8, "the first field of a Core ML model is its version"
        needed[name] = {6: "15.0", 7: "16.0", 8: "17.0", 9: "18.0"}[version]
        assert artifact.minimum_os["ios"] == needed[name], name
    readme = " ".join((SWIFT / "README.md").read_text().split())
    assert f"They build for iOS {ios} and macOS {macos};" in readme
    newest = max(needed.values(), key=float).removesuffix(".0")
    assert f"need iOS {newest}, as `minimum_os`" in readme
    troubleshooting = (SWIFT.parents[1] / "docs" / "troubleshooting.md").read_text()
    assert f"(iOS {newest} for the Core ML models that ship)" in troubleshooting
    assert min(map(float, needed.values())) >= int(ios)


def test_the_privacy_manifest_says_that_nothing_is_collected() -> None:
    told = plistlib.loads((SOURCES / "MF2EdgeApple" / "PrivacyInfo.xcprivacy").read_bytes())
    assert told["NSPrivacyTracking"] is False
    assert told["NSPrivacyCollectedDataTypes"] == told["NSPrivacyTrackingDomains"] == []
    # Of the interfaces that need a reason, the sources use none.
    needing = (
        r"UserDefaults|systemUptime|mach_absolute_time|volumeAvailable|attributesOfItem|\bstat\("
    )
    assert told["NSPrivacyAccessedAPITypes"] == []
    assert not [p.name for p in SOURCES.rglob("*.swift") if re.search(needing, p.read_text())]
