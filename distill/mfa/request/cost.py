"""How many images and tokens questions take and what they cost, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from distill.mfa.prompt.message import Question
from distill.mfa.records.ledger import Ledger
from distill.mfa.records.store import Store
from distill.mfa.request.prices import Mode, ModelPrice, Quote

OVERHEAD: Final = 200
"""Tokens a request: a generous allowance for how the server frames messages and schema."""
BYTES_A_TOKEN: Final = 4
"""Of English text, by OpenAI's rule of thumb."""
TOKENS_OF_A_UNIT: Final = 45
"""Of one unit's text in an answer: assumed until the store holds answers to measure."""
TOKENS_OF_THE_REST: Final = 260
"""Of the two other levels, likewise assumed."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a set of questions takes. `measured` is the number of answers it is based on, or 0."""

    images: int
    input_tokens: int
    output_tokens: int
    usd: dict[Mode, float]
    most_usd: dict[Mode, float]
    measured: int


def most_tokens(question: Question, price: ModelPrice) -> int:
    """The most tokens, input and output, that a question can take."""
    return most_input_tokens(question, price) + question.asking.max_output_tokens


def most_input_tokens(question: Question, price: ModelPrice) -> int:
    """The most input tokens of a question: no token is shorter than a byte of text."""
    asking = question.asking
    return question.text_bytes() + price.image.count(asking.side, asking.detail) + OVERHEAD


def most_usd(question: Question, price: ModelPrice, mode: Mode) -> float:
    """The most that a question can cost; this much is reserved before it is sent."""
    tokens = most_input_tokens(question, price)
    return price.cost_usd(tokens, question.asking.max_output_tokens, mode)


def estimate(questions: Sequence[Question], price: ModelPrice, store: Store) -> Estimate:
    """What questions will take, by the store's own answers to this model where it has any."""
    measured, mean_input, mean_output = _measured(store, price)
    tokens = _assumed(questions, price)
    if measured:
        tokens = round(mean_input * len(questions)), round(mean_output * len(questions))
    modes: tuple[Mode, ...] = ("live", "batch")
    return Estimate(
        images=len(questions),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        usd={mode: price.cost_usd(*tokens, mode) for mode in modes},
        most_usd={mode: sum(most_usd(q, price, mode) for q in questions) for mode in modes},
        measured=measured,
    )


def _measured(store: Store, price: ModelPrice) -> tuple[int, float, float]:
    counts = [
        (record.input_tokens, record.output_tokens)
        for record in store.records("gpt")
        if record.model in price.names and record.input_tokens
    ]
    inputs, outputs = (sum(column) for column in zip(*counts, strict=True)) if counts else (0, 0)
    return len(counts), inputs / max(1, len(counts)), outputs / max(1, len(counts))


def _assumed(questions: Sequence[Question], price: ModelPrice) -> tuple[int, int]:
    inputs = outputs = 0
    for question in questions:
        asking = question.asking
        image = price.image.count(asking.side, asking.detail)
        inputs += question.text_bytes() // BYTES_A_TOKEN + image
        outputs += len(question.face.subject.labels.present) * TOKENS_OF_A_UNIT + TOKENS_OF_THE_REST
    return inputs, outputs


def report(found: Estimate, quote: Quote, ledger: Ledger, terms: dict[str, str]) -> str:
    """The plan in words: images, tokens, cost, what is spent, and the data sets' terms."""
    price = quote.price
    basis = (
        f"by the {found.measured:,} answers in the store"
        if found.measured
        else "assumed; measured once the store holds answers"
    )
    lines = [
        f"images        {found.images:,} to describe, {len(ledger.store):,} records in the store",
        f"tokens        {found.input_tokens:,} in, {found.output_tokens:,} out ({basis})",
        *(
            f"cost, {mode:<7} ${found.usd[mode]:,.2f}, never more than ${found.most_usd[mode]:,.2f}"
            " without retries"
            for mode in found.usd
        ),
        f"spent         ${ledger.spent_usd:,.2f} so far, of it ${ledger.presumed_usd():,.2f} "
        "presumed for lost answers",
        f"prices        {price.names[0]}: ${price.input_usd:g} in, ${price.output_usd:g} out for a "
        f"million tokens, published ({quote.source}, {quote.date})",
    ]
    if price.shutdown is not None:
        lines.append(f"model         leaves the API on {price.shutdown}")
    lines += [f"terms         {name}: {text}" for name, text in terms.items()]
    return "\n".join(lines) + "\n"
