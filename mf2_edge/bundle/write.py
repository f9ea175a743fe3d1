"""Writes the manifest of a bundle and the `model.json` that is derived from it, always together.

    python -m mf2_edge.bundle.write [--check] FOLDER...

writes `model.json` anew from the manifest in each folder; `--check` changes nothing and exits with
1 if one is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mf2_edge.bundle.loader import MANIFEST, MODEL
from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.bundle.model_json import model_of
from mf2_edge.bundle.schema import Manifest
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.arguments import path_argument
from mf2_edge.io.atomic import replacing


def write_manifest(folder: Path, data: bytes) -> Manifest:
    """Write `manifest.json` with these bytes, and `model.json`; returns the manifest.

    Raises ManifestError if it is not valid; both files then stay as they were.
    """
    manifest = parse_manifest(data, source=str(folder / MANIFEST))
    model = model_of(manifest, data)
    for name, content in ((MANIFEST, data), (MODEL, model)):
        with replacing(folder / name) as partial:
            partial.write_bytes(content)
    return manifest


def is_fresh(folder: Path) -> bool:
    """Whether the `model.json` of a bundle is the one that its manifest gives."""
    data = (folder / MANIFEST).read_bytes()
    model = model_of(parse_manifest(data, source=str(folder / MANIFEST)), data)
    return (folder / MODEL).is_file() and (folder / MODEL).read_bytes() == model


def main() -> int:
    """Run the command; returns the exit code: 2 for a folder that is no bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=path_argument, nargs="+", metavar="FOLDER")
    parser.add_argument("--check", action="store_true", help="only say which files are stale")
    options = parser.parse_args()
    try:
        stale = [folder for folder in options.folders if not is_fresh(folder)]
        for folder in stale:
            if options.check:
                sys.stderr.write(f"{folder / MODEL}: stale, run the command without --check\n")
            else:
                write_manifest(folder, (folder / MANIFEST).read_bytes())
    except (Mf2EdgeError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return int(options.check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
