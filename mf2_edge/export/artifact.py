"""Writes artifacts of a bundle to a folder that an app takes as it is.

Bundles hold models that are converted and compared already, so this only checks and copies. The
folder is a bundle of its own, which the SDK and every binding open and `mf2-edge verify` checks:

    manifest.json         that of the bundle, with the exported artifacts alone
    model.json            what the binding of the platform reads of it
    MODEL                 each as the platform's tools take it: an `.mlpackage` is unpacked
    goldens.npz           recorded results of each stage
    labels.json           labels of each head in the order of its logits
    LICENSE, NOTICE       of the weights; of what else is in the folder
    yunet_n,              what finds faces, where the platform's binding reads it from here
    blazeface_short_range
    SHA256SUMS            of all files, as `sha256sum --check` reads it
    code/                 the binding of the platform, and a file that opens the model with it
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile, ZipFile

import msgspec

from mf2_edge.bundle.loader import MANIFEST, MODEL, SUMS, Bundle
from mf2_edge.bundle.manifest import dump_manifest
from mf2_edge.bundle.model_json import model_of
from mf2_edge.errors import BundleError, OutputError
from mf2_edge.export.code import binding_files, copy_files, example
from mf2_edge.export.platforms import PLATFORMS, choose_export, choose_platform, source_folder
from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.io.atomic import exchange, replacing
from mf2_edge.io.outputs import check_outputs

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Delegate, Manifest, Precision

CODE: Final = "code"
_SUM: Final = re.compile(r"([0-9a-f]{64})  (.+)")
_DETECTORS: Final = Path(__file__).parents[1] / "detectors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to export of a bundle, and for whom. None of each is chosen by the platform."""

    kinds: tuple[str, ...] = ()
    """Formats, keys of `FORMATS`."""
    platform: str | None = None
    """A key of `PLATFORMS`."""
    precision: Precision | None = None
    delegate: Delegate | None = None
    code: bool = True
    """Whether to write `code/`."""


def export_bundle(bundle: Bundle, folder: Path, choice: Choice) -> list[Path]:
    """Write the artifacts chosen into `folder`, as above; returns the files and folders written.

    What an earlier export wrote there is replaced.

    Raises BundleError, which lists what there is, if the bundle holds no such artifact, or the
    platform's binding does not run it; ChecksumError if a file is damaged; OutputError if a file
    of another origin, or that was changed since, would be replaced; it or another OSError if the
    folder cannot be written.
    """
    platform = choose_platform(choice.platform, choice.kinds)
    kinds = choice.kinds or PLATFORMS[platform].formats[:1]
    artifacts = [
        choose_export(bundle.manifest, kind, platform, choice.precision, choice.delegate)
        for kind in kinds
    ]
    manifest = msgspec.structs.replace(
        bundle.manifest,
        artifacts=tuple(msgspec.structs.replace(a, file=Path(a.file).name) for a in artifacts),
    )
    texts = _texts(bundle, manifest)
    copies = _copies(platform)
    if choice.code:
        name, code = example(manifest, artifacts[0], platform)
        texts[f"{CODE}/{name}"] = code.encode()
        copies |= {f"{CODE}/{name}": path for name, path in binding_files(platform).items()}
    models = {Path(each.file).name: bundle.read(each) for each in artifacts}
    goldens = {each.file: bundle.read(each) for each in manifest.goldens}
    names = (*models, *goldens, *texts, *copies, SUMS)
    check_outputs((folder / name for name in names), bundle.files())
    _check_replaced(folder, {**models, **goldens, **texts}, copies)

    written: list[str] = []
    for name, data in models.items():
        if name.endswith(".mlpackage.zip"):
            written += _unpack(data, name, folder)
        else:
            _write(folder / name, data)
            written.append(name)
    for name, data in {**goldens, **texts}.items():
        _write(folder / name, data)
    copy_files(copies, folder)
    listed = [*written, *goldens, *texts, *copies]
    _write(folder / SUMS, _sums(folder, listed))
    return [folder / top for top in dict.fromkeys(Path(name).parts[0] for name in [*listed, SUMS])]


