"""Hands an artifact of a bundle to an app: the model, its labels, its licence, and code to paste.

Bundles hold models that are converted and compared already, so this only checks and copies.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile, ZipFile

from mf2_edge.bundle.loader import MANIFEST, Bundle
from mf2_edge.errors import BundleError
from mf2_edge.export.snippet import code_name, snippet
from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.io.atomic import replacing
from mf2_edge.io.outputs import check_outputs

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, Delegate, Manifest, Precision

FORMATS: Final[dict[str, ArtifactFormat]] = {
    "pte": "executorch",
    "mlpackage": "coreml",
    "tflite": "tflite",
    "onnx": "onnx",
}
"""By the suffix that developers know a format by."""


def export_artifact(
    bundle: Bundle,
    kind: str,
    folder: Path,
    precision: Precision | None = None,
    delegate: Delegate | None = None,
) -> list[Path]:
    """Copy the artifact of `kind` (a key of `FORMATS`) into `folder`; returns what was written.

    The model as the platform's tools take it (an `.mlpackage` is unpacked), `labels.json`, the
    manifest, the weights' `LICENSE` if the bundle holds one, and a source file that runs the
    model. Files of these names that lie there are replaced. None takes the first precision listed.
    Models with int8 inputs and outputs are not handed out: the code fills them with floats.

    Raises BundleError, which lists what there is, if the bundle holds no such artifact;
    ChecksumError if it is damaged; OutputError or another OSError if the folder cannot be written.
    """
    artifact = _select(bundle, kind, precision, delegate)
    names = (Path(artifact.file).name, "labels.json", MANIFEST, "LICENSE", code_name(artifact))
    check_outputs((folder / name for name in names), bundle.files())
    data = bundle.read(artifact)
    if kind == "mlpackage":
        model = _unpack(data, artifact.file, folder)
    else:
        model = folder / Path(artifact.file).name
        _write(model, data)
    labels, card = folder / "labels.json", folder / MANIFEST
    _write(labels, _labels(bundle.manifest).encode())
    _write(card, (bundle.path / MANIFEST).read_bytes())
    name, code = snippet(bundle.manifest, artifact, model.name)
    _write(folder / name, code.encode())
    written = [model, labels, card, folder / name]
    if (bundle.path / "LICENSE").is_file():
        _write(folder / "LICENSE", (bundle.path / "LICENSE").read_bytes())
        written.append(folder / "LICENSE")
    return written


def _select(
    bundle: Bundle, kind: str, precision: Precision | None, delegate: Delegate | None
) -> ArtifactSpec:
    names = {form: name for name, form in FORMATS.items()}
    artifacts = [a for a in bundle.manifest.artifacts if a.io_dtype == "float32"]
    for artifact in artifacts:
        fits = (names[artifact.format], artifact.delegate) == (kind, delegate)
        if fits and precision in (None, artifact.precision):
            return artifact
    held = ", ".join(
        f"{names[a.format]} {a.precision}{f' for {a.delegate}' if a.delegate else ''}"
        for a in artifacts
    )
    raise BundleError(
        f"bundle {bundle.manifest.name} {bundle.manifest.version} holds no {kind}"
        f"{f' for {delegate}' if delegate else ''}"
        f"{f' of precision {precision}' if precision else ''}; it holds: {held}. Choose one of "
        "these, or another bundle; docs/export.md of the repository tells how one is made"
    )


def _labels(manifest: Manifest) -> str:
    """Labels of each output in the order of its logits, Action Units with their FACS names."""
    units = manifest.head("action_units").labels
    labels = {
        "emotion": list(manifest.head("emotion").labels),
        "action_units": {label: ACTION_UNIT_NAMES[label] for label in units},
    }
    return json.dumps(labels, indent=2, ensure_ascii=False) + "\n"


def _unpack(data: bytes, file: str, folder: Path) -> Path:
    """Unzip the one folder that an archive holds; it takes the place of an older one."""
    package = folder / Path(file).name.removesuffix(".zip")
    if package.exists() and not (package / "Manifest.json").is_file():
        raise BundleError(f"{package} exists and is no .mlpackage; expected another folder")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{package.name}.", dir=folder) as staging:
        try:
            with ZipFile(BytesIO(data)) as archive:
                archive.extractall(staging)
            (Path(staging) / package.name / "Manifest.json").stat()
        except (BadZipFile, FileNotFoundError) as error:
            raise BundleError(f"{file}: not a zip of {package.name} ({error})") from error
        if package.exists():
            package.rename(Path(staging) / "old")
        (Path(staging) / package.name).rename(package)
    return package


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(data)
