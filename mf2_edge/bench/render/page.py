"""The bench report as one HTML page: table, plot, and how each row was obtained."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from mf2_edge.bench.errors import ReportError
from mf2_edge.bench.estimate.published import Figure
from mf2_edge.bench.render.pareto import front_svg
from mf2_edge.bench.render.table import HEAD, lines_of, row_notes
from mf2_edge.bench.report import Report
from mf2_edge.bundle.loader import Bundle
from mf2_edge.io.atomic import replacing
from mf2_edge.report import html

_STYLE: Final = """
th, td { white-space: nowrap; }
svg { width: 100%; max-width: 52rem; height: auto; font-size: 12px; fill: var(--ink); }
.axis, .bar, .front { fill: none; stroke: var(--soft); }
.grid { stroke: var(--line); }
.front { stroke-dasharray: 4 4; }
.mark { fill: var(--accent); stroke: var(--accent); stroke-width: 2; }
.mark.hollow { fill: var(--card); }
.estimated td { font-style: italic; }
"""


def write_page(
    path: Path, bundle: Bundle, reports: Sequence[Report], published: Sequence[Figure] = ()
) -> None:
    """Write the page; `published` are figures of other networks on the device, for comparison.

    Raises ReportError if the file cannot be written.
    """
    try:
        with replacing(path) as partial:
            partial.write_text(page(bundle, reports, published), encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error})") from error


def page(bundle: Bundle, reports: Sequence[Report], published: Sequence[Figure] = ()) -> str:
    """The HTML."""
    lines = lines_of(bundle, reports)
    device, model = reports[0].device, reports[0].model
    title = f"{model.bundle} {model.version} on {device.model}"
    names = "; ".join(judged.name for judged in lines[0].judged) or "none in the manifest"
    figures = html.table(
        f"Accuracy and points lost, in this order: {names}",
        HEAD,
        [line.cells for line in lines],
        [line.report.provenance for line in lines],
    )
    notes = "\n".join(f"<li>{escape(n)}</li>" for line in lines for n in row_notes(line.report))
    main = f"""<section>{figures}</section>
<section><h2>Accuracy and latency</h2>
<p>Filled: measured. Hollow, with a bar for the interval: estimated, not measured.</p>
{front_svg(lines)}</section>
<section><h2>How each row was obtained</h2>
<ul>
{notes}
</ul></section>
{_published(published)}"""
    footer = f"<p>Bundle manifest sha256 {model.bundle_sha256}.</p>"
    return html.page(title, f"<h1>{escape(title)}</h1>", main, footer, _STYLE)


def _published(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    rows = [
        [
            f.network,
            f"{f.format} {f.precision}",
            f.compute_unit,
            f"{f.ms:g}",
            "published",
            html.Html(f'<a href="{escape(f.source)}">source</a>'),
        ]
        for f in figures
    ]
    head = ("network@pixels", "kind", "unit", "ms", "provenance", "source")
    table = html.table(
        "Published by others; the cost model is fitted on those whose graph was made", head, rows
    )
    return f"<section><h2>Other networks on this device</h2>{table}</section>"
