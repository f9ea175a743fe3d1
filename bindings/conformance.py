"""The conformance table of bindings/README.md, made from each binding's own report.

    python -m bindings.conformance [--check]

A report is `bindings/<name>/conformance.json`, written by the binding's tests:

    {"binding": "web", "date": "2026-11-23", "machine": "...", "bundle_sha256": "...",
     "stages": {"align": {"outcome": "passed", "max_difference": 1, "tolerance": 1, "n": 8,
                          "why": null}, ...}}

`bundle_sha256` is that of the bundle's manifest. `outcome` is passed, failed or skipped; a skip
says `why`, and its figures are null. A stage that a report lacks is an error: nobody explained it.
`--check` changes nothing and exits with 1 if the table is stale, or a report not of this form.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from mf2_edge.io.atomic import replacing

ROOT: Final = Path(__file__).parent
PAGE: Final = ROOT / "README.md"
START, END = "<!-- conformance -->\n", "<!-- /conformance -->"

STAGES: Final = (
    *("manifest", "frame", "detect", "align"),
    *("preprocess", "run", "decode", "smooth"),
)
"""In the order of the pipeline; bindings/README.md says what each is held to."""


class Stage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one stage of one binding did against the goldens."""

    outcome: Literal["passed", "failed", "skipped"]
    max_difference: float | None
    tolerance: float | None
    n: Annotated[int, Meta(ge=0)] | None
    why: str | None


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `conformance.json`."""

    binding: str
    date: str
    machine: str
    bundle_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    stages: dict[str, Stage]


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the table is stale")
    options = parser.parse_args()
    try:
        reports = read_reports()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    old = PAGE.read_text()
    new = fill(old, table(reports))
    if new == old:
        return 0
    if options.check:
        sys.stderr.write(f"{PAGE}: stale, run `python -m bindings.conformance`\n")
        return 1
    with replacing(PAGE) as partial:
        partial.write_text(new)
    return 0


def read_reports(root: Path = ROOT) -> list[Report]:
    """All reports, by name; ValueError names the one that is not of the form above."""
    return [_read(path) for path in sorted(root.glob("*/conformance.json"))]


def _read(path: Path) -> Report:
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{path}: {error}") from error
    if set(report.stages) != set(STAGES):
        odd = sorted(set(report.stages) ^ set(STAGES))
        raise ValueError(f"{path}: stages {odd}; expected one entry each of {', '.join(STAGES)}")
    for name, stage in report.stages.items():
        if stage.outcome == "skipped" and not stage.why:
            raise ValueError(f"{path}: {name} is skipped without a reason; say `why`")
        if stage.outcome != "skipped" and None in (stage.max_difference, stage.tolerance, stage.n):
            raise ValueError(f"{path}: {name} {stage.outcome} without its figures")
    return report


def table(reports: list[Report]) -> str:
    """A row a binding, a column a stage; notes name what was skipped and where it was measured."""
    head = ["binding", *STAGES]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for report in reports:
        cells = [report.binding, *(_cell(report.stages[name]) for name in STAGES)]
        rows.append("| " + " | ".join(cells) + " |")
    notes = []
    for report in reports:
        measured = f"{report.date}, {report.machine}, bundle {report.bundle_sha256[:12]}"
        reasons: dict[str, list[str]] = {}
        for name in STAGES:
            if why := report.stages[name].why:
                reasons.setdefault(why, []).append(name)
        skips = "".join(f" {', '.join(names)}: {why}." for why, names in reasons.items())
        notes.append(f"- {report.binding}: {measured}.{skips}")
    return "\n".join([*rows, "", *notes])


def _cell(stage: Stage) -> str:
    if stage.outcome == "skipped":
        return "skipped"
    figures = f"{stage.max_difference:.2g} of {stage.tolerance:.2g}, n = {stage.n}"
    return figures if stage.outcome == "passed" else f"**failed** {figures}"


def fill(text: str, made: str) -> str:
    """Put the table between its marks; raises ValueError if they are missing."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{PAGE}: expected the marks {START.strip()} and {END}")
    return f"{before}{start}{made}\n{end}{after}"


if __name__ == "__main__":
    raise SystemExit(main())
