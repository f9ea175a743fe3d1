"""Stats: how long and how varied the texts are, of what faces, and whether they fit the labels."""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from tqdm import tqdm

from distill.mfa.options import add_store, recipe_of, store_path
from distill.mfa.problems import KINDS, Kind, affirmed, find_problems, invented, texts
from distill.mfa.reading import read_units
from distill.mfa.records import Level, Record
from distill.mfa.selection import add_source, select
from distill.mfa.store import open_store

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
UNKNOWN: Final = "unknown"


@dataclass
class LevelStats:
    """The texts of one level.

    lengths: words of each text. growth: distinct words after each text.
    """

    lengths: list[int] = field(default_factory=list)
    growth: list[int] = field(default_factory=list)
    vocabulary: set[str] = field(default_factory=set)
    distinct: set[str] = field(default_factory=set)

    def add(self, text: str) -> None:
        """Count one text."""
        words = re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())
        self.vocabulary.update(words)
        self.lengths.append(len(words))
        self.growth.append(len(self.vocabulary))
        self.distinct.add(text)


@dataclass
class Stats:
    """A set of records in numbers; units and emotions by their labels, counted in records."""

    records: int = 0
    clean: int = 0
    writers: Counter[str] = field(default_factory=Counter)
    levels: dict[Level, LevelStats] = field(
        default_factory=lambda: {level: LevelStats() for level in LEVELS}
    )
    emotions: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    absent: Counter[str] = field(default_factory=Counter)
    mentioned: Counter[str] = field(default_factory=Counter)
    """Units that are present and in the face text."""
    invented: Counter[str] = field(default_factory=Counter)
    """Units that are absent and in any text all the same."""
    problems: Counter[Kind] = field(default_factory=Counter)
    described: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `stats`."""
    add_store(parser)
    add_source(parser)
    parser.add_argument(
        "--plot", type=Path, help="where to write the picture (default: stats.png by the store)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the numbers and write the picture."""
    from distill.mfa.plot import plot

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


def gather(records: Iterable[Record]) -> Stats:
    """Count everything."""
    stats = Stats()
    for record in records:
        stats.records += 1
        stats.writers[f"{record.source} {record.model}"] += 1
        problems = {problem.kind for problem in find_problems(record)}
        stats.problems.update(problems)
        stats.clean += not problems
        if record.description is not None:
            _add(stats, record)
    return stats


def _add(stats: Stats, record: Record) -> None:
    assert record.description is not None
    labels = record.labels
    stats.described += 1
    stats.emotions[labels.emotion or UNKNOWN] += 1
    stats.present.update(labels.present)
    stats.absent.update(labels.absent)
    for level, text in texts(record.description):
        stats.levels[level].add(text)
    face = read_units(record.description.face)
    stats.mentioned.update(unit for unit in labels.present if affirmed(face, unit))
    stats.invented.update(
        {
            mention.labels[0]
            for _, text in texts(record.description)
            for mention in read_units(text)
            if invented(mention, labels)
        }
    )


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


def units_of(stats: Stats) -> list[str]:
    """Units that anybody knows of, in FACS's order."""
    return sorted({*stats.present, *stats.absent}, key=lambda unit: (len(unit), unit))


def percentiles(values: Sequence[int]) -> tuple[int, int]:
    """The 5th and the 95th, by nearest rank."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) * 5 // 100], ordered[-(-(len(ordered) - 1) * 95 // 100)]


def share(part: int, whole: int) -> str:
    """A percentage; "-" of nothing."""
    return f"{part / whole:.1%}" if whole else "-"
