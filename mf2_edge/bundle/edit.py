"""Edits of the manifest of a bundle that exists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.manifest import SCHEMA_VERSION, parse_manifest
from mf2_edge.bundle.schema import Manifest
from mf2_edge.io.atomic import replacing


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> Manifest:
    """Change the manifest in `folder` and write it atomically; returns the new manifest.

    change: edits the decoded JSON in place. Keys that it leaves alone keep their values and their
    order; `schema_version` becomes that of this release.

    Raises BundleError if `folder` is no bundle, ManifestError if the change is not valid; the file
    then stays as it was.
    """
    load_bundle(folder)
    path = folder / MANIFEST
    raw: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    change(raw)
    raw["schema_version"] = SCHEMA_VERSION
    data = msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"
    manifest = parse_manifest(data, source=str(path))
    with replacing(path) as partial:
        partial.write_bytes(data)
    return manifest
