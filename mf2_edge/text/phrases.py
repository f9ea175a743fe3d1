"""Parts of English sentences: lists, articles, capitals, and the seeded choice among wordings."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b


class Choice:
    """Picks a wording for each slot, by a hash of seed and slot.

    No other slot and no library version changes what is picked.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def __call__(self, slot: str, options: Sequence[str]) -> str:
        """The option for a slot."""
        digest = blake2b(f"{self._seed}/{slot}".encode(), digest_size=8).digest()
        return options[int.from_bytes(digest, "big") % len(options)]


def list_of(items: Sequence[str]) -> str:
    """Short items: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def clause_list(items: Sequence[str]) -> str:
    """Clauses, which hold an "and" themselves: "a", "a, and b", "a, b, and c"."""
    return ", ".join([*items[:-1], f"and {items[-1]}"]) if len(items) > 1 else items[0]


def with_article(word: str) -> str:
    """The word after "a" or "an", by its first letter."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def capitalised(sentence: str) -> str:
    """The sentence with a capital first letter; the rest stays as it is."""
    return sentence[0].upper() + sentence[1:]
