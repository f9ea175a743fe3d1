"""Export of a bundle: convert, compare, record goldens, write the card, verify the whole."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from exporters.bundle.convert import Conversion, convert
from exporters.bundle.draft import ExportRequest, draft_manifest
from exporters.bundle.model_card import license_text, model_card
from exporters.bundle.staging import new_folder
from exporters.checks.agreement import Agreement, compare_all
from exporters.checks.faces import FaceSet, load_faces, synthetic_faces
from exporters.checks.goldens import golden_faces, write_goldens
from exporters.checks.parity import check_parity, make_reference
from exporters.checks.run import run_artifact
from exporters.errors import ExportError, PackError, RefusedError
from mf2_edge.bundle.loader import MANIFEST, Bundle, load_bundle
from mf2_edge.bundle.manifest import dump_manifest, parse_manifest
from mf2_edge.bundle.schema import ArtifactSpec, FileSpec, Manifest
from mf2_edge.bundle.write import write_manifest
from mf2_edge.verify import Outcome, verify_bundle

if TYPE_CHECKING:
    from torch import nn

    from exporters.checks.parity import Reference
    from mf2_edge.bundle.schema import PreprocessingSpec

GOLDENS: Final = "goldens.npz"


@dataclass(frozen=True, slots=True)
class ExportedArtifact:
    """An artifact that passed the parity check, as in the manifest, and how it was converted."""

    artifact: ArtifactSpec
    conversion: Conversion


@dataclass(frozen=True, slots=True)
class ExportedBundle:
    """Artifacts, and the differences between the int8 ones."""

    artifacts: tuple[ExportedArtifact, ...]
    agreements: tuple[Agreement, ...]


def export_bundle(request: ExportRequest, out: Path) -> ExportedBundle:
    """Write the bundle of `request` to the folder `out`; returns what was exported.

    `out` appears whole at the end, with everything verified. If anything fails it does not appear,
    and a bundle that was there before stays as it was.

    Raises CheckpointError, RefusedError with the fate of each artifact if one cannot be converted
    or fails the parity gate, another ExportError (ParityError, PackError), or ManifestError where
    the parts contradict each other.
    """
    from distill.training.checkpoint import load_network

    if out.name != request.metadata.name:
        raise PackError(
            f"the bundle is named {request.metadata.name} but its folder {out.name}; expected the "
            f"same: change the folder, or pass --name {out.name}"
        )
    checkpoint = load_network(request.checkpoint)
    draft = draft_manifest(request, checkpoint)
    # Contradictions show before minutes are spent on conversions.
    parse_manifest(dump_manifest(draft), source=MANIFEST)
    faces = _faces(request.faces, draft.input.width, draft.input.height)

    steps = 2 * len(request.formats) + 3
    with new_folder(out, MANIFEST, "bundle") as folder, tqdm(total=steps, unit="step") as progress:
        progress.set_description("running the network")
        network = checkpoint.export_network()
        references = _references(request, network, faces, draft.preprocessing)
        progress.update()
        exported, agreements = _export_artifacts(request, draft, references, folder, progress)
        progress.set_description("recording goldens")
        integers = _integer_goldens(folder, draft, exported)
        write_goldens(folder / GOLDENS, network, draft, integers)
        manifest = msgspec.structs.replace(
            draft,
            artifacts=tuple(each.artifact for each in exported),
            goldens=(_recorded(folder, GOLDENS),),
        )
        card = model_card(request.metadata, manifest, agreements)
        (folder / "README.md").write_text(card, encoding="utf-8")
        (folder / "LICENSE").write_text(license_text(request.metadata, manifest), encoding="utf-8")
        progress.update()
        progress.set_description("verifying")
        _verify(_write(folder, manifest))
        progress.update()
    return ExportedBundle(tuple(exported), tuple(agreements))


def _export_artifacts(
    request: ExportRequest,
    draft: Manifest,
    references: dict[bool, Reference],
    folder: Path,
    progress: tqdm[object],
) -> tuple[list[ExportedArtifact], list[Agreement]]:
    """Convert and compare every artifact, past those that fail; raises RefusedError if one did.

    Those for a phone's own delegate are converted only.
    """
    exported: list[ExportedArtifact] = []
    outputs_of: dict[str, list[NDArray[np.float32]]] = {}
    failed: dict[str, str] = {}
    for row, drafted in zip(request.formats, draft.artifacts, strict=True):
        try:
            progress.set_description(f"converting to {drafted.file}")
            integers = row.precision == "int8"
            weights = request.integers if integers and request.integers else request.checkpoint
            conversion = convert(
                weights, row.export, draft, drafted, folder, partial=request.partial
            )
            progress.update()
            progress.set_description(f"comparing {drafted.file}")
            file = _recorded(folder, drafted.file)
            artifact = msgspec.structs.replace(drafted, bytes=file.bytes, sha256=file.sha256)
            bundle = _write(folder, msgspec.structs.replace(draft, artifacts=(artifact,)))
            if artifact.delegate is None:
                parity, outputs = check_parity(bundle, artifact, references[integers])
                artifact = msgspec.structs.replace(artifact, parity=parity)
                if integers:
                    outputs_of[artifact.file] = outputs
            exported.append(ExportedArtifact(artifact, conversion))
            progress.update()
        except ExportError as error:
            failed[drafted.file] = str(error)
    if failed:
        raise RefusedError([each.artifact.file for each in exported], failed)
    return exported, compare_all(draft, outputs_of)


def _integer_goldens(
    folder: Path, draft: Manifest, exported: list[ExportedArtifact]
) -> dict[str, list[NDArray[np.float32]]]:
    """Outputs of the first int8 artifact of each format for the goldens' faces, by format."""
    outputs_of: dict[str, list[NDArray[np.float32]]] = {}
    for artifact in (each.artifact for each in exported):
        if artifact.precision == "int8" and artifact.format not in outputs_of:
            bundle = _write(folder, msgspec.structs.replace(draft, artifacts=(artifact,)))
            faces = golden_faces(draft.alignment)
            outputs_of[artifact.format] = run_artifact(bundle, artifact, faces)[0]
    return outputs_of


