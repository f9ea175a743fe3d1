"""A bundle: a folder with `manifest.json` and the files it vouches for.

No byte of a model is parsed before its size and sha256 are those that the manifest records.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.bundle.schema import Manifest
from mf2_edge.errors import BundleError, ChecksumError, ManifestError
from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.io.regular import is_folder, open_regular

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, FileSpec, Precision

DEFAULT_BUNDLE: Final = "mf2-edge-base"
"""Name of the bundle that `FaceStateAnalyzer()` loads."""

MANIFEST: Final = "manifest.json"

MODEL: Final = "model.json"
"""What phones read instead (model_json.py)."""

SUMS: Final = "SHA256SUMS"
"""What lists the files of a folder that `mf2-edge export` wrote."""

LARGEST_MANIFEST: Final = 4_000_000
"""Bytes; those that ship have some tens of thousands."""

_FAMILY: Final = "mf2-edge-"
"""What the names of all bundles that ship begin with."""

_SHIPPED: Final = Path(__file__).parents[1] / "bundles"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A folder whose manifest has been read and checked; its other files are not yet."""

    path: Path
    """The folder, resolved."""
    manifest: Manifest
    manifest_sha256: str
    """Of the bytes of `manifest.json`: names this very bundle in records."""

    def path_of(self, file: ArtifactSpec | FileSpec) -> Path:
        """Where a file of the manifest lies, once its size and sha256 have been checked.

        Raises BundleError if it is missing or leaves the folder, ChecksumError if it is damaged.
        """
        self.read(file)
        return self._inside(file.file)

    def read(self, file: ArtifactSpec | FileSpec) -> bytes:
        """The checked bytes of a file of the manifest; raises as `path_of`."""
        path = self._inside(file.file)
        try:
            with open_regular(path) as stream:
                found = os.fstat(stream.fileno()).st_size
                # Before memory is taken: a manifest may state any number.
                data = stream.read(file.bytes) if found == file.bytes else b""
        except OSError as error:
            raise BundleError(
                f"{path}: listed in {MANIFEST} but cannot be read ({error.strerror}); "
                "install the bundle again"
            ) from error
        if len(data) != file.bytes:
            raise ChecksumError(
                f"{path}: {found} bytes, expected {file.bytes}; install the bundle again"
            )
        digest = sha256(data).hexdigest()
        if digest != file.sha256:
            raise ChecksumError(
                f"{path}: sha256 is {digest}, expected {file.sha256}; the file is damaged, "
                "install the bundle again"
            )
        return data

    def files(self) -> list[Path]:
        """Where the files of the bundle lie, none of them checked."""
        listed: list[ArtifactSpec | FileSpec]
        listed = [*self.manifest.artifacts, *self.manifest.goldens]
        names = (MANIFEST, MODEL, "LICENSE", *(file.file for file in listed))
        return [self.path / name for name in names]

    def info(self) -> dict[str, Any]:
        """What the bundle is, ready for JSON: labels, reliability, licence, use, accuracy."""
        manifest = self.manifest
        return {
            "bundle": manifest.name,
            "version": manifest.version,
            "description": manifest.description,
            "path": str(self.path),
            "manifest_sha256": self.manifest_sha256,
            "emotions": list(manifest.head("emotion").labels),
            "action_units": {
                label: ACTION_UNIT_NAMES[label] for label in manifest.head("action_units").labels
            },
            "experimental": list(manifest.experimental),
            "reliability": _json_ready(manifest.reliability),
            "license": _json_ready(manifest.license),
            "size": _json_ready(manifest.size),
            "accuracy": _json_ready(manifest.accuracy),
            "card": _json_ready(manifest.card),
            "artifacts": _json_ready(manifest.artifacts),
            "provenance": _json_ready(manifest.provenance),
        }

    def select(
        self, artifact_format: ArtifactFormat, precision: Precision | None = None
    ) -> ArtifactSpec:
        """The artifact of a format and precision; None takes the first listed of the format.

        One for a phone's own delegate is left out: only a phone runs it.

        Raises BundleError, which lists what there is.
        """
        for artifact in self.manifest.artifacts:
            fits = artifact.format == artifact_format and artifact.delegate is None
            if fits and precision in (None, artifact.precision):
                return artifact
        held = ", ".join(f"{a.format} {a.precision}" for a in self.manifest.artifacts)
        raise BundleError(
            f"bundle {self.manifest.name} holds no {artifact_format} artifact"
            f"{f' of precision {precision}' if precision else ''}; it holds: {held}"
        )

    def _inside(self, file: str) -> Path:
        """The manifest refuses paths that leave the folder; this refuses links that do."""
        try:
            path = (self.path / file).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # links in a circle, NUL
            raise BundleError(f"{self.path / file}: leads nowhere ({error})") from error
        if not path.is_relative_to(self.path):
            raise BundleError(
                f"{self.path / file}: leads out of the bundle's folder, to {path}; "
                "expected a file inside it"
            )
        return path


def load_bundle(
    name_or_path: str | Path | None = None, *, sha256_of_manifest: str | None = None
) -> Bundle:
    """Read the manifest of a bundle: by the name of one that ships, or by its folder.

    None is the default bundle. `m` is `mf2-edge-m` where no folder has that name. Anything with a
    separator, and every `Path`, is a folder.
    `sha256_of_manifest` pins the bundle: the manifest vouches for every other file.

    Raises BundleError if there is none, ManifestError if its manifest is not valid, ChecksumError
    if it is another than the pinned one.
    """
    folder = _SHIPPED / DEFAULT_BUNDLE if name_or_path is None else _folder(name_or_path)
    file = folder / MANIFEST
    try:
        with open_regular(file) as stream:
            data = stream.read(LARGEST_MANIFEST + 1)
    except (OSError, ValueError) as error:
        said = f"{file}: cannot be read ({getattr(error, 'strerror', None) or error})"
        if folder.name == name_or_path and isinstance(error, FileNotFoundError):
            said = f"{folder}: no bundle of that name, and no folder with a {MANIFEST}"
        raise BundleError(
            f"{said}; expected a bundle's folder, or one of the "
            f"bundles that ship: {', '.join(list_bundles()) or 'none here'}"
        ) from error
    if len(data) > LARGEST_MANIFEST:
        raise ManifestError(f"{file}: longer than {LARGEST_MANIFEST:,} bytes; expected a manifest")
    digest = sha256(data).hexdigest()
    if sha256_of_manifest is not None and digest != sha256_of_manifest.lower():
        raise ChecksumError(
            f"{file}: sha256 is {digest}, pinned is {sha256_of_manifest}; expected the bundle that "
            "was pinned: it was changed, or pin the new one after a look at it"
        )
    return Bundle(folder.resolve(), parse_manifest(data, source=str(file)), digest)


def list_bundles() -> list[str]:
    """Names of the bundles that ship with the package, sorted."""
    return sorted(path.parent.name for path in _SHIPPED.glob(f"*/{MANIFEST}"))


def _json_ready(part: object) -> Any:
    """Structs as dicts and tuples as lists, as a reader of JSON would get them."""
    return msgspec.json.decode(msgspec.json.encode(part))


def _folder(name_or_path: str | Path) -> Path:
    path, shipped = Path(name_or_path), list_bundles()
    if name_or_path in shipped:
        return _SHIPPED / path
    short = f"{_FAMILY}{name_or_path}"
    if isinstance(name_or_path, str) and short in shipped and not is_folder(path):
        return _SHIPPED / short
    return path
