"""An `.mlpackage` as one file: a zip that comes out byte for byte the same each time.

Core ML's `.mlpackage` is a folder. A bundle holds it as `<name>.mlpackage.zip`, because everything
that reads bundles then keeps one rule: a file has a size and a sha256, which any machine's own
tools can check, and no byte is parsed before. A hash over a tree would need an algorithm of our
own in every binding. Entries are stored uncompressed (weights hardly shrink, and the bytes then
depend on no zlib), sorted, dated 1980. A double click in Finder, or `mf2-edge export --format
mlpackage`, gives the folder that Xcode takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID, uuid5
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from exporters.errors import ConversionError
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

SUFFIX: Final = ".mlpackage.zip"

MODEL: Final = "com.apple.CoreML/model.mlmodel"
WEIGHTS: Final = "com.apple.CoreML/weights/weight.bin"
"""Places below `Data/`."""

_NAMESPACE: Final = UUID("2f3b1c34-64f5-5d1b-9d62-6a1f6e0f8f6d")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def taken_apart(model: Any) -> tuple[Any, bytes]:
    """The specification and the weights of a model of coremltools, without the day it was made."""
    ct = require("coremltools", extra="export")
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.mlpackage"
        model.save(str(raw))
        spec = ct.utils.load_spec(str(raw))
        weights = (raw / "Data" / WEIGHTS).read_bytes()
    spec.description.metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    return spec, weights


def zip_package(path: Path, model: bytes, weights: bytes) -> None:
    """Write the package of a serialised model and its weights as a zip at `path`."""
    folder = path.name.removesuffix(".zip")
    entries = {
        f"{folder}/Manifest.json": _manifest(),
        f"{folder}/Data/{MODEL}": model,
        f"{folder}/Data/{WEIGHTS}": weights,
    }
    with replacing(path) as partial, ZipFile(partial, "w", ZIP_STORED) as archive:
        for name, data in sorted(entries.items()):
            entry = ZipInfo(name, date_time=_EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on any Unix
            archive.writestr(entry, data)


def unzip_package(path: Path, folder: Path) -> Path:
    """Unpack a zip of `zip_package` into `folder`; returns the `.mlpackage`.

    Raises ConversionError if it is none.
    """
    package = folder / path.name.removesuffix(".zip")
    try:
        with ZipFile(path) as archive:
            archive.extractall(folder)
    except (BadZipFile, OSError) as error:
        raise ConversionError(f"{path.name} is no zip of an .mlpackage: {error}") from error
    if not (package / "Data" / MODEL).is_file():
        raise ConversionError(f"{path.name} holds no {package.name}/Data/{MODEL}")
    return package


def _manifest() -> bytes:
    """The package's table of contents; coremltools would write random identifiers."""
    items = {}
    for place, name, what in (
        (MODEL, "model.mlmodel", "CoreML Model Specification"),
        (str(Path(WEIGHTS).parent), "weights", "CoreML Model Weights"),
    ):
        items[str(uuid5(_NAMESPACE, place))] = {
            "author": "com.apple.CoreML",
            "description": what,
            "name": name,
            "path": place,
        }
    contents = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": dict(sorted(items.items())),
        "rootModelIdentifier": str(uuid5(_NAMESPACE, MODEL)),
    }
    return json.dumps(contents, indent=4).encode() + b"\n"
