"""The documentation as a site: every page of the repository, and a reference from docstrings.

    python packaging/site.py [--out DIR]

Pages keep their places in the tree, so that their links to one another hold; files that they
link to go along. MkDocs (`pip install 'mf2-edge[site]'`) makes HTML of it and fails at a link that
leads nowhere.
"""

from __future__ import annotations

import argparse
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import mf2_edge

ROOT: Final = Path(__file__).parents[1]

PAGES: Final = {
    "Home": ["README.md"],
    "Use": [
        "docs/models.md",
        "docs/gallery.md",
        "docs/detector.md",
        "docs/stream.md",
        "docs/video.md",
        "docs/adapt.md",
        "docs/bench.md",
        "docs/evaluation.md",
        "docs/troubleshooting.md",
        "docs/security.md",
        "examples/README.md",
        "examples/react-native/README.md",
        "examples/flutter/README.md",
    ],
    "Platforms": [
        "bindings/README.md",
        "bindings/swift/README.md",
        "bindings/kotlin/README.md",
        "bindings/web/README.md",
        "bindings/cpp/README.md",
    ],
    "Reference": ["reference.md"],
    "Model cards": [f"mf2_edge/bundles/{name}/README.md" for name in mf2_edge.list_bundles()],
    "Make": [
        "docs/training.md",
        "docs/datasets.md",
        "docs/mfa-wild.md",
        "docs/coding-guide.md",
        "docs/mfa.md",
        "docs/descriptions.md",
        "docs/export.md",
        "docs/scale.md",
        "CONTRIBUTING.md",
    ],
    "Changes": ["CHANGELOG.md", "mf2_edge/bundles/CHANGELOG.md"],
}
"""What stands in the menu."""

LINK: Final = re.compile(r'\]\(([^)#\s]+)(?:#[^)]*)?\)|src="([^"]+)"')


def main() -> int:
    """Run the command; returns the exit code of MkDocs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "site")
    out = parser.parse_args().out.resolve()
    with TemporaryDirectory() as folder:
        config = assemble(Path(folder))
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config)]
        return subprocess.run([*command, "-d", str(out)], check=False).returncode  # noqa: S603


def assemble(folder: Path) -> Path:
    """Lay out pages and what they link to in `folder`/docs; returns the configuration of MkDocs."""
    tree = folder / "docs"
    tree.mkdir()
    (tree / "reference.md").write_text(reference(), encoding="utf-8")
    waiting = [name for names in PAGES.values() for name in names if name != "reference.md"]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tree / name)
        if name.endswith(".md"):
            waiting += _linked(name)
    config = folder / "mkdocs.yml"
    config.write_text("\n".join(_config()) + "\n", encoding="utf-8")
    return config


def _linked(page: str) -> Iterator[str]:
    """Files of the repository that a page links to; a folder stands for its README."""
    for match in LINK.finditer((ROOT / page).read_text(encoding="utf-8")):
        link = match[1] or match[2]
        if "://" in link or link.startswith("mailto:"):
            continue
        target = ((ROOT / page).parent / link).resolve()
        if target.is_dir():
            target /= "README.md"
        if target.is_file():
            yield target.relative_to(ROOT).as_posix()


def _config() -> Iterator[str]:
    yield "site_name: mf2-edge"
    yield "use_directory_urls: false"
    yield "theme: {name: mkdocs, highlightjs: false}"
    yield "markdown_extensions: [tables, fenced_code, toc]"
    # A folder of sources has no page; a name in backquotes is no link.
    yield "validation: {links: {not_found: warn, unrecognized_links: ignore}}"
    yield "nav:"
    for title, names in PAGES.items():
        yield f"  - {title}:"
        yield from (f"      - {name}" for name in names)


def reference() -> str:
    """Every public name of `mf2_edge` with its signature and docstring."""
    parts = [
        "# Reference",
        "",
        "Everything that `import mf2_edge` offers, from its docstrings.",
        "",
    ]
    for name in sorted(mf2_edge.__all__, key=str.lower):
        value = getattr(mf2_edge, name)
        if callable(value):
            parts += [f"## {name}", "", *_described(name, value), ""]
            if inspect.isclass(value):
                for member, told in _members(value):
                    parts += [f"### {name}.{member}", "", *_described(member, told), ""]
    return "\n".join(parts)


def _members(value: type) -> Iterator[tuple[str, object]]:
    for name, told in vars(value).items():
        if name.startswith("_"):
            continue
        function = told.fget if isinstance(told, property) else told
        if inspect.isfunction(function) and function.__doc__:
            yield name, function


def _described(name: str, value: object) -> Iterator[str]:
    yield from ("```text", f"{name}{_signature(value)}", "```", "")
    yield inspect.cleandoc(value.__doc__ or "")


class _Plain:
    """An annotation as it stands in the source, without the quotes of a string."""

    def __init__(self, annotation: object) -> None:
        self.text = (
            annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        )

    def __repr__(self) -> str:
        return self.text


def _signature(value: object) -> str:
    try:
        told = inspect.signature(value) if callable(value) else None
    except ValueError:
        told = None
    if told is None:
        return ""
    empty = inspect.Signature.empty
    parameters = [
        each if each.annotation is empty else each.replace(annotation=_Plain(each.annotation))
        for each in told.parameters.values()
    ]
    back = told.return_annotation
    return str(
        told.replace(
            parameters=parameters, return_annotation=back if back is empty else _Plain(back)
        )
    )


if __name__ == "__main__":
    sys.exit(main())
