"""Documentation blocks run: what the README shows is what happens."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from distill.evaluation.reports.schema import load_evaluation
from mf2_edge.bundle.loader import list_bundles, load_bundle

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "bindings/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("examples/**/README.md")),
    *sorted(f"bindings/{path.parent.name}/README.md" for path in ROOT.glob("bindings/*/README.md")),
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
)


def blocks(page: str, language: str) -> list[str]:
    """Fenced blocks of one language, in order."""
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def test_the_readme_python_prints_what_the_readme_says(monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = blocks("README.md", "python")
    [expected] = blocks("README.md", "text")
    monkeypatch.chdir(ROOT)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), {})
    assert output.getvalue() == expected


def test_the_stream_page_prints_what_it_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, then = blocks("docs/stream.md", "python")
    expected = "".join(blocks("docs/stream.md", "text"))
    monkeypatch.chdir(tmp_path)
    output, names = io.StringIO(), dict[str, object]()
    with contextlib.redirect_stdout(output):
        exec(compile(first, "stream.md", "exec"), names)
        exec(compile(then, "stream.md", "exec"), names)
    assert output.getvalue() == expected
    assert not (tmp_path / "ada.json").exists()  # the portrait smiles


@pytest.mark.parametrize("page", PAGES)
def test_links_and_paths_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    missing = [link for link in linked if not ((ROOT / page).parent / link).exists()]
    assert missing == []


def test_commands_named_in_the_docs_exist() -> None:
    text = "".join((ROOT / page).read_text() for page in PAGES)
    named = set(re.findall(r"-m distill ([a-z-]+)", text))
    shown = subprocess.run(
        [sys.executable, "-m", "distill", "--help"], capture_output=True, text=True, check=True
    )
    assert named
    assert [name for name in named if name not in shown.stdout] == []
    targets = set(re.findall(r"`make ([a-z]+)`", text))
    makefile = (ROOT / "Makefile").read_text()
    assert [name for name in targets if f"\n{name}:" not in makefile] == []


def test_tables_are_what_the_result_files_say() -> None:
    check = [sys.executable, "-m", "benchmarks.tables", "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", list_bundles())
def test_the_evaluations_are_of_the_files_that_ship(name: str) -> None:
    """`make evaluate` measures new files; old ones' figures may not stand beside them."""
    manifest = load_bundle(name).manifest
    folder = ROOT / "benchmarks" / "results" / name
    found = [load_evaluation(path) for path in folder.glob("evaluation-*.json")]
    shipped = {artifact.file: artifact.sha256 for artifact in manifest.artifacts}
    assert manifest.artifacts[0].file in {measured.artifact for measured in found}
    for measured in found:
        assert shipped.get(measured.artifact) == measured.sha256
        assert measured.version == manifest.version
    # The recipe's out-of-fold figures, where it has some, are those of a precision, not of a file:
    # one file has to state them.
    has_folds = any("folds by subject" in figure.split for figure in manifest.accuracy)
    numbers = {artifact.file: artifact.precision for artifact in manifest.artifacts}
    whole = {numbers[measured.artifact] for measured in found if measured.left_out == ()}
    for measured in found:
        left = [one for one in measured.left_out if not one.startswith("figures of the recipe:")]
        assert left == []
        assert numbers[measured.artifact] in whole or not has_folds


def test_messages_of_the_troubleshooting_page_are_those_of_the_code() -> None:
    """What is quoted in the first column is a part of a text of the SDK or of a binding."""
    texts = [text for file in (ROOT / "mf2_edge").rglob("*.py") for text in _texts(file)]
    sources = [ROOT / "bindings" / place for place in ("swift/Sources", "kotlin/android/src/main")]
    texts += [
        file.read_text(encoding="utf-8")
        for folder in sources
        for file in folder.rglob("*")
        if file.suffix in (".swift", ".kt")
    ]
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    first = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    quoted = [part for cell in first for part in re.findall(r"`([^`]+ [^`]+)`", cell)]
    assert len(quoted) > 10
    assert [part for part in quoted if not any(part in text for text in texts)] == []


def _texts(file: Path) -> Iterator[str]:
    """Every string of a module, an f-string's values as "{}"."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in node.values)
            yield "".join(str(part) for part in parts)
