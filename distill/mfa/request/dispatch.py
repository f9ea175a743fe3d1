"""Asking a list of questions, live or in batches, and saying how it went."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from logging import getLogger

from distill.mfa.errors import BudgetError
from distill.mfa.options import server_of
from distill.mfa.prompt.message import Question
from distill.mfa.records.ledger import Ledger
from distill.mfa.records.store import Store
from distill.mfa.request.batch import BatchRun, Shards
from distill.mfa.request.control import Control
from distill.mfa.request.live import LiveRun, Pace
from distill.mfa.request.prices import ModelPrice, load_quote

logger = getLogger(__name__)


def open_ledger(arguments: argparse.Namespace, store: Store) -> Ledger:
    """The ledger of a store that no other process writes to; BudgetError without a budget."""
    if arguments.budget_usd is None:
        raise BudgetError("name --budget-usd, the most that this store may cost; see `mfa plan`")
    ledger = Ledger(store, arguments.budget_usd)
    if lost := ledger.give_up_open():
        logger.warning("an earlier run lost %d answers on their way; they count as spent", lost)
    return ledger


def ask(arguments: argparse.Namespace, ledger: Ledger, questions: Sequence[Question]) -> int:
    """Ask and report; 0 if every question has an answer, else 1."""
    price = load_quote(arguments.model, arguments.prices).price
    before = len(ledger.store)
    in_batches = ledger.in_shards()
    if arguments.mode == "batch":
        stopped = _ask_in_batches(arguments, ledger, price, questions)
    else:
        free = [question for question in questions if question.key not in in_batches]
        stopped = _ask_live(arguments, ledger, price, free)
    missing = sum(question.key not in ledger.store for question in questions)
    lines = [
        f"answered      {len(ledger.store) - before:,}, without an answer {missing:,}",
        f"spent         ${ledger.spent_usd:,.4f} in the store's whole life, of it "
        f"${ledger.presumed_usd():,.4f} presumed for lost answers",
    ]
    if stopped is not None:
        lines.append(f"stopped       {stopped}")
    if waiting := len(ledger.in_shards()):
        lines.append(f"in batches    {waiting:,}; collect them with --mode batch")
    sys.stdout.write("\n".join(lines) + "\n")
    return int(missing > 0)


def _ask_live(
    arguments: argparse.Namespace,
    ledger: Ledger,
    price: ModelPrice,
    questions: Sequence[Question],
) -> str | None:
    run = LiveRun(ledger, price, Pace(arguments.concurrency, arguments.retries))
    return asyncio.run(run.run(questions, server_of(arguments)))


def _ask_in_batches(
    arguments: argparse.Namespace,
    ledger: Ledger,
    price: ModelPrice,
    questions: Sequence[Question],
) -> str | None:
    shards = Shards(arguments.shard_size, arguments.shards, arguments.poll_seconds)
    with server_of(arguments).batch() as client:
        return BatchRun(ledger, price, shards, Control(client)).run(questions)
