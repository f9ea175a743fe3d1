"""How fast to ask: what a server's headers say about its limits, and how long to wait after errors.

OpenAI's headers: `retry-after` (seconds or a date), `retry-after-ms`, and for requests and tokens
each `x-ratelimit-remaining-*` and `x-ratelimit-reset-*`, the time until the limit is whole again,
like "12ms", "1s" or "6m0s".
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_WAIT: Final = 60.0
"""Seconds. A longer Retry-After is obeyed all the same; this bounds our own guesses."""


class Gate:
    """Holds all requests back while the server's limits are used up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._opens = 0.0

    async def wait(self) -> None:
        """Return when requests may be sent; another answer may have moved the time meanwhile."""
        while (left := self._opens - self._clock()) > 0:
            # Not all at once when it opens.
            await asyncio.sleep(left + random.uniform(0, 0.1 * left))  # noqa: S311

    def observe(self, headers: Mapping[str, str], requests: int, tokens: int) -> None:
        """Close until the reset if what is left is less than so many requests and tokens."""
        for what, need in (("requests", requests), ("tokens", tokens)):
            remaining = headers.get(f"x-ratelimit-remaining-{what}", "")
            if remaining.isdigit() and int(remaining) < need:
                self.close(duration(headers.get(f"x-ratelimit-reset-{what}", "")) or 0.0)

    def close(self, seconds: float) -> None:
        """Close for some seconds from now, or longer if it was closed for longer already."""
        self._opens = max(self._opens, self._clock() + seconds)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait; None if it does not."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" not in headers:
            return None
        value = headers["retry-after"]
        if re.fullmatch(r"[\d.]+", value):
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def backoff(failures: int, first: float) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, fully jittered."""
    return random.uniform(0, min(LONGEST_WAIT, first * 2 ** (failures - 1)))  # noqa: S311


def duration(text: str) -> float | None:
    """Seconds of "12ms", "1s" or "6m0s"; None for anything else."""
    parts = re.findall(r"([\d.]+)(ms|[smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * SECONDS[unit] for number, unit in parts)
