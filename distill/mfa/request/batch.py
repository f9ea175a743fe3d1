"""Batch mode: shards of requests uploaded, waited for, collected; a restart goes on anywhere.

The rule that keeps a restart from paying twice: before a batch is created, the store says so. A
process that finds a shard in that state looks for its batch on the server, by the shard's name in
the batch's metadata, before it creates one.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from distill.mfa.errors import BatchError, BudgetError
from distill.mfa.prompt.message import Question
from distill.mfa.records.ledger import Attempt, Ledger
from distill.mfa.request.batch_queue import BatchQueue, Shard
from distill.mfa.request.client import without_key
from distill.mfa.request.collect import collect
from distill.mfa.request.control import Control
from distill.mfa.request.live import REJECTIONS
from distill.mfa.request.prices import ModelPrice

if TYPE_CHECKING:
    from openai.types import Batch

logger = getLogger(__name__)

ENDED: Final = ("completed", "expired", "cancelled")
QUEUE_FULL: Final = "token_limit_exceeded"
"""OpenAI's code for a batch that does not fit into the account's queue of input tokens."""


@dataclass(frozen=True, slots=True)
class Shards:
    """How requests are cut into batches."""

    size: int = 1000
    """Most requests of a batch."""
    at_a_time: int = 4
    """Batches on their way."""
    poll_seconds: float = 30.0
    """Between two looks at them."""


class BatchRun:
    """Asks questions in batches and adds the answers to the ledger's store."""

    def __init__(self, ledger: Ledger, price: ModelPrice, shards: Shards, control: Control) -> None:
        self.ledger = ledger
        self.queue = BatchQueue(ledger)
        self.price = price
        self.shards = shards
        self.control = control
        self._stopped: str | None = None
        self._at_a_time = shards.at_a_time
        self._asked: dict[str, Question] = {}
        self._waiting: deque[Question] = deque()
        self._tries: Counter[str] = Counter()

    def run(self, questions: Iterable[Question]) -> str | None:
        """Ask all, what an earlier process left on its way first.

        Returns why it stopped before the end, if the budget left no room for a request.
        Raises BatchError if the server refuses a batch as a whole, and the errors of `Control`.
        """
        self._asked = {question.key: question for question in questions}
        under_way = self.ledger.in_shards()
        self._waiting.extend(q for key, q in self._asked.items() if key not in under_way)
        for shard in self.queue.under_way():
            self._submit(shard)
        with tqdm(total=len(self._asked | dict.fromkeys(under_way)), unit="face") as bar:
            while self._fill():
                answered, left = self._look()
                for attempt in left:
                    self._ask_again(attempt)
                bar.update(answered)
                if not answered and not left:
                    time.sleep(self.shards.poll_seconds)
        return self._stopped

    def _fill(self) -> bool:
        """Send shards while there is room; False if nothing is on its way and nothing can be."""
        under_way = len(self.queue.under_way())
        while self._waiting and under_way < self._at_a_time:
            try:
                shard = self.queue.write(self._waiting, self.price, self.shards.size)
            except BudgetError as error:
                if under_way == 0:
                    self._stopped = str(error)
                break  # a batch on its way may cost less than was reserved
            self._submit(shard)
            under_way += 1
        return under_way > 0

    def _submit(self, shard: Shard) -> None:
        """Bring a shard to the server, from whatever state it was left in."""
        if shard.state in ("written", "uploading"):
            found = self.control.find_file(shard.file_name) if shard.state == "uploading" else None
            shard = self.queue.move(shard, "uploading")
            file_id = found or self.control.upload(self.queue.path(shard))
            shard = self.queue.move(shard, "uploaded", file_id=file_id)
        if shard.state in ("uploaded", "creating"):
            left = shard.state == "creating"
            found = self.control.find_batch(shard) if left else None
            shard = self.queue.move(shard, "creating")
            batch_id = found or self.control.create(shard)
            self.queue.move(shard, "sent", batch_id=batch_id)

    def _look(self) -> tuple[int, list[Attempt]]:
        """Collect what has ended; returns the number of new records and the attempts without."""
        answered, left = 0, list[Attempt]()
        for shard in self.queue.under_way():
            assert shard.batch_id is not None
            batch = self.control.retrieve(shard.batch_id)
            if batch.status not in (*ENDED, "failed"):
                continue
            requests = len(self.ledger.of_shard(shard.id))
            if batch.status == "failed":
                without = self._release(shard, batch)
            else:
                without = collect(self.control, batch, shard, self.queue)
            self.control.forget(shard.file_id, batch.output_file_id, batch.error_file_id)
            answered += requests - len(without)
            left += without
        return answered, left

    def _release(self, shard: Shard, batch: Batch) -> list[Attempt]:
        """Take back a batch that failed validation: nothing was worked on."""
        errors = (batch.errors.data if batch.errors else None) or []
        reason = "; ".join(f"{error.code}: {error.message}" for error in errors[:3])
        attempts = list(self.ledger.of_shard(shard.id).values())
        with self.ledger.store.transaction():
            for attempt in attempts:
                self.ledger.close(attempt, "refunded", note=reason)
            self.queue.move(shard, "done")
        self._at_a_time = len(self.queue.under_way())
        if self._at_a_time == 0 or any(error.code != QUEUE_FULL for error in errors):
            raise BatchError(
                f"the server refused a batch of {len(attempts)} requests: {without_key(reason)}; "
                "if it is too large for the account's queue, use a smaller --shard-size"
            )
        logger.warning("the account's queue is full: %d batches at a time", self._at_a_time)
        return attempts

    def _ask_again(self, attempt: Attempt) -> None:
        """Back into the queue, unless it failed too often or is none of this run's questions."""
        self._tries[attempt.key] += 1
        question = self._asked.get(attempt.key)
        if question is not None and self._tries[attempt.key] < REJECTIONS:
            self._waiting.append(question)
        else:
            logger.warning("no answer about %s", attempt.subject.name)
