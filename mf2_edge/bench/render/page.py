"""The report as one HTML page that needs no network: table, picture, how each row came about."""

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

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2430; --paper: #fff; --soft: #5b6675; --line: #d5dae1;
  --point: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf0; --paper: #14181d; --soft: #a3adba; --line: #39424d; --point: #7db8f5; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
svg { width: 100%; max-width: 52rem; height: auto; font-size: 12px; fill: var(--ink); }
.axis, .bar, .front { fill: none; stroke: var(--soft); }
.grid { stroke: var(--line); }
.front { stroke-dasharray: 4 4; }
.mark { fill: var(--point); stroke: var(--point); stroke-width: 2; }
.mark.hollow { fill: var(--paper); }
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
    title = escape(f"{model.bundle} {model.version} on {device.model}")
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in HEAD)
    rows = "\n".join(
        f'<tr class="{line.report.provenance}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in line.cells)
        + "</tr>"
        for line in lines
    )
    names = "; ".join(judged.name for judged in lines[0].judged) or "none in the manifest"
    notes = "\n".join(f"<li>{escape(n)}</li>" for line in lines for n in row_notes(line.report))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div class="wide" role="region" aria-label="Latency and accuracy" tabindex="0">
<table>
<caption>Accuracy and points lost, in this order: {escape(names)}</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<h2>Accuracy and latency</h2>
<p>Filled: measured. Hollow, with a bar for the interval: estimated, not measured.</p>
{front_svg(lines)}
<h2>How each row came about</h2>
<ul>
{notes}
</ul>
{_published(published)}
<p>Bundle manifest sha256 {model.bundle_sha256}.</p>
</main>
</body>
</html>
"""


def _published(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    rows = "\n".join(
        f"<tr><td>{escape(f.network)}</td><td>{f.format} {f.precision}</td>"
        f"<td>{escape(f.compute_unit)}</td><td>{f.ms:g}</td><td>published</td>"
        f'<td><a href="{escape(f.source)}">source</a></td></tr>'
        for f in figures
    )
    names = ("network@pixels", "kind", "unit", "ms", "provenance", "source")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"""<h2>Other networks on this device</h2>
<div class="wide" role="region" aria-label="Published figures" tabindex="0">
<table>
<caption>Published by others; the cost model is fitted on those whose graph was made</caption>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>"""
