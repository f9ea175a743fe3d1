"""Draws for splits: a function of a seed and a name alone."""

from __future__ import annotations

from hashlib import blake2b


def draw(name: str, seed: int) -> float:
    """A number from 0 to below 1 for a name.

    It comes from a hash, so that neither order nor the version of a library changes it.
    """
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32
