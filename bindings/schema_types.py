"""What `model.json` is, read from its JSON Schema: the input of the generators of typed bindings.

`model_structs` turns `mf2_edge.bundle.model_json.model_json_schema()` into structs, fields and
shapes, the words under each key included, in an order in which every struct stands before those
that use it. A generator (bindings/<name>/generate_types.py) only writes these down in its language.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from mf2_edge.bundle import model_schema
from mf2_edge.bundle.model_json import model_json_schema
from mf2_edge.io.atomic import replacing

MISSING: Final = object()
"""Default of a key that has none: it must be there."""

EMPTY: Final[tuple[Any, ...]] = (None, [], {})
"""Defaults that a language's own empty value stands for."""


@dataclass(frozen=True)
class Text:
    """A string of at least so many characters, or of a pattern."""

    least: int
    pattern: str | None


@dataclass(frozen=True)
class Number:
    """A number between bounds; `above` leaves the lower bound itself out."""

    whole: bool
    least: float | None
    above: bool
    most: float | None


@dataclass(frozen=True)
class Choice:
    """One of some strings: an enum called `name`."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Ref:
    """Another struct."""

    name: str


@dataclass(frozen=True)
class Maybe:
    """A value or null."""

    of: Shape


@dataclass(frozen=True)
class Many:
    """A list; `length` where it is fixed."""

    of: Shape
    length: int | None


@dataclass(frozen=True)
class Keyed:
    """An object with free keys, whose order counts."""

    of: Shape


Shape = Text | Number | Choice | Ref | Maybe | Many | Keyed


@dataclass(frozen=True)
class Field:
    """A key of a struct."""

    key: str
    text: str
    shape: Shape
    default: Any


@dataclass(frozen=True)
class Struct:
    """An object of the file."""

    name: str
    text: str
    fields: tuple[Field, ...]


def model_structs() -> list[Struct]:
    """All structs of `model.json`, those that others use first; `ModelSpec` is the last."""
    definitions = model_json_schema()["$defs"]
    made: dict[str, Struct] = {}

    def add(name: str) -> None:
        if name in made:
            return
        definition, texts = definitions[name], texts_of(name)
        fields = []
        for key, value in definition["properties"].items():
            for used in _uses(value):
                add(used)
            default = value.get("default", MISSING)
            fields.append(Field(key, texts.get(key, ""), _shape(key, value), default))
        made[name] = Struct(name, " ".join(definition["description"].split()), tuple(fields))

    add("ModelSpec")
    return list(made.values())


def fields_of(name: str) -> tuple[Field, ...]:
    """The keys of the struct of that name."""
    return next(struct.fields for struct in model_structs() if struct.name == name)


def camel(key: str) -> str:
    """A key as most languages spell names: `min_face_size` -> `minFaceSize`."""
    first, *rest = key.split("_")
    return first + "".join(part.title() for part in rest)


def model_choices(structs: list[Struct]) -> list[Choice]:
    """The enums that the structs use, by name."""
    found = set()
    for shape in (field.shape for struct in structs for field in struct.fields):
        while isinstance(shape, Maybe | Many | Keyed):
            shape = shape.of
        if isinstance(shape, Choice):
            found.add(shape)
    return sorted(found, key=lambda choice: choice.name)


def write_or_check(doc: str | None, files: dict[Path, Callable[[], str | bytes]]) -> int:
    """The command of a generator: write its files, or with `--check` say which are stale."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--check", action="store_true", help="only say whether files are stale")
    check = parser.parse_args().check
    stale = {path: made for path, make in files.items() if _old(path) != (made := _bytes(make()))}
    for path, made in stale.items():
        if check:
            sys.stderr.write(f"{path}: stale, run the command without --check\n")
            continue
        with replacing(path) as partial:
            partial.write_bytes(made)
    return int(check and bool(stale))


def _old(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _bytes(made: str | bytes) -> bytes:
    return made if isinstance(made, bytes) else made.encode()


def _shape(key: str, value: dict[str, Any]) -> Shape:
    """The shape of one JSON Schema; raises KeyError for what the schema does not use."""
    if "$ref" in value:
        return Ref(value["$ref"].rsplit("/", 1)[1])
    if "anyOf" in value:
        return Maybe(_shape(key, value["anyOf"][0]))
    if "enum" in value:
        if value["enum"] == [3]:
            return Number(whole=True, least=3, above=False, most=3)
        return Choice(_choice_name(key, value["enum"]), tuple(value["enum"]))
    match value["type"]:
        case "string":
            return Text(value.get("minLength", 0), value.get("pattern"))
        case "integer" | "number" as kind:
            above = value.get("exclusiveMinimum")
            least = value.get("minimum") if above is None else above
            return Number(kind == "integer", least, above is not None, value.get("maximum"))
        case "array" if "prefixItems" in value:
            return Many(_shape(key, value["prefixItems"][0]), len(value["prefixItems"]))
        case "array":
            return Many(_shape(key, value["items"]), None)
    return Keyed(_shape(key, value["additionalProperties"]))


def _choice_name(key: str, values: list[str]) -> str:
    """The name that mf2_edge/bundle/model_schema.py gives to a set of values, or else the key's."""
    for name, literal in vars(model_schema).items():
        if get_origin(literal) is not None and set(get_args(literal)) == set(values):
            return name
    return key.title().replace("_", "")


def _uses(value: Any) -> list[str]:
    """Names of the structs that a JSON Schema refers to."""
    if isinstance(value, dict):
        found = [value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else []
        return found + [name for part in value.values() for name in _uses(part)]
    return [name for part in value for name in _uses(part)] if isinstance(value, list) else []


def texts_of(name: str) -> dict[str, str]:
    """The string under each key of a struct."""
    [body] = ast.parse(textwrap.dedent(inspect.getsource(getattr(model_schema, name)))).body
    assert isinstance(body, ast.ClassDef)
    texts = {}
    for key, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name):
            match text:
                case ast.Expr(value=ast.Constant(value=str(said))):
                    texts[key.target.id] = " ".join(said.split())
    return texts
