"""One chat completion over the official client, and what its failure means for the bill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from distill.mfa.errors import ModelError
from distill.mfa.request.answers import Answer, DamagedError, read_completion
from distill.mfa.request.client import fatal, without_key
from distill.mfa.request.rate_limit import retry_after
from mf2_edge.extras import require

if TYPE_CHECKING:
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI

GATEWAY: Final = (502, 504)
"""Sent by a proxy that lost its server: the answer may have been made, and charged."""


class LostError(Exception):
    """Nobody knows whether the request was answered and charged."""


class NotTakenError(Exception):
    """The server did not take the request up: nothing was charged.

    wait: seconds that it asks for, None if it does not. passing: whether to try again at all.
    """

    def __init__(self, reason: str, wait: float | None = None, *, passing: bool = True) -> None:
        super().__init__(reason)
        self.wait = wait
        self.passing = passing


async def send(
    client: AsyncOpenAI, body: dict[str, Any], label: str
) -> tuple[Answer, Mapping[str, str]]:
    """The answer and the headers that came with it.

    Raises LostError, NotTakenError, or the error of `client.fatal` if no request can succeed.
    """
    openai = require("openai", extra="mfa")
    try:
        # OpenAI documents no deduplication by this header; servers that know it do not charge
        # twice for an answer that was lost on the way.
        raw = await client.chat.completions.with_raw_response.create(
            **body, extra_headers={"Idempotency-Key": label}
        )
        return read_completion(raw.content), raw.headers
    except openai.APIConnectionError as error:
        raise _unanswered(error) from error
    except openai.APIStatusError as error:
        raise _refused(error, body["model"]) from None
    except DamagedError as error:
        raise LostError(str(error)) from error


def _unanswered(error: APIConnectionError) -> Exception:
    httpx = require("httpx", extra="mfa")
    reason = f"{error} ({error.__cause__!r})"
    if isinstance(error.__cause__, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return NotTakenError(reason)  # it never left
    return LostError(reason)


def _refused(error: APIStatusError, model: str) -> Exception:
    if (end := fatal(error)) is not None:
        return end
    if error.status_code == 404:
        return ModelError(
            f"the server knows no model {model!r} (HTTP 404); name one that it has with --model"
        )
    reason = without_key(f"HTTP {error.status_code}: {error.message}")
    if error.status_code in GATEWAY:
        return LostError(reason)
    passing = error.status_code in (408, 409, 429) or error.status_code >= 500
    return NotTakenError(reason, retry_after(error.response.headers), passing=passing)
