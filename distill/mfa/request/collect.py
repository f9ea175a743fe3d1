"""A finished batch: output and error files, line by line, into the ledger and the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

from distill.mfa.records.ledger import Attempt, Ledger, State
from distill.mfa.request.answers import DamagedError, read_completion
from distill.mfa.request.batch_queue import BatchQueue, Shard
from distill.mfa.request.control import Control
from distill.mfa.request.prices import ModelPrice

if TYPE_CHECKING:
    from openai.types import Batch

logger = getLogger(__name__)

DOWNLOADS: Final = 3
"""Of files that have fewer lines than the batch says; one may come whole where another did not."""


def collect(control: Control, batch: Batch, shard: Shard, queue: BatchQueue) -> list[Attempt]:
    """Write all that a batch answered, in one transaction; returns the attempts without a record.

    Lines come in any order and may be missing. In a batch that ended before its time (expired,
    cancelled) requests without a line were not worked on, and cost nothing; in a completed one
    nobody knows.
    """
    lines = _download(control, batch)
    ledger = queue.ledger
    unworked: State = "lost" if batch.status == "completed" else "refunded"
    with ledger.store.transaction():
        attempts = ledger.of_shard(shard.id)
        left = [
            attempt
            for label, line in lines.items()
            if (attempt := attempts.pop(label, None))
            and not _settle(attempt, line, ledger, shard.price)
        ]
        for attempt in attempts.values():
            ledger.close(attempt, unworked, note=f"batch {batch.status}")
            left.append(attempt)
        queue.move(shard, "done", batch_id=batch.id)
    return left


def _download(control: Control, batch: Batch) -> dict[str, dict[str, Any]]:
    """Lines of both files by custom_id; of equal ids the first."""
    counts = batch.request_counts
    expected = counts.completed + counts.failed if counts else 0
    found: dict[str, dict[str, Any]] = {}
    for _ in range(DOWNLOADS):
        for file_id in (batch.output_file_id, batch.error_file_id):
            for line in _lines(control, file_id):
                found.setdefault(str(line.get("custom_id")), line)
        if len(found) >= expected:
            return found
    logger.warning("batch %s: %d of %d lines", batch.id, len(found), expected)
    return found


def _lines(control: Control, file_id: str | None) -> Iterator[dict[str, Any]]:
    if file_id is None:
        return
    for text in control.content(file_id).splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            logger.info("file %s: a line is not JSON", file_id)
        else:
            if isinstance(line, dict):
                yield line


def _settle(attempt: Attempt, line: dict[str, Any], ledger: Ledger, price: ModelPrice) -> bool:
    """Enter one line in the ledger; True if it gave a record."""
    response = line.get("response") or {}
    if line.get("error") or response.get("status_code") != 200:
        reason = line.get("error") or response.get("body")
        logger.info("%s: %s", attempt.label, reason)
        ledger.close(attempt, "refunded", note=str(reason))
        return False
    try:
        answer = read_completion(response.get("body") or {})
    except DamagedError as error:
        ledger.close(attempt, "lost", note=str(error))
        return False
    return ledger.keep(attempt, answer, answer.cost_usd(price, "batch"))
