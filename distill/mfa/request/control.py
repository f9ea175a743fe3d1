"""Calls about files and batches, repeated while the server fails.

Uploading a file and creating a batch are not safe to repeat blindly: after a failure of unknown
outcome both look first whether the server has what they meant to make.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from logging import getLogger
from typing import TYPE_CHECKING, Final, TypeVar

from distill.mfa.errors import BatchError, ServerError
from distill.mfa.request.batch_queue import ENDPOINT, Shard
from distill.mfa.request.client import fatal, without_key
from distill.mfa.request.rate_limit import backoff, retry_after
from mf2_edge.extras import require

if TYPE_CHECKING:
    from pathlib import Path

    from openai import OpenAI
    from openai.types import Batch

logger = getLogger(__name__)

Made = TypeVar("Made")

MARK: Final = "mfa_shard"
"""Key of a batch's metadata that holds the shard's id."""
TRIES: Final = 8
FIRST_WAIT: Final = 0.5
"""Seconds: longest wait after a first failure that the server set no time for."""
SETTLE: Final = 10.0
"""Seconds that a new batch may take to show up in the server's list."""
CLOCK_SKEW: Final = 86_400
"""Seconds that the server's clock may be behind ours."""


class Control:
    """Files and batches of a server."""

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    def upload(self, path: Path) -> str:
        """Upload the requests of a shard; returns the file's id."""

        def send() -> str:
            with path.open("rb") as file:
                return self.client.files.create(file=(path.name, file), purpose="batch").id

        return self._insist(send, look=lambda: self.find_file(path.name))

    def find_file(self, name: str) -> str | None:
        """Id of the upload of a name, None if there is none."""

        def look() -> str | None:
            files = self.client.files.list(purpose="batch")
            return next((file.id for file in files if file.filename == name), None)

        return self._insist(look)

    def create(self, shard: Shard) -> str:
        """Create the batch of a shard that is uploaded; returns its id."""
        assert shard.file_id is not None
        file_id = shard.file_id

        def send() -> str:
            return self.client.batches.create(
                input_file_id=file_id,
                endpoint=ENDPOINT,
                completion_window="24h",
                metadata={MARK: shard.id},
                extra_headers={"Idempotency-Key": shard.id},
            ).id

        return self._insist(send, look=lambda: self.find_batch(shard))

    def find_batch(self, shard: Shard) -> str | None:
        """Id of the batch of a shard, None if there is none, also not after time to settle."""

        def look() -> str | None:
            for batch in self.client.batches.list(limit=100):  # newest first
                if (batch.metadata or {}).get(MARK) == shard.id:
                    return batch.id
                if batch.created_at < shard.created - CLOCK_SKEW:
                    break
            return None

        found = self._insist(look)
        if found is None:
            time.sleep(SETTLE)
            found = self._insist(look)
        return found

    def retrieve(self, batch_id: str) -> Batch:
        """A batch as it stands."""
        return self._insist(lambda: self.client.batches.retrieve(batch_id))

    def content(self, file_id: str) -> bytes:
        """A whole file."""
        return self._insist(lambda: self.client.files.content(file_id).content)

    def forget(self, *file_ids: str | None) -> None:
        """Delete files, faces among them, from the server, as far as it lets us."""
        openai = require("openai", extra="mfa")
        for file_id in file_ids:
            if file_id is not None:
                with suppress(openai.OpenAIError, json.JSONDecodeError):
                    self.client.files.delete(file_id)

    def _insist(
        self, call: Callable[[], Made], look: Callable[[], Made | None] | None = None
    ) -> Made:
        """The result of a call, or of looking for what an unanswered call has made.

        Raises ServerError after `TRIES` failures, BatchError where repeating is of no use, and
        the errors of `client.fatal`.
        """
        openai = require("openai", extra="mfa")
        for failures in range(1, TRIES + 1):
            try:
                return call()
            except openai.APIStatusError as error:
                if (end := fatal(error)) is not None:
                    raise end from None
                if error.status_code not in (408, 409, 429) and error.status_code < 500:
                    raise BatchError(
                        f"the server refused: HTTP {error.status_code}, "
                        f"{without_key(error.message)}; if it has no Batch API, use --mode live"
                    ) from None
                wait, unknown = retry_after(error.response.headers), error.status_code >= 500
                logger.info("HTTP %s, trying again", error.status_code)
            except (openai.APIConnectionError, json.JSONDecodeError) as error:
                wait, unknown = None, True
                logger.info("%s, trying again", error)
            time.sleep(backoff(failures, FIRST_WAIT) if wait is None else wait)
            if unknown and look is not None and (made := look()) is not None:
                return made
        raise ServerError(
            f"the server failed {TRIES} times in a row; run the command again when it works: it "
            "goes on where it stopped"
        )
