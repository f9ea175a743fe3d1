"""From a chat completion to an answer: a description, a refusal, or what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from distill.mfa.faces import Subject
from distill.mfa.records.schema import Description, Record
from distill.mfa.request.prices import Mode, ModelPrice


class DamagedError(ValueError):
    """A body is not a chat completion: it was damaged on the way, or the server is another."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a completion says. At most one of description, refusal and problem is set.

    input_tokens, output_tokens: as billed; None where the server does not count.
    """

    model: str
    description: Description | None = None
    refusal: str | None = None
    problem: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    def cost_usd(self, price: ModelPrice, mode: Mode) -> float | None:
        """What was charged, None if the server does not say."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return price.cost_usd(self.input_tokens, self.output_tokens, mode)


def read_completion(body: bytes | Mapping[str, Any]) -> Answer:
    """Read the body of a chat completion; raises DamagedError if it is none."""
    try:
        completion = json.loads(body) if isinstance(body, bytes) else body
        choice = completion["choices"][0]
        message = choice["message"]
        usage = completion.get("usage") or {}
        model = str(completion["model"])
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
        finish, refusal = choice.get("finish_reason"), message.get("refusal")
        content = message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedError(f"not a chat completion: {error!r}") from error
    if refusal or finish == "content_filter":
        return Answer(model, None, refusal or "stopped by the content filter", None, *counts)
    if finish == "length":
        return Answer(model, None, None, "longer than max_completion_tokens", *counts)
    try:
        return Answer(model, Description.model_validate_json(content or ""), None, None, *counts)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return Answer(model, None, None, f"{place} {first['msg']}".strip(), *counts)


def make_record(key: str, subject: Subject, answer: Answer, cost_usd: float) -> Record:
    """The record of an answer without a problem."""
    return Record(
        key=key,
        dataset=subject.dataset,
        name=subject.name,
        labels=subject.labels,
        source="gpt",
        model=answer.model,
        description=answer.description,
        refusal=answer.refusal,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        input_tokens=answer.input_tokens or 0,
        output_tokens=answer.output_tokens or 0,
        cost_usd=cost_usd,
    )
