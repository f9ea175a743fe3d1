"""The store of MFA: one SQLite file, append-only, one record for each different request.

A face that is asked about again (another prompt, another model, a repair) gets one more record;
readers see the latest of each face and source. Nothing is ever changed or deleted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from distill.mfa.errors import StoreBusyError, StoreError
from distill.mfa.records.schema import CodedDescription, Description, FaceLabels, Record, Source

VERSION: Final = 1
SCHEMA: Final = Path(__file__).with_name("store.sql")
LATEST: Final = "id IN (SELECT max(id) FROM records GROUP BY source, dataset, name)"
COLUMNS: Final = (
    "key, dataset, name, labels, source, model, description, refusal, created, "
    "input_tokens, output_tokens, cost_usd"
)


def open_store(path: Path) -> Store:
    """Open a store, made on first use; raises StoreError if the file is something else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk when it returns: an answer that was paid for is never lost.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _create(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError as error:  # a full disk, a folder that cannot be written
        connection.close()
        raise StoreError(f"{path} cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreError(f"{path} is not an MFA store ({error}); name another file") from error
    if version != VERSION:
        connection.close()
        raise StoreError(
            f"{path} is a store of format {version}, this release reads {VERSION}; "
            "use the release that wrote it, or start a new store"
        )
    return Store(path, connection)


def _create(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file; two processes may come here at once."""
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
        tables = SCHEMA.read_text()
        connection.executescript(
            f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {VERSION}; COMMIT;"
        )


class Store:
    """An open store; a context manager that closes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.connection.close()

    def __len__(self) -> int:
        """Number of records, superseded ones among them."""
        return int(self.connection.execute("SELECT count(*) FROM records").fetchone()[0])

    def __contains__(self, key: object) -> bool:
        row = self.connection.execute("SELECT 1 FROM records WHERE key = ?", (key,)).fetchone()
        return row is not None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what the block wrote is on the disk when it ends, or was never there.

        Inside another one it is part of that.
        """
        if self.connection.in_transaction:
            yield
            return
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:  # SQLite itself rolls back where the disk is full
                self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def add(self, record: Record) -> bool:
        """Append a record, durably; False if its key was there already."""
        marks = ", ".join("?" * (COLUMNS.count(",") + 1))
        sql = f"INSERT INTO records ({COLUMNS}) VALUES ({marks}) ON CONFLICT (key) DO NOTHING"  # noqa: S608
        return self.connection.execute(sql, _row(record)).rowcount == 1

    def records(self, source: Source | None = None) -> Iterator[Record]:
        """The latest record of each face and source, in the order they were added."""
        sql = f"SELECT {COLUMNS} FROM records WHERE {LATEST} AND ? IN (source, '') ORDER BY id"  # noqa: S608
        for row in self.connection.execute(sql, (source or "",)):
            yield _record(row)

    def answers(self, dataset: str, name: str, source: Source) -> int:
        """How many records a face has from a source, superseded ones among them."""
        sql = "SELECT count(*) FROM records WHERE source = ? AND dataset = ? AND name = ?"
        return int(self.connection.execute(sql, (source, dataset, name)).fetchone()[0])

    def flag(self, key: str, problems: Sequence[str]) -> None:
        """Say what is wrong with a record; no problems takes an earlier flag back."""
        if key not in self:
            raise StoreError(f"no record has the key {key}; flag records of this store only")
        sql = "INSERT INTO flags (key, problems) VALUES (?, ?)"
        self.connection.execute(sql, (key, json.dumps(list(problems))))

    def flagged(self) -> dict[str, list[str]]:
        """Problems by key, of the records that `records` yields, in their order."""
        sql = f"""
            SELECT key, problems FROM records JOIN flags USING (key)
            WHERE flags.id IN (SELECT max(id) FROM flags GROUP BY key)
              AND records.{LATEST} ORDER BY records.id"""  # noqa: S608
        found = {key: json.loads(problems) for key, problems in self.connection.execute(sql)}
        return {key: problems for key, problems in found.items() if problems}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store against a second build, which would pay for the same faces again.

        Raises StoreBusyError if another process holds it. Its death, however sudden, frees it.
        """
        path = self.path.with_name(self.path.name + ".lock")
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                raise StoreBusyError(
                    f"another build or repair is writing to {self.path}; wait for its end"
                ) from None
            yield


def labels_to_json(labels: FaceLabels) -> str:
    """Labels as the store writes them."""
    known = {"present": sorted(labels.present), "absent": sorted(labels.absent)}
    return json.dumps({"emotion": labels.emotion, **known})


def labels_from_json(text: str) -> FaceLabels:
    """The reverse of `labels_to_json`."""
    known = json.loads(text)
    return FaceLabels(known["emotion"], frozenset(known["present"]), frozenset(known["absent"]))


def _row(record: Record) -> tuple[Any, ...]:
    labels = labels_to_json(record.labels)
    described = None if record.description is None else record.description.model_dump_json()
    return (
        *(record.key, record.dataset, record.name, labels, record.source, record.model),
        *(described, record.refusal, record.created),
        *(record.input_tokens, record.output_tokens, record.cost_usd),
    )


def _record(row: tuple[Any, ...]) -> Record:
    key, dataset, name, labels, source, model, described, refusal, created, *counts = row
    kind = CodedDescription if source == "coder" else Description
    return Record(
        key=key,
        dataset=dataset,
        name=name,
        labels=labels_from_json(labels),
        source=source,
        model=model,
        description=None if described is None else kind.model_validate_json(described),
        refusal=refusal,
        created=created,
        input_tokens=counts[0],
        output_tokens=counts[1],
        cost_usd=counts[2],
    )
