"""The goldens for the Swift tests, which read no .npz: one flat file and its table of contents.

    python -m bindings.swift.fixtures

writes into Tests/Fixtures, which git ignores, goldens.bin (little-endian, C order) and
goldens.json: for each array its shape, its kind ("u8", "f32" or "f64") and its place in bytes; and
manifests.json, `model.json` of the default bundle and the cases of bindings/model_cases.py as
changes of it. They are made anew from the bundle that ships before the package is tested.
"""

from __future__ import annotations

import argparse
import json
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bindings.goldens import PATH
from bindings.model_cases import model_cases
from mf2_edge.bundle.loader import MODEL, load_bundle
from mf2_edge.io.atomic import replacing

FOLDER: Final = Path(__file__).parent / "Tests" / "Fixtures"
KINDS: Final = {"uint8": "u8", "bool": "u8", "float32": "f32", "float64": "f64", "int64": "f64"}
LAYOUTS: Final = {"u8": "|u1", "f32": "<f4", "f64": "<f8"}


def arrays() -> Iterator[tuple[str, NDArray[Any]]]:
    """Name and content of each array."""
    bundle = load_bundle(None)
    with np.load(PATH, allow_pickle=False) as goldens:
        for name in goldens.files:
            yield f"stages/{name}", goldens[name]
    with np.load(bundle.path / "goldens.npz", allow_pickle=False) as goldens:
        yield "aligned", goldens["aligned"][:1]
        yield "preprocess", goldens["preprocess"][:1]
        for name in ("emotion_logits", "au_logits", "emotion_scores", "au_scores"):
            yield name, goldens[name]
        for name in goldens.files:
            if name.startswith("smooth/"):
                yield name, goldens[name]
        for name in ("tolerance/preprocess", "tolerance/decode", "tolerance/smooth"):
            yield name, goldens[name]


def flat() -> tuple[bytes, str]:
    """goldens.bin and goldens.json."""
    data, contents = bytearray(), {}
    for name, array in arrays():
        kind = KINDS[array.dtype.name]
        contents[name] = {"shape": list(array.shape), "kind": kind, "at": len(data)}
        data += np.ascontiguousarray(array).astype(LAYOUTS[kind]).tobytes()
    return bytes(data), json.dumps(contents, indent=1) + "\n"


def cases() -> str:
    """manifests.json: for each case a text, and how many bytes of its two ends the case keeps."""
    told = (load_bundle(None).path / MODEL).read_text()
    texts = (told, json.dumps(json.loads(told)))
    rows = []
    for case in model_cases():
        found = [_change(text, case["text"]) | {"of": place} for place, text in enumerate(texts)]
        rows.append(min(found, key=lambda row: len(row["middle"])) | {"valid": case["valid"]})
    return json.dumps({"texts": texts, "cases": rows}, indent=0) + "\n"


def _change(text: str, changed: str) -> dict[str, Any]:
    start = _alike(text, changed)
    end = _alike(text[start:][::-1], changed[start:][::-1])
    return {
        "start": len(text[:start].encode()),
        "end": len(text[len(text) - end :].encode()),
        "middle": changed[start : len(changed) - end],
    }


def _alike(one: str, other: str) -> int:
    """With how many equal letters both begin."""
    lengths = range(1, min(len(one), len(other)) + 1)
    return bisect_left(lengths, True, key=lambda length: one[:length] != other[:length])


def main() -> int:
    """Run the command; returns the exit code."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    write()
    return 0


def write() -> None:
    """Write the files into FOLDER."""
    data, contents = flat()
    files = {
        "goldens.bin": data,
        "goldens.json": contents.encode(),
        "manifests.json": cases().encode(),
    }
    FOLDER.mkdir(exist_ok=True)
    for name, made in files.items():
        with replacing(FOLDER / name) as partial:
            partial.write_bytes(made)


if __name__ == "__main__":
    raise SystemExit(main())
