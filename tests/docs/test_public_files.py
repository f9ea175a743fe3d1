"""What a visitor meets first: versions that agree, workflows and examples that run."""

from __future__ import annotations

import ast
import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

import mf2_edge
from tests.helpers.clips import clip

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "mf2_edge" / "samples" / "astronaut.jpg"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_versions_agree() -> None:
    version = mf2_edge.__version__
    changelog = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    cmake = re.search(
        r"project\(mf2_edge VERSION (\S+)", (ROOT / "bindings/cpp/CMakeLists.txt").read_text()
    )
    assert cited is not None
    assert cmake is not None
    kotlin = re.search(
        r'^    version = "(\S+)"$',
        (ROOT / "bindings/kotlin/build.gradle.kts").read_text(),
        re.MULTILINE,
    )
    assert kotlin is not None
    web = json.loads((ROOT / "bindings/web/package.json").read_text())["version"]
    assert [changelog[0], cited[1], cmake[1], kotlin[1], web] == [version] * 5


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_run_what_is_there(path: Path) -> None:
    text = path.read_text()
    folders = set(re.findall(r"working-directory: (\S+)", text))
    assert all((ROOT / folder).is_dir() for folder in folders)
    scripts = set(re.findall(r"(\.ci/\w+)", text))
    assert all((ROOT / script).is_file() for script in scripts)
    assert "\t" not in text


def _run(monkeypatch: pytest.MonkeyPatch, name: str, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")


def test_the_example_of_a_picture(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, "photo.py", PORTRAIT)
    said = capsys.readouterr().out
    assert said.startswith("happiness (0.9")
    assert "AU6 AU12 AU25" in said


def test_the_example_of_a_camera(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _run(monkeypatch, "camera.py", clip(tmp_path / "film.mp4", frames=15))
    assert re.search(r"^\d\.\d\d s  face 1  AU12 onset$", capsys.readouterr().out, re.MULTILINE)


def test_the_example_of_crops(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _run(monkeypatch, "crops.py", PORTRAIT)
    assert ": happiness (0.9" in capsys.readouterr().out


def test_the_example_of_a_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = tmp_path / "faces.csv"
    _run(monkeypatch, "folder.py", PORTRAIT.parent, table)
    assert "1 faces in 1 pictures\nemotion\nhappiness    1" in capsys.readouterr().out
    assert table.read_text().splitlines()[1].startswith("astronaut.jpg,0,0,")


def test_the_notebook_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells in order, last lines evaluated as a notebook does; it keeps no output."""
    cells = json.loads((ROOT / "examples/faces.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    shown = []
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        assert cell["outputs"] == []
        code = ast.parse("".join(cell["source"]))
        last = code.body[-1]
        if isinstance(last, ast.Expr):
            code.body.pop()
        exec(compile(code, "faces.ipynb", "exec"), names)
        if isinstance(last, ast.Expr):
            shown.append(eval(compile(ast.Expression(last.value), "faces.ipynb", "eval"), names))
    face, picture, table, _ = shown
    assert face._repr_html_().startswith("<")
    assert picture.size[0] > 100
    assert table.loc["emotion", 0] == "happiness"
    assert capsys.readouterr().out == f"{face.describe('au')}\n"
