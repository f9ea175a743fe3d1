"""Where shards may lie: paths, and addresses of http and https."""

from __future__ import annotations

import re
from typing import Final

from distill.mfa.errors import ShardError

_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9._~:/?#\[\]@!&()*+,=%-]+")


def check_place(place: str) -> None:
    """Raise ShardError for what webdataset would hand to a shell.

    It runs `pipe:` as a command, and fetches addresses by a command line that quotes nothing.
    """
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", place)
    if scheme and not _ADDRESS.fullmatch(place):
        raise ShardError(
            f"{place}: expected a path, or an address of http:// or https:// without quotes, "
            "spaces and $; write a path with a colon as ./PATH"
        )
