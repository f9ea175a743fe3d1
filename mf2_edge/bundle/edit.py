"""Edits of the manifest of a bundle that exists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.manifest import SCHEMA_VERSION
from mf2_edge.bundle.schema import Manifest
from mf2_edge.bundle.write import write_manifest


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], None]) -> Manifest:
    """Change the manifest in `folder`, and with it `model.json`; returns the new manifest.

    change: edits the decoded JSON in place. Keys that it leaves alone keep their values and their
    order; `schema_version` becomes that of this release.

    Raises BundleError if `folder` is no bundle, ManifestError if the change is not valid; the file
    then stays as it was.
    """
    load_bundle(folder)
    raw: dict[str, Any] = msgspec.json.decode((folder / MANIFEST).read_bytes())
    change(raw)
    raw["schema_version"] = SCHEMA_VERSION
    data = msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"
    return write_manifest(folder, data)
