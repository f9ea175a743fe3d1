"""Files and batches of the server of the tests: in memory, worked on while they are polled."""

from __future__ import annotations

import json
import random
import time
from collections import deque
from collections.abc import Sequence
from email import message_from_bytes
from email.policy import HTTP
from typing import Any, Final

from tests.helpers.mfa.answers import SPOILT, completion

LINE_FAULTS: Final = (*SPOILT, "error line", "missing line", "damaged line")
"""Of single requests of a batch. A missing or damaged line was charged all the same."""


class Batches:
    """polls: looks at a batch before it ends. faults: part of its requests with one of
    `LINE_FAULTS`. endings: of the first batches, "completed", "expired" or "cancelled" (half of it
    is worked on), or "queue full" and "invalid" (refused as a whole). short_downloads: how many
    times an output file comes with half of its lines.
    """

    def __init__(
        self,
        polls: int = 2,
        faults: float = 0.0,
        seed: int = 0,
        *,
        endings: Sequence[str] = (),
        short_downloads: int = 0,
        hidden_for: float = 0.0,
    ) -> None:
        self.polls = polls
        self.faults = faults
        self.rng = random.Random(seed)
        self.endings = deque(endings)
        self.short_downloads = short_downloads
        self.hidden_for = hidden_for
        """Seconds before a new batch shows up in the list."""
        self.charges: list[tuple[str, int, int]] = []
        self.files: dict[str, tuple[str, bytes]] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.uploads = 0
        self.injected = 0
        self.lost_lines = 0
        self._looks: dict[str, int] = {}
        self._made: dict[str, float] = {}

    def serve(
        self, method: str, path: str, query: dict[str, str], body: bytes, content_type: str
    ) -> tuple[int, bytes]:
        """Status and body of the answer to a request."""
        match method, path.removeprefix("/v1/").split("/"):
            case "POST", ["files"]:
                return _json(self._upload(body, content_type))
            case "GET", ["files"]:
                return _json(_page([_file(i, name) for i, (name, _) in self.files.items()], query))
            case "GET", ["files", id_, "content"] if id_ in self.files:
                return 200, self._content(id_)
            case "DELETE", ["files", id_] if id_ in self.files:
                del self.files[id_]
                return _json({"id": id_, "object": "file", "deleted": True})
            case "POST", ["batches"]:
                return _json(self._create(json.loads(body)))
            case "GET", ["batches"]:
                shown = [b for i, b in self.batches.items() if time.monotonic() >= self._made[i]]
                return _json(_page(shown[::-1], query))
            case "GET", ["batches", id_] if id_ in self.batches:
                return _json(self._look(id_))
        return 404, json.dumps({"error": {"message": f"no {path}", "code": "not_found"}}).encode()

    def _upload(self, body: bytes, content_type: str) -> dict[str, Any]:
        header = f"Content-Type: {content_type}\r\n\r\n".encode()
        for part in message_from_bytes(header + body, policy=HTTP).walk():
            name, content = part.get_filename(), part.get_payload(decode=True)
            if name is not None and isinstance(content, bytes):
                self.uploads += 1
                return self._store(name, content)
        raise ValueError("no file in the form")

    def _store(self, name: str, content: bytes) -> dict[str, Any]:
        id_ = f"file-{len(self.files)}-{self.rng.getrandbits(32):08x}"
        self.files[id_] = (name, content)
        return _file(id_, name)

    def _content(self, id_: str) -> bytes:
        name, content = self.files[id_]
        if name == "output" and self.short_downloads:
            self.short_downloads -= 1
            lines = content.splitlines(keepends=True)
            return b"".join(lines[: len(lines) // 2])
        return content

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        id_ = f"batch-{len(self.batches)}"
        self._made[id_] = time.monotonic() + self.hidden_for
        self._looks[id_] = 0
        self.batches[id_] = {
            "id": id_,
            "object": "batch",
            "status": "validating",
            "created_at": int(time.time()),
            "output_file_id": None,
            "error_file_id": None,
            **body,
        }
        return self.batches[id_]

    def _look(self, id_: str) -> dict[str, Any]:
        self._looks[id_] += 1
        batch = self.batches[id_]
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            if self._looks[id_] >= self.polls:
                self._finish(batch, self.endings.popleft() if self.endings else "completed")
        return batch

    def _finish(self, batch: dict[str, Any], ending: str) -> None:
        if ending in ("queue full", "invalid"):
            code = "token_limit_exceeded" if ending == "queue full" else "invalid_json_line"
            batch["status"] = "failed"
            batch["errors"] = {"object": "list", "data": [{"code": code, "message": ending}]}
            return
        requests = [json.loads(line) for line in self.files[batch["input_file_id"]][1].splitlines()]
        self.rng.shuffle(requests)
        worked = len(requests) if ending == "completed" else len(requests) // 2
        outputs = [self._work(request) for request in requests[:worked]]
        good = [line for line, is_good in outputs if is_good and line]
        bad = [line for line, is_good in outputs if not is_good]
        for request in requests[worked:]:
            error = {"code": "batch_expired", "message": "not worked on in time"}
            bad.append(_line(request["custom_id"], None, error))
        batch["status"] = ending
        batch["request_counts"] = {
            "total": len(requests),
            "completed": sum(is_good for _, is_good in outputs),
            "failed": len(bad),
        }
        batch["output_file_id"] = self._store("output", b"".join(good))["id"] if good else None
        batch["error_file_id"] = self._store("errors", b"".join(bad))["id"] if bad else None

    def _work(self, request: dict[str, Any]) -> tuple[bytes, bool]:
        """The line of one request, b"" if it goes missing, and whether it was answered."""
        label = request["custom_id"]
        fault = self.rng.choice(LINE_FAULTS) if self.rng.random() < self.faults else ""
        self.injected += fault != ""
        self.lost_lines += fault in ("missing line", "damaged line")
        if fault == "error line":
            body = {"error": {"message": "the server failed", "code": "server_error"}}
            return _line(label, {"status_code": 500, "body": body}, None), False
        made = completion(request["body"], fault if fault in SPOILT else "")
        usage = made["usage"]
        self.charges.append((label, usage["prompt_tokens"], usage["completion_tokens"]))
        line = _line(label, {"status_code": 200, "body": made}, None)
        if fault == "damaged line":
            line = line[: len(line) // 2] + b"\n"
        return b"" if fault == "missing line" else line, True


def _line(label: str, response: dict[str, Any] | None, error: dict[str, Any] | None) -> bytes:
    line = {"id": "batch_req", "custom_id": label, "response": response, "error": error}
    return json.dumps(line).encode() + b"\n"


def _file(id_: str, name: str) -> dict[str, Any]:
    return {"id": id_, "object": "file", "filename": name, "purpose": "batch", "bytes": 0,
            "created_at": 0, "status": "processed"}  # fmt: skip


def _page(items: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """A page of a list, after the item that the query names."""
    limit = int(query.get("limit", "20"))
    ids = [item["id"] for item in items]
    start = ids.index(query["after"]) + 1 if "after" in query else 0
    page = items[start : start + limit]
    return {"object": "list", "data": page, "has_more": start + limit < len(items)}


def _json(content: object) -> tuple[int, bytes]:
    return 200, json.dumps(content).encode()
