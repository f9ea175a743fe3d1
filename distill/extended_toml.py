"""Recipes as TOML: files that extend one another, so that a fact stands once, and their parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all parts: immutable, closed to unknown keys.

    Defaults are not written, so a new key changes no hash of recipes that do without it.
    """


def read_extended(path: Path) -> dict[str, Any]:
    """The content of a file; what it leaves out comes from the one that its `extends` names.

    That file lies beside it. Raises OSError, UnicodeDecodeError or msgspec.DecodeError.
    """
    content: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
    base = content.pop("extends", None)
    return content if base is None else _merged(read_extended(path.parent / base), content)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with the changes made, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = _merged(below, value)
        merged[key] = value
    return merged
