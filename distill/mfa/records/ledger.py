"""What was asked and what it cost: every attempt is entered before it is sent.

A reservation is the most that an attempt can cost. It counts against the budget until the answer
says what it did cost. An attempt whose answer was lost (a cut connection, a kill) may have been
charged: it counts as the dearest answer known so far, as its reservation while few are known. So
the sum is below the bill only if lost answers were dearer than every one that arrived.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import inf
from typing import Literal

from distill.mfa.errors import BudgetError
from distill.mfa.faces import Subject
from distill.mfa.records.store import Store, labels_from_json, labels_to_json
from distill.mfa.request.answers import Answer, make_record

State = Literal["open", "answered", "rejected", "refunded", "lost"]
"""`answered`: there is a record. `rejected`: charged, but no valid answer. `refunded`: the server
did not take it up. `lost`: nobody knows."""

SPENT = "SELECT total(coalesce(cost_usd, reserved_usd)) FROM attempts"
FEW = 20
"""Answers with a known cost below which a lost one counts as its whole reservation."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request on its way. `turn` counts the rejected answers before it."""

    id: int
    key: str
    turn: int
    subject: Subject
    reserved_usd: float

    @property
    def label(self) -> str:
        """Name of the request for the server: the same for the same question, also on a retry."""
        return f"{self.key}-{self.turn}"


class Ledger:
    """The costs of a store, kept under a budget in USD for the store's whole life."""

    def __init__(self, store: Store, budget_usd: float) -> None:
        self.store = store
        self.budget_usd = budget_usd
        # Summed once and then kept up to date: one process writes at a time (`Store.writing`).
        self.spent_usd = self._sum(SPENT)
        """What was charged, presumed to be, or is reserved for requests on their way."""

    def presumed_usd(self) -> float:
        """The part of `spent_usd` for answers that were lost."""
        sql = "SELECT total(coalesce(cost_usd, reserved_usd)) FROM attempts WHERE state = 'lost'"
        return self._sum(sql)

    def reserve(
        self, key: str, subject: Subject, most_usd: float, shard: str | None = None
    ) -> Attempt:
        """Enter an attempt; raises BudgetError if it does not fit."""
        if self.spent_usd + most_usd > self.budget_usd:
            raise BudgetError(
                f"the next request may cost ${most_usd:.4f}, and ${self.spent_usd:.2f} of the "
                f"budget of ${self.budget_usd:.2f} are spent; raise --budget-usd to go on"
            )
        turn = self.rejections(key)
        about = json.dumps([subject.dataset, subject.name, labels_to_json(subject.labels)])
        sql = (
            "INSERT INTO attempts (key, turn, subject, shard, state, reserved_usd) "
            "VALUES (?, ?, ?, ?, 'open', ?)"
        )
        row = self.store.connection.execute(sql, (key, turn, about, shard, most_usd))
        assert row.lastrowid is not None
        self.spent_usd += most_usd
        return Attempt(row.lastrowid, key, turn, subject, most_usd)

    def close(
        self, attempt: Attempt, state: State, cost_usd: float | None = None, note: str = ""
    ) -> None:
        """Say how an attempt ended. Without `cost_usd` the reservation is what it cost."""
        if state == "refunded":
            cost_usd = 0.0
        elif state == "lost":
            cost_usd = min(attempt.reserved_usd, self._dearest())
        elif cost_usd is None:
            cost_usd = attempt.reserved_usd
        sql = "UPDATE attempts SET state = ?, cost_usd = ?, note = ? WHERE id = ?"
        self.store.connection.execute(sql, (state, cost_usd, note, attempt.id))
        self.spent_usd += cost_usd - attempt.reserved_usd

    def give_up_open(self) -> int:
        """Take the live attempts that an earlier process left open for lost; returns how many."""
        sql = (
            "UPDATE attempts SET state = 'lost', cost_usd = min(reserved_usd, ?) "
            "WHERE state = 'open' AND shard IS NULL"
        )
        lost = self.store.connection.execute(sql, (self._dearest(),)).rowcount
        self.spent_usd = self._sum(SPENT)
        return lost

    def _dearest(self) -> float:
        """The highest cost of an answer that is known, infinite while few are."""
        sql = "SELECT count(*), max(cost_usd) FROM attempts WHERE state IN ('answered', 'rejected')"
        known, dearest = self.store.connection.execute(sql).fetchone()
        return float(dearest) if known >= FEW else inf

    def rejections(self, key: str) -> int:
        """How many answers to a question were charged but not valid."""
        sql = "SELECT count(*) FROM attempts WHERE key = ? AND state = 'rejected'"
        return int(self.store.connection.execute(sql, (key,)).fetchone()[0])

    def in_shards(self) -> set[str]:
        """Keys that are in a batch under way."""
        sql = "SELECT key FROM attempts WHERE state = 'open' AND shard IS NOT NULL"
        return {key for (key,) in self.store.connection.execute(sql)}

    def of_shard(self, shard: str) -> dict[str, Attempt]:
        """The open attempts of a batch, by label."""
        sql = (
            "SELECT id, key, turn, subject, reserved_usd FROM attempts "
            "WHERE shard = ? AND state = 'open'"
        )
        found = {}
        for id_, key, turn, about, reserved in self.store.connection.execute(sql, (shard,)):
            dataset, name, labels = json.loads(about)
            subject = Subject(dataset, name, labels_from_json(labels))
            attempt = Attempt(id_, key, turn, subject, reserved)
            found[attempt.label] = attempt
        return found

    def keep(self, attempt: Attempt, answer: Answer, cost_usd: float | None) -> bool:
        """Write an answer's record and what it cost, at once; False if the answer has no use."""
        if answer.problem is not None:
            self.close(attempt, "rejected", cost_usd, answer.problem)
            return False
        cost = attempt.reserved_usd if cost_usd is None else cost_usd
        with self.store.transaction():
            self.store.add(make_record(attempt.key, attempt.subject, answer, cost))
            self.close(attempt, "answered", cost)
        return True

    def _sum(self, sql: str) -> float:
        return float(self.store.connection.execute(sql).fetchone()[0])
