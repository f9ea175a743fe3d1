"""The documentation as a site: whole, its links hold, and all that is public stands in it."""

from __future__ import annotations

import importlib.util
import inspect
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import mf2_edge

ROOT = Path(__file__).parents[2]
SITE = runpy.run_path(str(ROOT / "packaging" / "site.py"))


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of MkDocs, the pages beside it."""
    config: Path = SITE["assemble"](tmp_path_factory.mktemp("site"))
    return config


def test_every_link_leads_to_a_file_that_goes_along(assembled: Path) -> None:
    tree = assembled.parent / "docs"
    pages = list(tree.rglob("*.md"))
    assert len(pages) > 30
    for page in pages:
        for match in SITE["LINK"].finditer(page.read_text()):
            link = match[1] or match[2]
            if "://" in link or link.startswith("mailto:"):
                continue
            place = page.parent / link
            folder = (ROOT / page.relative_to(tree)).parent / link
            assert place.exists() or folder.is_dir(), f"{page.relative_to(tree)}: {link}"


def test_every_page_of_the_docs_is_in_the_menu() -> None:
    menu = {name for names in SITE["PAGES"].values() for name in names}
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} - {"docs/index.md"}
    assert pages <= menu
    assert all((ROOT / name).is_file() for name in menu - {"reference.md"})


def test_the_reference_has_every_public_name_with_its_docstring() -> None:
    text = SITE["reference"]()
    for name in set(mf2_edge.__all__) - {"__version__"}:
        assert f"## {name}\n" in text
        told = inspect.cleandoc(getattr(mf2_edge, name).__doc__)
        assert told.splitlines()[0] in text, name
    assert "### FaceStateAnalyzer.predict\n" in text
    assert "predict(self, frame: ImageLike, *, color: ColorOrder = 'bgr'," in text


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs MkDocs")
def test_mkdocs_builds_it_without_a_warning(assembled: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(assembled)]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "html")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for page in ("index.html", "docs/detector.html", "reference.html"):
        assert (tmp_path / "html" / page).is_file()
