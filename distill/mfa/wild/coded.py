"""From what coders write to coded faces: lines by id, and the key that says whose they are."""

from __future__ import annotations

import csv
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from distill.datasets.wild import CodedFace, CodesError, Coding

CONTROL: Final = "control"
"""Why a control is among the faces."""


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A face with human FACS codes that stood among the others, and how it was coded."""

    set: str
    image: str
    chosen: str
    human_action_units: tuple[str, ...]
    """Numbers of the units that are present; every other unit that coders look for is absent."""
    coder_a: Coding
    coder_b: Coding | None = None


@dataclass(frozen=True)
class Batch:
    """Faces of one key, and its controls."""

    faces: tuple[CodedFace, ...]
    controls: tuple[Control, ...]


def join(key: Path, coder_a: Path, coder_b: Path | None = None) -> Batch:
    """Give each id of a key (see `mfa sheets`) its coders' lines.

    Rows of the key whose `chosen` is "control" are controls. Faces that coder A left out are left
    out. Raises CodesError for a line that breaks the guide, an id that the key does not have, or
    one that a coder wrote twice.
    """
    with key.open(newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    first = read_coder(coder_a, rows)
    second = {} if coder_b is None else read_coder(coder_b, rows)
    faces: list[CodedFace] = []
    controls: list[Control] = []
    for name in first:
        content = _row(rows[name], first[name], second.get(name))
        try:
            if rows[name]["chosen"] == CONTROL:
                controls.append(msgspec.convert(content, Control))
            else:
                faces.append(msgspec.convert(content, CodedFace))
        except msgspec.ValidationError as error:
            raise CodesError(f"{name} of {key}: {error}") from error
    return Batch(tuple(faces), tuple(controls))


def read_coder(path: Path, ids: Container[str]) -> dict[str, Coding]:
    """A coder's lines by their id; errors as `join`."""
    found: dict[str, Coding] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        where = f"line {number} of {path}"
        try:
            fields = msgspec.json.decode(line, type=dict[str, Any])
            name = str(fields.pop("id", ""))
            coding = msgspec.convert(fields, Coding)
        except msgspec.DecodeError as error:
            raise CodesError(f"{where}: {error}") from error
        if name not in ids:
            raise CodesError(f"{where} is of {name!r}, which the key does not have")
        if name in found:
            raise CodesError(f"{where} is of {name}, which the coder wrote before")
        found[name] = coding
    return found


def read_controls(path: Path) -> list[Control]:
    """Controls from JSON lines; raises CodesError naming the line."""
    controls = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            controls.append(msgspec.json.decode(line, type=Control))
        except msgspec.DecodeError as error:
            raise CodesError(f"line {number} of {path}: {error}") from error
    return controls


def _row(row: Mapping[str, str], first: Coding, second: Coding | None) -> dict[str, Any]:
    """A face as its line of JSON has it."""
    content: dict[str, Any] = {name: row[name] for name in ("set", "image", "chosen")}
    content["coder_a"] = msgspec.to_builtins(first)
    if second is not None:
        content["coder_b"] = msgspec.to_builtins(second)
    if row["chosen"] == CONTROL:
        return content | {"human_action_units": (row.get("human_action_units") or "").split()}
    return content | {name: row[name] for name in ("age", "gender", "race") if row.get(name)}
