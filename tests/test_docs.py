"""Documentation blocks run: what the README shows is what happens."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from distill.judging.report import load_evaluation
from mf2_edge.bundle import load_bundle

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "bindings/README.md",
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
    check = [sys.executable, str(ROOT / "benchmarks" / "table.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_evaluation_is_of_the_file_that_ships() -> None:
    """`make evaluate` measures a new file; the old one's figures may not stand beside it."""
    bundle = load_bundle(None)
    measured = load_evaluation(
        ROOT / "benchmarks" / "results" / bundle.manifest.name / "evaluation.json"
    )
    shipped = {artifact.file: artifact.sha256 for artifact in bundle.manifest.artifacts}
    assert shipped.get(measured.artifact) == measured.sha256
    assert measured.version == bundle.manifest.version
    assert measured.left_out == ()
