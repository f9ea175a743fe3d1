"""What the texts of a store are made of, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, get_args

from distill.mfa.checks.problems import Kind, affirmed, find_problems, invented, texts
from distill.mfa.checks.reading import read_units
from distill.mfa.records.schema import Level, Record

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


def units_of(stats: Stats) -> list[str]:
    """Units that anybody knows of, in FACS's order."""
    return sorted({*stats.present, *stats.absent}, key=lambda unit: (len(unit), unit))
