"""Tables of face detection, from what `python -m benchmarks.detection` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parents[1] / "results" / "detection"


def recall_table() -> str:
    """A row a condition; for each detector found, right way up, faces where none is."""
    reports = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("recall-*.json"))]
    names = [report["detector"] for report in reports]
    cells: dict[str, dict[str, str]] = {}
    counts: dict[str, int] = {}
    for report in reports:
        for row in report["rows"]:
            cells.setdefault(row["what"], {})[report["detector"]] = _cell(row)
            counts[row["what"]] = row["faces"] or row["frames"]
    lines = ["| | n | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for what, found in cells.items():
        values = " | ".join(found.get(name, "") for name in names)
        lines.append(f"| {what} | {counts[what]} | {values} |")
    about = "; ".join(
        f"{report['detector']}: seed {report['seed']}, {report['date']}, {report['machine']}"
        for report in reports
    )
    return "\n".join([*lines, "", f"{about}."])


def price_table() -> str:
    """CPU time as a ratio to `predict` of one near face with the detector before."""
    report = json.loads((RESULTS / "price.json").read_text())
    lines = ["| | near face | no face | six faces |", "|---|---|---|---|"]
    for what in ("predict", "detect"):
        for name in ("before", "default", "fast"):
            cases = (report["cases"][f"{what} {name} {kind}"] for kind in ("near", "nobody", "six"))
            values = " | ".join(f"{case['ratio']:.2f}" for case in cases)
            lines.append(f"| {what}, {name} | {values} |")
    network = report["cases"]["yunet network 640x480"]["ratio"]
    unit = report["cases"]["predict before near"]["cpu_ms"]
    lines += [
        "",
        f"1.00 is {unit:.1f} ms of CPU time; YuNet alone at 640x480: {network:.2f}. Median of "
        f"{report['rounds']} rounds, all cases in turn, {report['date']}, {report['machine']}.",
    ]
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    if not row["faces"]:
        return f"{row['frames_with_false_faces'] / row['frames']:.1%} of frames"
    found, right = (row[name] / row["faces"] for name in ("found", "right"))
    return f"{found:.0%}, right {right:.0%}, {row['false_faces']} false"
