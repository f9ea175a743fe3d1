"""The official OpenAI client, with a key from the environment and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from distill.mfa.errors import MfaError, MissingKeyError, QuotaError, RefusedKeyError
from mf2_edge.extras import require

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI, OpenAI

KEY: Final = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask. base_url: an OpenAI-compatible server, None for OpenAI's own."""

    base_url: str | None = None
    timeout: float = 60.0
    """Seconds without a byte after which an answer is given up."""

    def live(self) -> AsyncOpenAI:
        """The client of the live mode. Retries are the caller's: each is in the ledger."""
        openai = require("openai", extra="mfa")
        client: AsyncOpenAI = openai.AsyncOpenAI(**self._options(), max_retries=0)
        return client

    def batch(self) -> OpenAI:
        """The client of the batch mode; here too retries are the caller's."""
        openai = require("openai", extra="mfa")
        client: OpenAI = openai.OpenAI(**self._options(), max_retries=0)
        return client

    def _options(self) -> dict[str, Any]:
        key = os.environ.get(KEY, "")
        if not key:
            raise MissingKeyError(
                f"no API key: set {KEY} in the environment (a server of your own may take any)"
            )
        return {"api_key": key, "base_url": self.base_url, "timeout": self.timeout}


def fatal(error: APIStatusError) -> MfaError | None:
    """The error that ends a run, if no later request can fare better; the key is never quoted."""
    if error.status_code in (401, 403):
        return RefusedKeyError(
            f"the server refused the key in {KEY} (HTTP {error.status_code}); check that it is "
            "whole, valid and allowed to use this API"
        )
    if error.code == "insufficient_quota":
        return QuotaError("the account has no credit left; top it up, then run the command again")
    return None


def without_key(text: str) -> str:
    """A text of the server's, which might quote the key."""
    key = os.environ.get(KEY)
    return text.replace(key, "***") if key else text
