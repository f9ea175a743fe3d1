"""The shell of every HTML page: one file, light and dark, no script, no request."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from typing import Final

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses every request and every script."""

_STYLE: Final = """
:root { color-scheme: light dark;
  --paper: #f6f7f9; --card: #fff; --ink: #17202a; --soft: #55606e; --line: #dde2e8;
  --accent: #0b62b8; --track: #e9edf2; --shade: 0 1px 2px #17202a14, 0 6px 20px #17202a0d; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #0f1319; --card: #181e27; --ink: #e9edf3; --soft: #a3aebd; --line: #2c3542;
  --accent: #7fbcff; --track: #242c38; --shade: none; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header, main, footer { max-width: 66rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2rem); }
header { padding-top: clamp(1.5rem, 5vw, 3rem); }
footer { padding-top: 1rem; padding-bottom: 3rem; color: var(--soft); font-size: .9rem; }
h1 { font-size: clamp(1.6rem, 5vw, 2.4rem); line-height: 1.15; margin: 0 0 .4rem;
  letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .25rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 1.75rem 0 .5rem; }
p { margin: .25rem 0 .75rem; max-width: 46rem; }
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 1; }
.soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
  box-shadow: var(--shade); padding: clamp(1rem, 3vw, 1.75rem); margin: 1.25rem 0; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .5rem; padding: 0; margin: 1rem 0; }
nav a { display: inline-block; padding: .35rem .85rem; border: 1px solid var(--line);
  border-radius: 99px; background: var(--card); text-decoration: none; min-height: 24px; }
nav a:hover { border-color: var(--accent); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
tbody th { font-weight: 600; }
.code { overflow-wrap: anywhere; font-family: ui-monospace, "DejaVu Sans Mono", monospace;
  font-size: .85em; }
details { margin: .75rem 0; }
summary { cursor: pointer; color: var(--accent); padding: .25rem 0; }
@media print { section { break-inside: avoid; box-shadow: none; } nav { display: none; } }
"""


def page(title: str, header: str, main: str, footer: str, style: str = "") -> str:
    """A whole HTML document; `title` is text, the other parts are HTML, `style` further CSS."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the content</a>\n'
        f'<header>{header}</header>\n<main id="content">{main}</main>\n'
        f"<footer>{footer}</footer>\n</body>\n</html>\n"
    )


class Html(str):
    """Text that is HTML already, as a cell of `table`."""

    __slots__ = ()


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    row_classes: Sequence[str] = (),
) -> str:
    """A table of text whose first column names its rows; it scrolls where it is too wide.

    row_classes: the CSS class of each row; none if empty.
    """
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    classes = [f' class="{escape(name)}"' for name in row_classes] or [""] * len(rows)
    body = "".join(
        f'<tr{attribute}><th scope="row">{_cell(row[0])}</th>'
        + "".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row, attribute in zip(rows, classes, strict=True)
    )
    return (
        f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell: str) -> str:
    return cell if isinstance(cell, Html) else escape(cell)


def jpeg_uri(jpeg: bytes) -> str:
    """A picture as an address that holds it."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