def _references(
    request: ExportRequest, network: nn.Module, faces: FaceSet, spec: PreprocessingSpec
) -> dict[bool, Reference]:
    """What files are compared with, by whether they are of integers.

    Raises PackError if int8 is requested and there is no network in integers.
    """
    floats = "the PyTorch network it was exported from, fp32"
    if not any(row.precision == "int8" for row in request.formats):
        return {False: make_reference(network, floats, faces, spec)}
    if request.integers is None or not request.integers.is_file():
        raise PackError(
            f"int8 needs the network in integers, and there is no {request.integers}: make it "
            "with `python -m distill quantize`, or say where it is with --integers"
        )
    from distill.training.checkpoint import load_integers

    integers = load_integers(request.integers)  # refused before minutes are spent on comparisons
    words = "the PyTorch network of 8-bit integers it was exported from"
    return {
        False: make_reference(network, floats, faces, spec),
        True: make_reference(integers, words, faces, spec),
    }


def _faces(store: Path | None, width: int, height: int) -> FaceSet:
    return synthetic_faces(width, height) if store is None else load_faces(store, width, height)


def _recorded(folder: Path, file: str) -> FileSpec:
    data = (folder / file).read_bytes()
    return FileSpec(file=file, bytes=len(data), sha256=sha256(data).hexdigest())


def _write(folder: Path, manifest: Manifest) -> Bundle:
    """Write the manifest and read the bundle back as a user would."""
    write_manifest(folder, dump_manifest(manifest))
    return load_bundle(folder)


def _verify(bundle: Bundle) -> None:
    # What no Python runtime runs was skipped; the parity gate has run it by other means.
    # Those for a phone's own delegate are marked as not run.
    unseen = {
        f"model {a.file}"
        for a in bundle.manifest.artifacts
        if a.format == "coreml" or a.delegate is not None
    }
    bad = [
        check
        for check in verify_bundle(bundle)
        if check.outcome is Outcome.FAILED
        or (check.outcome is Outcome.SKIPPED and check.name not in unseen)
    ]
    if bad:
        found = "; ".join(f"{check.name}: {check.outcome} ({check.detail})" for check in bad)
        raise PackError(f"the finished bundle does not verify: {found}")
