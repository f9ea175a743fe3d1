"""Which records a command works on. Sources are never mixed, unless all are asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from distill.mfa.errors import MfaError
from distill.mfa.records.schema import Record
from distill.mfa.records.store import Store


def add_source(parser: argparse.ArgumentParser) -> None:
    """--source."""
    parser.add_argument(
        "--source",
        choices=("gpt", "template", "coder", "both"),
        help="whose texts, or all of them; needed if the store has several sources",
    )


def select(store: Store, source: str | None) -> list[Record]:
    """The latest record of each face from a source, or from all ("both").

    Raises MfaError if the store has no such record, or several sources and none was chosen.
    """
    records = [record for record in store.records() if source in (None, "both", record.source)]
    if not records:
        what = "records" if source in (None, "both") else f"records of {source}"
        raise MfaError(
            f"there are no {what} in {store.path}; run `python -m distill mfa build` first"
        )
    if source is None and len(sources_of(records)) > 1:
        raise MfaError(
            f"{store.path} has records of {' and '.join(sources_of(records))}; say which with "
            f"--source {' or --source '.join(sources_of(records))}, or mix them with --source both"
        )
    return records


def sources_of(records: Sequence[Record]) -> list[str]:
    """The sources of some records, sorted."""
    return sorted({record.source for record in records})
