"""Recipes as TOML: files that extend one another, so that a fact stands once, and their parts."""

from __future__ import annotations

from collections.abc import Sequence
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


def with_overrides(content: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The content with values set by `table.key=value`, one string each, in order.

    A value is TOML, as in a file; what is none, such as a bare word, is a string. Raises
    ValueError for what has no `=`, or goes below a key that is no table.
    """
    for override in overrides:
        place, equals, text = override.partition("=")
        keys = [key.strip() for key in place.split(".")]
        if not equals or not all(keys):
            raise ValueError(f"{override!r}: expected KEY=VALUE, as in train.lr=1e-4")
        changes: dict[str, Any] = {keys[-1]: _value(text.strip())}
        for key in reversed(keys[:-1]):
            changes = {key: changes}
        table: Any = content
        for key in keys[:-1]:
            table = table.get(key, {})
            if not isinstance(table, dict):
                raise ValueError(f"{override!r}: {key} is no table of the recipe")
        content = _merged(content, changes)
    return content


def _value(text: str) -> Any:
    try:
        return msgspec.toml.decode(f"value = {text}")["value"]
    except msgspec.DecodeError:
        return text


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with the changes made, table by table."""
    merged = dict(base)
    for key, value in changes.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = _merged(below, value)
        merged[key] = value
    return merged
