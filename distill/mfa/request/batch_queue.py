"""Batches on their way: what is meant to be sent is on the disk before anything is sent.

A shard is one batch. Its requests lie in a file beside the store; its state and its reservations
lie in the store. So a later process knows what an earlier one may have left on the server.
"""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

import msgspec

from distill.mfa.errors import BudgetError
from distill.mfa.prompt.message import Question
from distill.mfa.records.ledger import Ledger
from distill.mfa.request.cost import most_usd
from distill.mfa.request.prices import ModelPrice
from mf2_edge.io.atomic import replacing

State = Literal["written", "uploading", "uploaded", "creating", "sent", "done"]
"""In this order. In `uploading` and `creating` the server may have more than we know of."""

ENDPOINT: Final = "/v1/chat/completions"
LARGEST_FILE: Final = 190_000_000
"""Bytes. OpenAI takes input files of up to 200 MB and 50,000 requests."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One batch, as far as it is known. created: seconds since 1970. price: of its model."""

    id: str
    created: int
    price: ModelPrice
    state: State = "written"
    file_id: str | None = None
    batch_id: str | None = None

    @property
    def file_name(self) -> str:
        """Name of its input file, here and on the server."""
        return f"mfa-{self.id}.jsonl"


class BatchQueue:
    """The shards of a store."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.folder = ledger.store.path.with_name(ledger.store.path.name + ".batches")

    def write(self, waiting: deque[Question], price: ModelPrice, size: int) -> Shard:
        """Take up to `size` questions off the left of a queue and make them a shard.

        Takes fewer if the budget or the size of the file asks for it; raises BudgetError if not
        even one fits.
        """
        shard = Shard(uuid4().hex, int(datetime.now(UTC).timestamp()), price)
        row = (shard.id, shard.created, msgspec.json.encode(price).decode(), shard.state)
        with self.ledger.store.transaction():
            sql = "INSERT INTO shards (id, created, price, state) VALUES (?, ?, ?, ?)"
            self.ledger.store.connection.execute(sql, row)
            with replacing(self.path(shard)) as partial, partial.open("wb") as file:
                for number in range(min(size, len(waiting))):
                    try:
                        line = self._reserve(waiting[0], shard)
                    except BudgetError:
                        if number == 0:
                            raise
                        break
                    file.write(line)
                    waiting.popleft()
                    if file.tell() + len(line) > LARGEST_FILE:
                        break
                file.flush()
                os.fsync(file.fileno())
        return shard

    def _reserve(self, question: Question, shard: Shard) -> bytes:
        """Enter one request of a shard in the ledger; returns its line of the input file."""
        most = most_usd(question, shard.price, "batch")
        subject = question.face.subject
        attempt = self.ledger.reserve(question.key, subject, most, shard.id)
        request = {"custom_id": attempt.label, "method": "POST", "url": ENDPOINT}
        return json.dumps(request | {"body": question.body()}).encode() + b"\n"

    def under_way(self) -> list[Shard]:
        """Shards that are not done, oldest first."""
        sql = (
            "SELECT id, created, price, state, file_id, batch_id FROM shards "
            "WHERE state <> 'done' ORDER BY created, id"
        )
        return [
            Shard(id_, created, msgspec.json.decode(price, type=ModelPrice), *rest)
            for id_, created, price, *rest in self.ledger.store.connection.execute(sql)
        ]

    def move(
        self, shard: Shard, state: State, *, file_id: str | None = None, batch_id: str | None = None
    ) -> Shard:
        """Write down how far a shard is; returns it."""
        moved = replace(
            shard,
            state=state,
            file_id=file_id or shard.file_id,
            batch_id=batch_id or shard.batch_id,
        )
        sql = "UPDATE shards SET state = ?, file_id = ?, batch_id = ? WHERE id = ?"
        row = (moved.state, moved.file_id, moved.batch_id, moved.id)
        self.ledger.store.connection.execute(sql, row)
        if state == "done":
            self.path(shard).unlink(missing_ok=True)
        return moved

    def path(self, shard: Shard) -> Path:
        """Where the requests of a shard lie."""
        return self.folder / shard.file_name
