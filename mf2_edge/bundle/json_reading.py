"""Reading a bundle's JSON files: strict, with errors that say what is wrong, where, and what to do.

An unknown key is an error: a fact that one reader ignores is a fact that two readers disagree on.
So is a key that is there twice.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, TypeVar, get_args

import msgspec

from mf2_edge.bundle.schema import (
    Activation,
    ArtifactFormat,
    Delegate,
    HeadName,
    IoDtype,
    Layout,
    ModelInput,
    Precision,
)
from mf2_edge.errors import ManifestError

SCHEMA_VERSION: Final = "2.0"
"""Schema that this release writes; it reads every 2.x whose keys it knows."""

T = TypeVar("T")

_CHOICES: Final[dict[str, tuple[Any, ...]]] = {
    "name": get_args(HeadName),
    "activation": get_args(Activation),
    "format": get_args(ArtifactFormat),
    "precision": get_args(Precision),
    "layout": get_args(Layout),
    "io_dtype": get_args(IoDtype),
    "delegate": get_args(Delegate),
    "input": get_args(ModelInput),
    "channels": (3,),
    "color": ("rgb",),
    "interpolation": ("bilinear",),
    "border": ("replicate",),
}


class _Versioned(msgspec.Struct):
    """The one key that every schema, older or newer, has."""

    schema_version: str


def read_struct(data: bytes, kind: type[T], *, source: str) -> T:
    """The struct in JSON bytes; `source` (a path) is named in errors.

    Raises ManifestError: not JSON, a missing, unknown, repeated or ill-typed key (with its JSON
    path), or another major schema.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{source}: {_explain(error)}") from error
    _check_version(version, source)
    _check_duplicates(data, source)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"{source}: {_explain(error)}{_hint(version)}") from error


def dump_struct(struct: msgspec.Struct) -> bytes:
    """Indented JSON ending in a newline; `read_struct` gives it back equal."""
    return msgspec.json.format(msgspec.json.encode(struct), indent=2) + b"\n"


def _check_duplicates(data: bytes, source: str) -> None:
    """A key that is there twice means one thing to one reader and another to the next."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        if twice := [key for key, count in counts.items() if count > 1]:
            raise ManifestError(f"{source}: keys {twice} more than once; expected each once")
        return dict(pairs)

    try:
        json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        if isinstance(error, ManifestError):
            raise
        raise ManifestError(f"{source}: not valid JSON ({error})") from error


def _check_version(version: str, source: str) -> None:
    parts = re.fullmatch(r"([0-9]{1,9})\.([0-9]{1,9})", version)
    if parts is None:
        raise ManifestError(
            f"{source}: schema_version {version[:80]!r} - at `$.schema_version`; "
            f'expected "MAJOR.MINOR", such as "{SCHEMA_VERSION}"'
        )
    major, ours = int(parts[1]), int(SCHEMA_VERSION.split(".")[0])
    if major > ours:
        raise ManifestError(
            f"{source}: schema {major}.x needs a newer mf2-edge: pip install -U mf2-edge; "
            f"this release reads {ours}.x"
        )
    if major < ours:
        raise ManifestError(
            f"{source}: schema {major}.x is older than what this release reads ({ours}.x); "
            "export the model again, or install the mf2-edge release that wrote the bundle"
        )


def _explain(error: Exception) -> str:
    """The error of msgspec with what to do about it."""
    text = str(error)
    unknown = re.search(r"unknown field `(.*?)`(?: - at `(.*)`)?", text)
    if unknown:
        where = unknown[2] or "$"
        return f"unknown key `{unknown[1]}` - at `{where}`; remove it or correct its spelling"
    missing = re.search(r"missing required field `(.*?)`(?: - at `(.*)`)?", text)
    if missing:
        return f"missing key `{missing[1]}` - at `{missing[2] or '$'}`; add it"
    if text.startswith("Invalid enum value"):
        key = re.findall(r"\.(\w+)", text)[-1]
        return f"{text}; expected one of {', '.join(map(repr, _CHOICES[key]))}"
    if isinstance(error, msgspec.ValidationError):
        return text
    return f"not valid JSON ({text}); expected a file as schema {SCHEMA_VERSION} describes it"


def _hint(version: str) -> str:
    """A newer minor schema may hold keys that this release does not know."""
    newer = int(version.split(".")[1]) > int(SCHEMA_VERSION.split(".")[1])
    if not newer:
        return ""
    return (
        f" (the bundle is of schema {version}, this release knows {SCHEMA_VERSION}: "
        "pip install -U mf2-edge)"
    )