def _check_replaced(folder: Path, new: Mapping[str, bytes], copies: Mapping[str, Path]) -> None:
    """Refuse to replace what neither an earlier export wrote nor this one would write alike."""
    earlier = _read_sums(folder / SUMS)
    for name in (*new, *copies):
        place = folder / name.removesuffix(".zip")
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            below = path.relative_to(folder).as_posix()
            if not path.is_file() or earlier.get(below) == (found := _digest(path)):
                continue
            wanted = new[name] if name in new else copies[name].read_bytes()
            if place.is_dir():
                wanted = _packed(wanted, below)
            if found != sha256(wanted).hexdigest():
                raise OutputError(
                    f"{path}: exists, and no export wrote it as it is; expected another folder, "
                    "or that it be moved first"
                )


def _packed(data: bytes, name: str) -> bytes:
    """A file in a zip; empty if there is none."""
    with suppress(BadZipFile, KeyError), ZipFile(BytesIO(data)) as archive:
        return archive.read(name)
    return b""


def _read_sums(path: Path) -> dict[str, str]:
    """SHA-256 of the files of an earlier export; of none if there was none.

    Raises OutputError for a file of that name that lists something else.
    """
    if not path.is_file():
        return {}
    lines = path.read_bytes().decode(errors="replace").split("\n")
    listed = {found[2]: found[1] for found in map(_SUM.fullmatch, lines) if found}
    if MANIFEST not in listed:
        raise OutputError(f"{path}: exists, and is of no export; expected another folder")
    return listed


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _texts(bundle: Bundle, manifest: Manifest) -> dict[str, bytes]:
    data = dump_manifest(manifest)
    texts = {
        MANIFEST: data,
        MODEL: model_of(manifest, data),
        "labels.json": _labels(manifest).encode(),
        "NOTICE": source_folder("NOTICE").read_bytes(),
    }
    if (bundle.path / "LICENSE").is_file():
        texts["LICENSE"] = (bundle.path / "LICENSE").read_bytes()
    return texts


def _copies(platform: str) -> dict[str, Path]:
    """The detectors, by their names in the folder."""
    if not PLATFORMS[platform].detectors:
        return {}
    files = (path for path in sorted(_DETECTORS.rglob("*")) if path.is_file())
    return {path.relative_to(_DETECTORS).as_posix(): path for path in files}


def _labels(manifest: Manifest) -> str:
    """Labels of each output in the order of its logits, Action Units with their FACS names."""
    labels: dict[str, object] = {head.name: list(head.labels) for head in manifest.heads}
    units = manifest.head("action_units").labels
    labels["action_units"] = {label: ACTION_UNIT_NAMES[label] for label in units}
    labels["experimental"] = list(manifest.experimental)
    return json.dumps(labels, indent=2, ensure_ascii=False) + "\n"


def _unpack(data: bytes, file: str, folder: Path) -> list[str]:
    """Unzip the one folder that an archive holds; it takes the place of an older one."""
    package = folder / file.removesuffix(".zip")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{package.name}.", dir=folder) as staging:
        try:
            with ZipFile(BytesIO(data)) as archive:
                archive.extractall(staging)
            (Path(staging) / package.name / "Manifest.json").stat()
        except (BadZipFile, FileNotFoundError) as error:
            raise BundleError(f"{file}: not a zip of {package.name} ({error})") from error
        new = Path(staging) / package.name
        if not package.exists() or not exchange(new, package):
            if package.exists():
                package.rename(Path(staging) / "old")
            new.rename(package)
    found = (path for path in sorted(package.rglob("*")) if path.is_file())
    return [path.relative_to(folder).as_posix() for path in found]


def _sums(folder: Path, names: Sequence[str]) -> bytes:
    lines = (f"{_digest(folder / name)}  {name}\n" for name in names)
    return "".join(sorted(lines, key=lambda line: line[66:])).encode()


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(data)
