"""Shards are read from files and addresses, never from commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from distill.mfa.errors import ShardError
from distill.mfa.shards.index import read_index
from distill.mfa.shards.places import check_place
from distill.mfa.shards.read import read_shard, stream


@pytest.mark.parametrize(
    "place",
    [
        "pipe:touch {}",
        "PIPE:touch {}",
        "http://host/a'; touch {}; '.tar",
        "https://host/$(touch {}).tar",
        "gs://bucket/`touch {}`",
        "s3://bucket/a.tar",
    ],
)
def test_no_shell_sees_a_place(place: str, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for read in (read_index, read_shard, lambda where: stream([where])):
        with pytest.raises(ShardError, match="expected a path, or an address"):
            read(place.format(ran))
    assert not ran.exists()


@pytest.mark.parametrize(
    "place", ["/data/a.tar", "a b.tar", "./pipe:x", "C:/a.tar", "https://host/a.tar?b=1&c=%20"]
)
def test_paths_and_addresses_are_read(place: str) -> None:
    check_place(place)
