"""Live mode: many requests at a time, each in the ledger before it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from logging import getLogger
from typing import TYPE_CHECKING, Final

from tqdm import tqdm

from distill.mfa.errors import BudgetError, MfaError, ServerError
from distill.mfa.prompt.message import Question
from distill.mfa.records.ledger import Attempt, Ledger, State
from distill.mfa.request.client import Server
from distill.mfa.request.cost import most_tokens, most_usd
from distill.mfa.request.prices import ModelPrice
from distill.mfa.request.rate_limit import Gate, backoff
from distill.mfa.request.send import LostError, NotTakenError, send

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = getLogger(__name__)

REJECTIONS: Final = 3
"""Answers without use that are paid for before a face is left for the next run."""
FAILED_IN_A_ROW: Final = 20
"""Faces, after which the server is taken to be down."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to try."""

    concurrency: int = 8
    """Requests on their way at a time."""
    retries: int = 8
    """Of one request, after errors that may pass."""
    first_wait: float = 0.5
    """Seconds: longest wait before the first retry that the server set no time for."""


class LiveRun:
    """Asks questions and adds the answers to the ledger's store."""

    def __init__(self, ledger: Ledger, price: ModelPrice, pace: Pace) -> None:
        self.ledger = ledger
        self.price = price
        self.pace = pace
        self._stopped: str | None = None
        self._fatal: MfaError | None = None
        self._gate = Gate()
        self._failed_in_a_row = 0
        self._on_their_way = 0
        self._one_came_back = asyncio.Event()

    async def run(self, questions: Sequence[Question], server: Server) -> str | None:
        """Ask all; returns why not, if the budget left no room for one.

        Raises the errors of `send`, and ServerError if nothing gets through.
        """
        waiting = iter(questions)
        with tqdm(total=len(questions), desc="describe", unit="face") as bar:
            async with server.live() as client, asyncio.TaskGroup() as workers:
                for _ in range(self.pace.concurrency):
                    workers.create_task(self._work(waiting, client, bar))
        if self._fatal is not None:
            raise self._fatal
        return self._stopped

    async def _work(self, waiting: Iterator[Question], client: AsyncOpenAI, bar: tqdm) -> None:
        for question in waiting:
            try:
                answered = await self._ask(question, client)
            except BudgetError as error:
                self._stopped = str(error)
            except MfaError as error:
                # The others end too, but not before what is on its way, and paid for, is back.
                self._fatal = error
            else:
                bar.update()
                self._count(answered)
            if self._fatal is not None or self._stopped is not None:
                return

    def _count(self, answered: bool) -> None:
        self._failed_in_a_row = 0 if answered else self._failed_in_a_row + 1
        if self._failed_in_a_row == FAILED_IN_A_ROW:
            self._fatal = ServerError(
                f"{FAILED_IN_A_ROW} faces in a row got no answer (the log says why); run the "
                "command again when the server works: it goes on where it stopped"
            )

    async def _ask(self, question: Question, client: AsyncOpenAI) -> bool:
        """Ask until there is a record; False if retries or rejections are used up."""
        body = question.body()
        failures = rejected = 0
        while failures <= self.pace.retries and rejected < REJECTIONS and self._fatal is None:
            await self._gate.wait()
            attempt = await self._reserve(question)
            try:
                answer, headers = await send(client, body, attempt.label)
            except LostError as error:
                self._close(attempt, "lost", str(error))
                failures += 1
                await asyncio.sleep(backoff(failures, self.pace.first_wait))
            except NotTakenError as error:
                self._close(attempt, "refunded", str(error))
                if not error.passing:
                    break
                failures += 1
                await self._hold(error.wait, failures)
            except MfaError as error:
                self._close(attempt, "refunded", str(error))
                raise
            else:
                # All workers may send at once before the next headers come.
                crowd = self.pace.concurrency
                self._gate.observe(headers, crowd, crowd * most_tokens(question, self.price))
                kept = self.ledger.keep(attempt, answer, answer.cost_usd(self.price, "live"))
                self._came_back(attempt, answer.problem)
                if kept:
                    return True
                rejected += 1
        logger.warning("no answer about %s", question.face.subject.name)
        return False

    async def _hold(self, wait: float | None, failures: int) -> None:
        if wait is None:
            await asyncio.sleep(backoff(failures, self.pace.first_wait))
        else:
            self._gate.close(wait)  # limits are the account's: all requests wait

    async def _reserve(self, question: Question) -> Attempt:
        """Enter an attempt; requests on their way may still cost less than reserved."""
        most = most_usd(question, self.price, "live")
        while True:
            try:
                attempt = self.ledger.reserve(question.key, question.face.subject, most)
            except BudgetError:
                if self._on_their_way == 0:
                    raise
                self._one_came_back.clear()
                await self._one_came_back.wait()
            else:
                self._on_their_way += 1
                return attempt

    def _close(self, attempt: Attempt, state: State, note: str) -> None:
        self.ledger.close(attempt, state, note=note)
        self._came_back(attempt, note)

    def _came_back(self, attempt: Attempt, note: str | None) -> None:
        if note:
            logger.info("%s: %s", attempt.label, note)
        self._on_their_way -= 1
        self._one_came_back.set()
