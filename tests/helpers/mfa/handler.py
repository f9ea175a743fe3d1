"""HTTP of the server of the tests: where answers are delivered, spoilt, cut or held back."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import parse_qs, urlsplit

from tests.helpers.mfa.answers import SPOILT

if TYPE_CHECKING:
    from tests.helpers.mfa.server import FakeServer

KEY: Final = "sk-test-0123456789"
REFUSALS: Final = {
    "429": (429, "rate_limit_exceeded"),
    "429 retry-after": (429, "rate_limit_exceeded"),
    "429 no credit": (429, "insufficient_quota"),
    "400": (400, "invalid_image"),
    "404": (404, "model_not_found"),
    "500": (500, "server_error"),
    "502": (502, "bad_gateway"),
    "cut": (0, ""),
}
"""Faults by which a request is not taken up: status and code. They all quote the key."""
CONTROL_FAULTS: Final = ("429", "500", "cut", "cut after", "malformed body")
"""Of files and batches; "after" means that the request was carried out."""


class Handler(BaseHTTPRequestHandler):
    """Of one connection; `state` is the server's, set on a class of its own for each server."""

    state: ClassVar[FakeServer]
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._control("GET")

    def do_DELETE(self) -> None:
        self._control("DELETE")

    def do_POST(self) -> None:
        if self.path == "/v1/chat/completions":
            self.state.enter(1)
            try:
                self._chat()
            finally:
                self.state.enter(-1)
        else:
            self._control("POST")

    def _chat(self) -> None:
        body = json.loads(self._read())
        if not self._allowed():
            return
        label = self.headers.get("Idempotency-Key", "")
        headers = self.state.over_limit()
        fault = "429" if headers is None else self.state.draw(label, self.state.kinds)
        with self.state.lock:
            self.state.arrivals.append((time.monotonic(), label, fault))
            if len(self.state.bodies) < 1000:
                self.state.bodies[label] = body
        if fault in REFUSALS:
            self._fail(fault)
            return
        time.sleep(self.state.seconds)
        answer = self.state.answer(label, body, fault if fault in SPOILT else "")
        self._deliver(fault, answer, headers or {})

    def _control(self, method: str) -> None:
        """Files and batches."""
        body = self._read()
        if not self._allowed():
            return
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        fault = self.state.draw(f"{method} {url.path}", CONTROL_FAULTS)
        if fault in REFUSALS:
            self._fail(fault)
            return
        content_type = self.headers.get("Content-Type", "")
        with self.state.lock:
            status, answer = self.state.batches.serve(method, url.path, query, body, content_type)
        if self.state.kills():
            self.close_connection = True
            return
        self._deliver(fault, answer, {}, status)

    def _deliver(self, fault: str, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        if fault == "hang":
            self.state.hang()
            self.close_connection = True
        elif fault == "cut after":
            self._send(status, body, headers, part=len(body) // 2)
        elif fault == "malformed body":
            self._send(status, body[: len(body) // 2], headers)
        else:
            self._send(status, body, headers)

    def _fail(self, fault: str) -> None:
        if fault == "cut":
            self.close_connection = True
            return
        status, code = REFUSALS[fault]
        after = {"Retry-After": self.state.retry_after} if "retry" in fault else {}
        message = f"no, said the server to {self.headers.get('Authorization')}"
        self._send(status, _error(message, code), after)

    def _allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        quoted = self.headers.get("Authorization", "")
        self._send(401, _error(f"Incorrect API key provided: {quoted}", "invalid_api_key"), {})
        return False

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], part: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:part])
        self.wfile.flush()
        self.close_connection = self.close_connection or part is not None


def _error(message: str, code: str) -> bytes:
    return json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
