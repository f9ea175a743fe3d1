"""What the teacher reached, for the manifest: points lost against it are told from there.

    python -m exporters.bundle.add_teacher BUNDLE... --teacher benchmarks/results/teacher.json

writes it into manifests that exist already, and changes nothing else in them but the schema
version; the model files and all other bytes stay as they are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from exporters.errors import PackError
from mf2_edge.bundle.loader import MANIFEST, load_bundle
from mf2_edge.bundle.manifest import SCHEMA_VERSION, parse_manifest
from mf2_edge.bundle.schema import AccuracySpec, TeacherSpec
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import replacing

_NETWORK: Final = "teacher"


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One network of the file that `python -m distill teacher` writes."""

    network: str
    views: int
    accuracy: tuple[AccuracySpec, ...]


def load_teacher(path: Path) -> TeacherSpec:
    """The teacher of a file of `python -m distill teacher`, in the most views, without labels.

    Raises PackError naming the file and what was expected.
    """
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=tuple[_Row, ...])
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: {error}; expected what `distill teacher` writes") from error
    found = [row for row in rows if row.network == _NETWORK]
    if not found:
        raise PackError(f"{path}: no row of the network {_NETWORK!r}; measure the teacher again")
    best = max(found, key=lambda row: row.views)
    accuracy = tuple(msgspec.structs.replace(spec, labels={}) for spec in best.accuracy)
    return TeacherSpec(name=f"the ensemble, {best.views} views", accuracy=accuracy)


def add_teacher(folder: Path, teacher: TeacherSpec) -> None:
    """Write `teacher` into the manifest in `folder`; raises BundleError if there is no valid one.

    The keys that are there keep their order, and every other byte stays.
    """
    load_bundle(folder)
    path = folder / MANIFEST
    raw: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    written = {"schema_version": SCHEMA_VERSION, "teacher": msgspec.to_builtins(teacher)}
    data = msgspec.json.format(msgspec.json.encode(raw | written), indent=2) + b"\n"
    parse_manifest(data, source=str(path))
    with replacing(path) as partial:
        partial.write_bytes(data)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, or 2 if a file could not be read or written."""
    parser = argparse.ArgumentParser(
        prog="python -m exporters.bundle.add_teacher", description=__doc__
    )
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="folders")
    parser.add_argument("--teacher", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        teacher = load_teacher(options.teacher)
        for folder in options.bundles:
            add_teacher(folder, teacher)
    except (Mf2EdgeError, PackError, OSError) as error:
        sys.stderr.write(f"exporters.bundle.add_teacher: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
