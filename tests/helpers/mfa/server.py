"""An OpenAI-compatible server on loopback that keeps books, and misbehaves as told.

It speaks chat completions, files and batches. Every answer that is made is charged, whether or
not it arrives; `charges` is the bill.
"""

from __future__ import annotations

import json
import random
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from tests.helpers.mfa.answers import SPOILT, completion
from tests.helpers.mfa.batches import Batches
from tests.helpers.mfa.handler import Handler

LIVE_FAULTS: Final = (
    *("429", "429 retry-after", "500", "hang", "cut", "cut after", "malformed body"),
    *SPOILT,
)


class FakeServer:
    """The server, running while the `with` block runs.

    faults: part of the requests, 0..1, that get one of `kinds`, drawn by the seed and the
    request. script: faults of the first requests, "" for none, before any are drawn.
    deduplicates: whether an answer with a known Idempotency-Key is repeated and not charged again.
    limit: requests that are allowed in each window of so many seconds.
    """

    def __init__(
        self,
        faults: float = 0.0,
        seed: int = 0,
        *,
        kinds: Sequence[str] = LIVE_FAULTS,
        script: Sequence[str] = (),
        deduplicates: bool = True,
        retry_after: str = "1",
        limit: tuple[int, float] | None = None,
        seconds: float = 0.0,
        batches: Batches | None = None,
    ) -> None:
        self.faults = faults
        self.seed = seed
        self.kinds = kinds
        self.script = deque(script)
        self.deduplicates = deduplicates
        self.retry_after = retry_after
        self.limit = limit
        self.seconds = seconds
        self.batches = batches or Batches()
        self.charges: list[tuple[str, int, int]] = []
        """Label, input tokens and output tokens of every answer of a chat completion."""
        self.arrivals: list[tuple[float, str, str]] = []
        """Time, label and fault of every request for a chat completion."""
        self.injected: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        """Answers that were asked for again and not charged again."""
        self.control_requests = 0
        self.most_at_once = 0
        self.lock = threading.RLock()
        self._at_once = 0
        self._answers: dict[str, bytes] = {}
        self._visits: Counter[str] = Counter()
        self._window = (0.0, 0)
        self._kill: tuple[int, subprocess.Popen[bytes] | None] = (0, None)
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        handler = type("OwnHandler", (Handler,), {"state": self})
        self._http = _QuietServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def charged_twice(self) -> int:
        """How many answers were charged beyond the first of each label, live or in batches."""
        count = Counter(label for label, *_ in [*self.charges, *self.batches.charges])
        return sum(number - 1 for number in count.values())

    def draw(self, label: str, kinds: Sequence[str]) -> str:
        """The fault of a request, "" for none; a repeated request draws again."""
        with self.lock:
            self._visits[label] += 1
            rng = random.Random(f"{self.seed}/{label}/{self._visits[label]}")
            if self.script:
                fault = self.script.popleft()
            else:
                fault = rng.choice(list(kinds)) if rng.random() < self.faults else ""
            self.injected[fault or "none"] += 1
            return fault

    def answer(self, label: str, body: dict[str, Any], spoil: str) -> bytes:
        """Make the answer to a request, and charge it; or repeat it, if that is known."""
        with self.lock:
            if self.deduplicates and label in self._answers:
                self.repeated += 1
                return self._answers[label]
            made = completion(body, spoil)
            usage = made["usage"]
            self.charges.append((label, usage["prompt_tokens"], usage["completion_tokens"]))
            self._answers[label] = json.dumps(made).encode()
            return self._answers[label]

    def over_limit(self) -> dict[str, str] | None:
        """Count a request; the headers of its answer, None if it is one too many."""
        if self.limit is None:
            return {}
        with self.lock:
            most, length = self.limit
            start, used = self._window
            if time.monotonic() - start > length:
                start, used = time.monotonic(), 0
            self._window = (start, used + 1)
            left = length - (time.monotonic() - start)
            if used >= most:
                return None
            return {
                "x-ratelimit-remaining-requests": str(most - used - 1),
                "x-ratelimit-reset-requests": f"{max(1, round(left * 1000))}ms",
            }

    def hang(self) -> None:
        self._closing.wait(60)

    def kill_at(self, number: int, process: subprocess.Popen[bytes]) -> None:
        """Send kill -9 in place of the answer to the process's so manieth request of batches."""
        with self.lock:
            self._kill = (number, process)

    def kills(self) -> bool:
        """Count a request of files or batches; whether its sender was killed for it."""
        with self.lock:
            self.control_requests += 1
            number, process = self._kill
            self._kill = (number - 1, process)
            if number == 1 and process is not None:
                process.kill()
            return number == 1

    def enter(self, number: int) -> None:
        with self.lock:
            self._at_once += number
            self.most_at_once = max(self.most_at_once, self._at_once)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed hang up: nothing to report."""
