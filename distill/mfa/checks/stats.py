"""Stats: how long and how varied the texts are, of what faces, and whether they fit the labels."""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from distill.mfa.checks.counts import LEVELS, Stats, gather, units_of
from distill.mfa.checks.plot import plot
from distill.mfa.checks.problems import KINDS
from distill.mfa.options import add_store, recipe_of, store_path
from distill.mfa.records.selection import add_source, select
from distill.mfa.records.store import open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `stats`."""
    add_store(parser)
    add_source(parser)
    parser.add_argument(
        "--plot", type=Path, help="where to write the picture (default: stats.png by the store)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the numbers and write the picture."""
    path = store_path(arguments, recipe_of(arguments))
    with open_store(path) as store:
        # By key, which is a hash: in the order of the store, each data set would make a step.
        records = sorted(select(store, arguments.source), key=lambda record: record.key)
    stats = gather(tqdm(records, desc="stats", unit="record"))
    sys.stdout.write(table(stats))
    picture = arguments.plot or path.with_name("stats.png")
    plot(stats, picture)
    sys.stdout.write(f"\npicture: {picture}\n")
    return 0


def table(stats: Stats) -> str:
    """The numbers as text."""
    writers = ", ".join(f"{writer}: {count:,}" for writer, count in stats.writers.most_common())
    refused = stats.records - stats.described
    lines = [f"{stats.records:,} records ({writers}), {refused:,} refused", ""]
    lines.append("level     texts  words: median  p5-p95   vocabulary  distinct texts")
    for level in LEVELS:
        one = stats.levels[level]
        if one.lengths:
            low, high = percentiles(one.lengths)
            lines.append(
                f"{level:<8}{len(one.lengths):>7,}{statistics.median(one.lengths):>15.0f}"
                f"{f'{low}-{high}':>8}{len(one.vocabulary):>13,}"
                f"{share(len(one.distinct), len(one.lengths)):>16}"
            )
    lines += ["", "emotion      records"]
    lines += [f"{emotion:<12}{count:>8,}" for emotion, count in stats.emotions.most_common()]
    lines += ["", "unit   present   absent  unknown  present: in face text  absent: in any text"]
    for unit in units_of(stats):
        present, absent = stats.present[unit], stats.absent[unit]
        lines.append(
            f"{unit:<5}{present:>9,}{absent:>9,}{stats.described - present - absent:>9,}"
            f"{share(stats.mentioned[unit], present):>23}{share(stats.invented[unit], absent):>21}"
        )
    lines += ["", f"without problems: {share(stats.clean, stats.records)} of the records"]
    lines += [f"  {kind:<16}{stats.problems[kind]:>7,}" for kind in KINDS if stats.problems[kind]]
    return "\n".join(lines) + "\n"


def percentiles(values: Sequence[int]) -> tuple[int, int]:
    """The 5th and the 95th, by nearest rank."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) * 5 // 100], ordered[-(-(len(ordered) - 1) * 95 // 100)]


def share(part: int, whole: int) -> str:
    """A percentage; "-" of nothing."""
    return f"{part / whole:.1%}" if whole else "-"
