"""The bench report as one HTML page: table, plot, and how each row was obtained."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from mf2_edge.bench.errors import ReportError
from mf2_edge.bench.estimate.published import Figure
from mf2_edge.bench.render.pareto import front
from mf2_edge.bench.render.table import (
    Line,
    Result,
    accuracy_rows,
    by_device,
    latency_rows,
    row_notes,
    teachers,
)
from mf2_edge.io.atomic import replacing
from mf2_edge.report import html

_STYLE: Final = """
th, td { white-space: nowrap; }
li { overflow-wrap: anywhere; }
svg { width: 100%; max-width: 52rem; height: auto; }
.on-phone { display: none; }
svg { font-size: 12px; fill: var(--ink); }
.axis, .bar, .front { fill: none; stroke: var(--soft); }
.grid { stroke: var(--line); }
.front { stroke-dasharray: 4 4; }
.mark { fill: var(--accent); stroke: var(--accent); stroke-width: 2; }
.mark.hollow { fill: var(--card); }
.estimated td { font-style: italic; }
td:nth-child(2), td:nth-child(3), .accuracy th { white-space: normal; }
.accuracy tbody th { min-width: 9rem; }
.accuracy thead th { min-width: 5rem; vertical-align: bottom; }
@media (max-width: 40rem) {
  .on-desk { display: none; }
  .on-phone { display: block; }
  table { font-size: .75rem; }
  thead th, tbody th, td { white-space: normal; padding-right: .3rem; }
  .accuracy tbody th { min-width: 7rem; }
  .accuracy thead th { min-width: 3.5rem; }
}
"""


def write_page(path: Path, results: Sequence[Result], published: Sequence[Figure] = ()) -> None:
    """Write the page; `published` are figures of other networks on the devices, for comparison.

    Raises ReportError if the file cannot be written.
    """
    try:
        with replacing(path) as partial:
            partial.write_text(page(results, published), encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error})") from error


def page(results: Sequence[Result], published: Sequence[Figure] = ()) -> str:
    """The HTML: a section a device with all bundles, then accuracy, a row a metric."""
    devices = by_device(results)
    *others, last = devices
    title = f"Latency on {', '.join(others)} and {last}" if others else f"Latency on {last}"
    main = "".join(_device(n, *told) for n, told in enumerate(devices.items()))
    main += _accuracy(results) + _published(published)
    bundles = {result.bundle.manifest.name: result.bundle for result in results}
    footer = "".join(
        f"<p>{escape(name)} {escape(bundle.manifest.version)}: manifest sha256 "
        f'<span class="code">{bundle.manifest_sha256}</span>.</p>'
        for name, bundle in bundles.items()
    )
    return html.page(title, f"<h1>{escape(title)}</h1>", main, footer, _STYLE)


def _device(number: int, name: str, lines: Sequence[Line]) -> str:
    head, *rows = latency_rows(lines)
    caption = "The network alone, one face, batch 1"
    figures = html.table(caption, head, rows, [line.report.provenance for line in lines])
    notes = dict.fromkeys(note for line in lines for note in row_notes(line))
    told = "\n".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"""<section><h2>{escape(name)}</h2>
{figures}
<h3>Accuracy and latency</h3>
{front(lines, f"front{number}")}
<details><summary>How each row was obtained</summary><ul>
{told}
</ul></details></section>
"""


def _accuracy(results: Sequence[Result]) -> str:
    """A row a metric, a column the files of a bundle that have the same figures."""
    rows = accuracy_rows([line for lines in by_device(results).values() for line in lines])
    if not rows:
        return "<section><h2>Accuracy</h2><p>None in the manifests.</p></section>"
    table = html.table(f"As measured, from the manifests; {teachers(results)}", rows[0], rows[1:])
    return f'<section class="accuracy"><h2>Accuracy</h2>{table}</section>'


def _published(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    rows = [
        [
            f.network,
            f.device,
            f"{f.format} {f.precision}",
            f.compute_unit,
            f"{f.ms:g}",
            "published",
            html.Html(f'<a href="{escape(f.source)}">source</a>'),
        ]
        for f in figures
    ]
    head = ("network@pixels", "device", "kind", "unit", "ms", "provenance", "source")
    table = html.table(
        "Published by others; the cost model is fitted on those whose graph was made", head, rows
    )
    return f"<section><h2>Other networks</h2>{table}</section>"
