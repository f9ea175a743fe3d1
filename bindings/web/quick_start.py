"""The quick start of the README, laid out as it says, so that a test can follow it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.export.artifact import Choice, export_bundle

HERE: Final = Path(__file__).parent
PAGE: Final = HERE / "README.md"


def blocks(language: str) -> list[str]:
    """Fenced blocks of one language in the README, in order."""
    text = PAGE.read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def lay_out_quick_start(app: Path) -> Path:
    """The folder `app` that the quick start ends with; returns it."""
    export_bundle(load_bundle(None), app / "model", Choice(platform="web", code=False))
    shutil.copytree(HERE / "dist" / "lib", app / "mf2-edge")
    [page] = blocks("html")
    (app / "index.html").write_text(page)
    return app
