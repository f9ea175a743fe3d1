"""Reading, checking and writing the manifest of a bundle, the only place of facts about a model.

`parse_manifest` turns the bytes of a `manifest.json` into a `Manifest` (see `schema.py`, key by
key) or says in a `ManifestError` what is wrong, and where.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mf2_edge.bundle.contradictions import contradictions, paths_that_leave
from mf2_edge.bundle.json_reading import SCHEMA_VERSION as SCHEMA_VERSION
from mf2_edge.bundle.json_reading import dump_struct, read_struct
from mf2_edge.bundle.model_json import derive_model
from mf2_edge.bundle.schema import Activation, HeadName, Manifest
from mf2_edge.errors import ManifestError

_ACTIVATIONS: Final[dict[HeadName, Activation]] = {
    "emotion": "softmax",
    "action_units": "sigmoid",
    "strength": "sigmoid",
    "visibility": "sigmoid",
}


def parse_manifest(data: bytes, *, source: str) -> Manifest:
    """Read a manifest from JSON bytes; `source` (a path) is named in errors.

    Raises ManifestError: not JSON, a missing, unknown, repeated or ill-typed key (with its JSON
    path), another major schema, or parts that contradict each other.
    """
    manifest = read_struct(data, Manifest, source=source)
    if problems := list(_contradictions(manifest)):
        raise ManifestError(f"{source}: " + "; ".join(problems))
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON ending in a newline; `parse_manifest` gives it back equal."""
    return dump_struct(manifest)


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """Those of what phones read, and of what stands in the manifest alone."""
    yield from contradictions(derive_model(manifest, manifest_sha256="0" * 64))
    for head in manifest.heads:
        if head.activation != (expected := _ACTIVATIONS[head.name]):
            yield f"$.heads ({head.name}): activation {head.activation!r}; expected {expected!r}"
    yield from paths_that_leave(golden.file for golden in manifest.goldens)
