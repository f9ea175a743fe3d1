"""Tables of answers by group of people, and of faces mirrored, in bright light and small."""

from __future__ import annotations

from typing import Any

from benchmarks.report import RESULTS, load, measured
from distill.evaluation.reports.markdown import table, with_interval
from mf2_edge.bundle.loader import DEFAULT_BUNDLE, list_bundles


def groups_table() -> str:
    """The default bundle by FairFace's labels."""
    report = load(f"{DEFAULT_BUNDLE}/groups.json")
    figures = (
        *("emotion", "au12_recall", "au4_said", "au4_coded"),
        *("neutral_au43_said", "neutral_au43_coded"),
    )
    return table(
        (
            *("", "", "n", "emotion right", "smiles found (AU12)", "frown said (AU4)"),
            *("frown coded", "neutral, eyes closed said (AU43)", "neutral, eyes closed coded"),
            "mean F1 of units",
        ),
        [
            (
                *(row["label"], row["group"], row["n"]),
                *(_figure(row[name]) for name in figures),
                f"{row['units_f1']:.2f}",
            )
            for row in report["groups"]
        ],
        f"{_about(report)} Mean F1 is over the units that at least eight faces of the group show.",
    )


def changes_table() -> str:
    """Every bundle on changed faces, beside the faces as they are."""
    found = [name for name in list_bundles() if (RESULTS / name / "groups.json").is_file()]
    reports = [load(f"{name}/groups.json") for name in found]
    rows = [
        (
            *(report["bundle"], row["change"], _figure(row["emotion"])),
            *(f"{row[name]:.3f}" for name in ("units_f1", "same_units", "same_emotion")),
        )
        for report in reports
        for row in report["changes"]
    ]
    head = ("", "faces", "emotion right", "mean F1 of units", "the same units", "the same emotion")
    return table(head, rows, *(_about(report) for report in reports))


def _figure(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    return with_interval(found["value"], found["low"], found["high"])


def _about(report: dict[str, Any]) -> str:
    return (
        f"{report['bundle']} ({report['artifact']}): {report['data']}, n = {report['n']:,}; "
        f"{measured(report)}, bundle {report['bundle_sha256'][:12]}."
    )
