"""Cases for a binding's reader of `model.json`: sound ones, and every way of being wrong.

    python -m bindings.model_cases OUT.json

writes a list of {"text": of the file, "valid": verdict of the SDK}. A binding accepts what is valid
and answers the rest with its ManifestError; the number of other verdicts is what the stage
`manifest` of its report counts. Cases are changes of the shipped file, seeded.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mf2_edge.bundle.loader import MODEL, load_bundle
from mf2_edge.bundle.model_json import parse_model
from mf2_edge.errors import ManifestError
from mf2_edge.io.atomic import replacing

CHANGED: Final = 300
"""Files with one random change each."""

TRUNCATED: Final = 20

STRANGE: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    1.5,
    3,
    10**9,
    "",
    "x",
    "AU12",
    "../x",
    [],
    [1],
    {},
    {"x": 1},
)

PICKED: Final[tuple[tuple[tuple[str | int, ...], Any], ...]] = (
    (("schema_version",), "3.0"),
    (("schema_version",), "1.1"),
    (("schema_version",), "1"),
    (("schema_version",), "2.99"),
    (("input", "width"), 96),
    (("preprocessing", "std"), [1, 0, 1]),
    (("heads", 0, "output"), 1),
    (("heads", 1, "labels", 0), "AU99"),
    (("heads", 1, "labels", 0), "AU2"),
    (("license",), ""),
    (("manifest_sha256",), "A" * 64),
    (("heads", 0, "name"), "action_units"),
    (("alignment", "points"), {"right_eye": [1, 1]}),
    (("alignment", "points"), {"right_eye": [1, 1], "left_eye": [1, 1]}),
    (("alignment", "points", "chin"), [1, 2]),
    (("artifacts",), []),
    (("artifacts", 0, "file"), "../model.tflite"),
    (("artifacts", 0, "file"), "/model.tflite"),
    (("artifacts", 0, "file"), "a//b.tflite"),
    (("artifacts", 0, "file"), "c:model.tflite"),
    (("artifacts", 0, "file"), "folder/model.tflite"),
    (("artifacts", 0, "sha256"), "A" * 64),
    (("artifacts", 0, "input"), "image"),
    (("artifacts", 0, "minimum_os"), {"ios": "17.0", "android": "26", "macos": "14.0.1"}),
    (("artifacts", 0, "minimum_os"), {}),
    (("artifacts", 0, "minimum_os"), {"ios": 17}),
    (("artifacts", 0, "minimum_os"), {"ios": "17."}),
    (("artifacts", 0, "minimum_os"), {"ios": "17.0\n"}),
    (("artifacts", 0, "minimum_os"), {"ios": "12345"}),
    (("artifacts", 0, "minimum_os"), {"ios": "\u0661\u0667"}),
    (("artifacts", 0, "minimum_os"), {"ios": "1.2.3.4"}),
    (("artifacts", 1, "format"), "tflite"),
    (("embeddings",), [{"name": "embedding", "output": 2, "width": 8}]),
    (("embeddings",), [{"name": "embedding", "output": 1, "width": 8}]),
    (("unheard_of",), 1),
)
"""Places and new values: what parts of the file can say against each other."""


REPEATED: Final = (
    ('"name":', '"name": "other", "name":'),
    ('"output": 0,', '"output": 0, "outp\\u0075t": 0,'),
    ('"AU1": {', '"AU1": {"scale": 1, "bias": 0}, "AU1": {'),
    ('"temperature":', '"temperature": {"a": 1, "a": 2}, "temperature":'),
)
"""A key, and the same key twice: readers of JSON differ in which of the two they take."""


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    with replacing(options.out) as partial:
        partial.write_text(json.dumps(model_cases()))
    return 0


def model_cases() -> list[dict[str, Any]]:
    """The cases, the same at every call."""
    text = (load_bundle(None).path / MODEL).read_text()
    sound = json.loads(text)
    draw = random.Random(0)  # noqa: S311 - cases, not secrets
    texts = [text, "", "null", "[]", '"2.0"', "{}", '{"schema_version": "2.0"}', "{" * 100]
    texts += [json.dumps(_put(sound, where, value)) for where, value in PICKED]
    texts += [text.replace(once, twice, 1) for once, twice in REPEATED]
    texts += [text[: draw.randrange(len(text))] for _ in range(TRUNCATED)]
    texts += [changed(sound, draw) for _ in range(CHANGED)]
    return [judged(each) for each in texts]


def changed(sound: Any, draw: random.Random) -> str:
    """The text of the file with one part replaced, left out or renamed."""
    return json.dumps(_changed(sound, draw.choice(list(_places(sound))), draw))


def judged(text: str) -> dict[str, Any]:
    """A case: the text, and whether the SDK accepts it."""
    return {"text": text, "valid": _is_valid(text)}


def _is_valid(text: str) -> bool:
    try:
        parse_model(text.encode(), source="case")
    except ManifestError:
        return False
    return True


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every part of a JSON value, its root left out."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        yield (*path, key)
        if isinstance(part, dict | list):
            yield from _places(part, (*path, key))


def _changed(sound: Any, path: tuple[str | int, ...], draw: random.Random) -> Any:
    """One part replaced, or left out, or (in an object) under another name."""
    kind = draw.random()
    if kind < 0.6:
        return _put(sound, path, draw.choice(STRANGE))
    made = copy.deepcopy(sound)
    parent = _at(made, path[:-1])
    part = parent.pop(path[-1])
    if kind > 0.8 and isinstance(parent, dict):
        parent[f"{path[-1]}_"] = part
    return made


def _put(sound: Any, path: tuple[str | int, ...], value: Any) -> Any:
    made = copy.deepcopy(sound)
    _at(made, path[:-1])[path[-1]] = value
    return made


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


if __name__ == "__main__":
    raise SystemExit(main())
