"""The tables of the README, made from the shipped manifest and the files in benchmarks/results.

    python benchmarks/table.py [--check]

A table stands between `<!-- NAME -->` and `<!-- /NAME -->`. `--check` changes nothing and exits
with 1 if a table is stale.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from mf2_edge.atomic import replacing
from mf2_edge.bundle import load_bundle

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
STAGES = ROOT / "benchmarks" / "results" / "host" / "stages.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the README is stale")
    options = parser.parse_args()
    old = README.read_text()
    new = old
    for name, table in TABLES.items():
        new = fill(new, name, table())
    if options.check:
        if new != old:
            sys.stderr.write("README.md is stale: run `python benchmarks/table.py`\n")
        return int(new != old)
    with replacing(README) as partial:
        partial.write_text(new)
    return 0


def fill(text: str, name: str, table: str) -> str:
    """Put a table between its two marks; raises ValueError if the marks are missing."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    filled, count = pattern.subn(lambda marks: f"{marks[1]}{table}\n{marks[2]}", text)
    if count != 1:
        raise ValueError(f"README.md: expected one pair of marks {name}, found {count}")
    return filled


def accuracy_table() -> str:
    """What the manifest says was measured."""
    manifest = load_bundle(None).manifest
    rows = ["| data | protocol | metric | value | n |", "|---|---|---|---|---|"]
    rows += [
        f"| {measured.dataset}, {measured.split} | {measured.protocol} | {measured.metric} "
        f"| {measured.value:.3f} | {measured.n:,} |"
        for measured in manifest.accuracy
    ]
    return "\n".join(rows)


def latency_table() -> str:
    """What `make bench` measured, with its conditions."""
    report = json.loads(STAGES.read_text())
    rows = ["| stage | p50 ms | p90 ms |", "|---|---|---|"]
    for stage, values in report["stages"].items():
        rows.append(f"| {stage} | {values['p50_ms']:.2f} | {values['p90_ms']:.2f} |")
    rows += [
        "",
        f"{report['provenance']}: {report['machine']}; {report['runtime']}, one thread, "
        f"640x480 frame with one face, {report['date']}, bundle {report['bundle_sha256'][:12]}.",
    ]
    return "\n".join(rows)


TABLES: dict[str, Callable[[], str]] = {"accuracy": accuracy_table, "latency": latency_table}

if __name__ == "__main__":
    sys.exit(main())
