"""`mfa quality`: how often the records of MFA-wild fail each check, as one file of figures."""

from __future__ import annotations

import argparse
import platform
import re
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import msgspec

from distill.datasets.wild.files import FOLDER, load_parts, write_lines
from distill.mfa.checks.gates import words_of_people
from distill.mfa.checks.problems import KINDS, find_problems
from distill.mfa.records.schema import Record
from distill.mfa.wild.records import coded_records
from mf2_edge.io.atomic import write_json

OPENING: Final = 3
"""Words that a sentence begins with."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Of `records`: how many fail a check, by its kind, and how the coders' sentences repeat.

    person: records by the kind of word that says who somebody is. distinct: different sentences;
    shared: records whose sentence another has too. distinct_2: different pairs of words in a row,
    as a part of all (Li et al. 2016, arXiv:1510.03055). openings: the most frequent first words.
    """

    date: str
    machine: str
    provenance: str = "measured"
    codes_sha256: str
    records: int
    clean: int
    problems: dict[str, int]
    person: dict[str, int]
    distinct: int
    shared: int
    distinct_2: float
    openings: dict[str, int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--write", type=Path, help="file of the figures (JSON)")


def run(arguments: argparse.Namespace) -> int:
    """Read every record, print the rates, write the figures."""
    parts = list(load_parts(FOLDER))
    codes = sha256(write_lines([face for _, faces in parts for face in faces])).hexdigest()
    records = (coded_records(faces, "wild", part.coder) for part, faces in parts)
    quality = measure(chain.from_iterable(records), codes)
    sys.stdout.write(table(quality))
    if arguments.write is not None:
        write_json(arguments.write, quality)
    return 0


def measure(records: Iterable[Record], codes_sha256: str) -> Quality:
    """The figures of records that have a description."""
    problems: Counter[str] = Counter()
    person: Counter[str] = Counter()
    sentences: Counter[str] = Counter()
    openings: Counter[str] = Counter()
    pairs: set[tuple[str, str]] = set()
    count = clean = length = 0
    for record in records:
        assert record.description is not None  # a coder's always is
        count += 1
        kinds = {problem.kind for problem in find_problems(record)}
        problems.update(kinds)
        clean += not kinds
        sentence = record.description.face
        person.update({kind for kind, _ in words_of_people(sentence)})
        words = re.findall(r"[\w'-]+", sentence.lower())
        sentences[" ".join(words)] += 1
        openings[" ".join(words[:OPENING])] += 1
        following = list(pairwise(words))
        pairs.update(following)
        length += len(following)
    return Quality(
        date=datetime.now(UTC).date().isoformat(),
        machine=f"{platform.system()} {platform.machine()}",
        codes_sha256=codes_sha256,
        records=count,
        clean=clean,
        problems={kind: problems[kind] for kind in KINDS},
        person=dict(sorted(person.items())),
        distinct=len(sentences),
        shared=sum(times for times in sentences.values() if times > 1),
        distinct_2=round(len(pairs) / max(1, length), 4),
        openings=dict(openings.most_common(5)),
    )


def table(quality: Quality) -> str:
    """The figures as text."""
    n = quality.records
    lines = [
        f"{n:,} records, {quality.clean:,} without problems ({quality.clean / n:.2%})",
        *(f"  {kind:<16}{count:>7,} {count / n:>8.2%}" for kind, count in quality.problems.items()),
        f"words of who somebody is: {quality.person or 'none'}",
        f"{quality.distinct:,} different sentences; {quality.shared:,} records share theirs",
        f"distinct-2: {quality.distinct_2}; most frequent openings: {quality.openings}",
    ]
    return "\n".join(lines) + "\n"
