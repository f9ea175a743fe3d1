"""The README's code for other platforms, as far as a tool here can tell: it parses or compiles.

The Kotlin lines are compiled with the Android layer (tests/helpers/bindings/kotlin_android.py), the
functions that Swift and Kotlin call are those of the files that `mf2-edge export` writes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.export.code import example
from mf2_edge.export.platforms import choose_export
from tests.bindings.test_swift import broken
from tests.docs.test_docs import ROOT, blocks


def test_the_page_and_its_exports_agree() -> None:
    manifest = load_bundle(None).manifest
    [swift], [kotlin] = blocks("README.md", "swift"), blocks("README.md", "kotlin")
    _, opened = example(manifest, choose_export(manifest, "mlpackage", "ios"), "ios")
    assert broken(swift.encode()) == broken(opened.encode()) == []
    assert "func openFaceStateAnalyzer()" in opened
    assert "openFaceStateAnalyzer()" in swift
    _, model = example(manifest, choose_export(manifest, "tflite", "android"), "android")
    assert "class FaceStateModel(context: Context)" in model
    assert "FaceStateModel(context)" in kotlin


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_its_c_plus_plus_compiles(tmp_path: Path) -> None:
    [block] = blocks("README.md", "cpp")
    program = tmp_path / "readme.cpp"
    program.write_text(
        '#include <cstdio>\n#include "mf2_edge/analyzer.hpp"\n'
        f"int main() {{\nmf2_edge::Frame frame;\n{block}}}\n"
    )
    include = ROOT / "bindings" / "cpp" / "include"
    command = ["g++", "-std=c++17", "-fsyntax-only", "-I", str(include), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_its_javascript_is_a_module(tmp_path: Path) -> None:
    [block] = blocks("README.md", "js")
    (tmp_path / "readme.mjs").write_text(block)
    command = ["node", "--check", str(tmp_path / "readme.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
