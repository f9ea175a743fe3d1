"""Check: read every record against its labels, list what is wrong, and flag it in the store."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tqdm import tqdm

from distill.mfa.checks.problems import KINDS, Problem, find_problems
from distill.mfa.options import add_store, recipe_of, store_path
from distill.mfa.records.schema import Record
from distill.mfa.records.selection import add_source, select
from distill.mfa.records.store import Store, open_store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `check`."""
    add_store(parser)
    add_source(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every problem and how many there are of each kind; 1 if there are any, else 0."""
    with open_store(store_path(arguments, recipe_of(arguments))) as store:
        records = select(store, arguments.source or "both")
        problems = check_records(tqdm(records, desc="check", unit="record"))
        flag(store, records, problems)
    sys.stdout.write(report(records, problems))
    return 1 if problems else 0


def check_records(records: Iterable[Record]) -> dict[str, list[Problem]]:
    """Problems by the key of their record; records without any are left out."""
    found = {record.key: find_problems(record) for record in records}
    return {key: problems for key, problems in found.items() if problems}


def flag(
    store: Store, records: Sequence[Record], problems: Mapping[str, Sequence[Problem]]
) -> None:
    """Make the store's flags say what was found; a flag that no longer holds is taken back."""
    before = store.flagged()
    with store.transaction():
        for record in records:
            found = [str(problem) for problem in problems.get(record.key, ())]
            if found != before.get(record.key, []):
                store.flag(record.key, found)


def report(records: Sequence[Record], problems: Mapping[str, Sequence[Problem]]) -> str:
    """A line a problem, then a table of counts."""
    lines = [
        f"{record.dataset}/{record.name} ({record.source}, {record.model}): {problem}"
        for record in records
        for problem in problems.get(record.key, ())
    ]
    if lines:
        found = [problem for some in problems.values() for problem in some]
        count = Counter(problem.kind for problem in found)
        faces = Counter(kind for some in problems.values() for kind in {p.kind for p in some})
        lines += ["", f"{'problem':<16} {'times':>7} {'records':>8}"]
        lines += [
            f"{kind:<16} {count[kind]:>7,} {faces[kind]:>8,}" for kind in KINDS if count[kind]
        ]
        lines += [f"{'all':<16} {len(found):>7,} {len(problems):>8,}", ""]
    lines.append(f"{len(records):,} records checked, {len(problems):,} with problems")
    return "\n".join(lines) + "\n"
