"""Makes a bundle: convert, compare, record, describe, and verify the whole as a user would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from tqdm import tqdm

from exporters.about import About
from exporters.errors import PackError
from exporters.export import FORMATS, OUTPUTS, Conversion, convert
from exporters.faces import FaceSet, load_faces, synthetic_faces
from exporters.goldens import write_goldens
from exporters.model_card import license_text, model_card
from exporters.parity import make_reference, measure_parity
from exporters.provenance import trace
from exporters.spec import ExportFormat
from exporters.staging import new_bundle_folder
from mf2_edge.bundle import MANIFEST, Bundle, load_bundle
from mf2_edge.manifest import SCHEMA_VERSION, dump_manifest, parse_manifest
from mf2_edge.schema import (
    AccuracySpec,
    ArtifactSpec,
    CalibrationSpec,
    CardSpec,
    DataTerms,
    FileSpec,
    HeadSpec,
    InputSpec,
    LicenseSpec,
    Manifest,
)
from mf2_edge.verify import Outcome, verify_bundle

if TYPE_CHECKING:
    from distill.checkpoint import Checkpoint
    from distill.judging.report import Evaluation

GOLDENS: Final = "goldens.npz"


@dataclass(frozen=True, slots=True)
class Order:
    """What to make a bundle from."""

    checkpoint: Path
    """File of `distill.checkpoint.save_network`."""
    formats: tuple[str, ...]
    """Keys of `FORMATS`, in the order in which the manifest lists them."""
    about: About
    calibration: CalibrationSpec
    accuracy: tuple[AccuracySpec, ...]
    faces: Path | None
    """Store of real faces for the parity gate; None compares on synthetic pictures."""
    evaluation: Evaluation | None = None
    """What `distill evaluate --bundle` found on an export of this network, for the model card."""


def make_bundle(order: Order, out: Path) -> list[tuple[ArtifactSpec, Conversion]]:
    """Write the bundle of `order` to the folder `out`; returns each artifact and how it was made.

    `out` appears whole at the end, with everything verified. If anything fails it does not appear,
    and a bundle that was there before stays as it was.

    An evaluation is of a file that was exported before: the same version, and the same bytes.
    Conversion to TFLite by the same tools gives the same bytes again.

    Raises CheckpointError, ExportError (ParityError, ConversionError, PackError), or ManifestError
    where the parts contradict each other.
    """
    from distill.checkpoint import load_network

    if out.name != order.about.name:
        raise PackError(
            f"the bundle is named {order.about.name} but its folder {out.name}; expected the same: "
            f"change the folder, or pass --name {out.name}"
        )
    if order.evaluation is not None:
        _check_evaluation(order.evaluation, order.about)
    checkpoint = load_network(order.checkpoint)
    formats = {name: FORMATS[name] for name in order.formats}
    draft = _draft(order, checkpoint, formats.values())
    # Contradictions show before minutes are spent on conversions.
    parse_manifest(dump_manifest(draft), source=MANIFEST)
    size = draft.input
    faces = _faces(order.faces, size.width, size.height)

    with new_bundle_folder(out) as folder, tqdm(total=len(formats) + 4, unit="step") as progress:
        conversions = []
        for name, row in formats.items():
            progress.set_description(f"converting to {name}")
            conversions.append(convert(order.checkpoint, row.export, folder / _file(draft, row)))
            progress.update()
        progress.set_description("running the network")
        reference = make_reference(checkpoint.network, faces, draft.preprocessing)
        progress.update()
        progress.set_description("comparing")
        artifacts = tuple(_measured(folder, artifact) for artifact in draft.artifacts)
        if order.evaluation is not None:
            _check_file(order.evaluation, artifacts)
        bundle = _write(folder, msgspec.structs.replace(draft, artifacts=artifacts))
        artifacts = tuple(
            msgspec.structs.replace(a, parity=measure_parity(bundle, a, reference))
            for a in artifacts
        )
        progress.update()
        progress.set_description("recording goldens")
        write_goldens(folder / GOLDENS, checkpoint.network, draft)
        goldens = (_recorded(folder, GOLDENS),)
        manifest = msgspec.structs.replace(draft, artifacts=artifacts, goldens=goldens)
        card = model_card(order.about, manifest, order.evaluation)
        (folder / "README.md").write_text(card, encoding="utf-8")
        (folder / "LICENSE").write_text(license_text(order.about, manifest), encoding="utf-8")
        progress.update()
        progress.set_description("verifying")
        _verify(_write(folder, manifest))
        progress.update()
    return list(zip(artifacts, conversions, strict=True))


def _check_evaluation(evaluation: Evaluation, about: About) -> None:
    found = f"{evaluation.bundle} {evaluation.version}"
    expected = f"{about.name} {about.version}"
    if found != expected:
        raise PackError(
            f"the evaluation is of {found}, the bundle is {expected}; expected the same: measure "
            "an export of this version with `python -m distill evaluate --bundle`"
        )


def _check_file(evaluation: Evaluation, artifacts: Iterable[ArtifactSpec]) -> None:
    made = {artifact.file: artifact.sha256 for artifact in artifacts}
    if evaluation.sha256 not in made.values():
        raise PackError(
            f"the evaluation is of a file with sha256 {evaluation.sha256}, which is none of "
            f"{', '.join(made)} as exported now; measure what was exported: make the bundle "
            "without --evaluation, run `distill evaluate --bundle` on it, and export again"
        )


def _draft(order: Order, checkpoint: Checkpoint, formats: Iterable[ExportFormat]) -> Manifest:
    """The manifest as far as it is known before anything was exported."""
    recipe, about = checkpoint.recipe, order.about
    emotion, action_units = OUTPUTS
    formats = list(formats)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=about.name,
        version=about.version,
        description=about.description,
        license=LicenseSpec(
            name=about.license.name,
            summary=about.license.summary,
            data=tuple(DataTerms(name=d.title, terms=d.terms) for d in recipe.data.values()),
        ),
        input=InputSpec(
            width=recipe.alignment.width, height=recipe.alignment.height, channels=3, color="rgb"
        ),
        alignment=recipe.alignment,
        preprocessing=recipe.preprocessing,
        heads=(
            HeadSpec(name=emotion, output=0, activation="softmax", labels=recipe.emotions),
            HeadSpec(name=action_units, output=1, activation="sigmoid", labels=recipe.action_units),
        ),
        calibration=order.calibration,
        decoding=about.decoding,
        artifacts=(),
        provenance=trace(checkpoint, about.backbone, (p for row in formats for p in row.packages)),
        accuracy=order.accuracy,
        card=CardSpec(intended_use=about.intended_use, misuse=about.misuse, limits=about.limits),
    )
    artifacts = tuple(
        ArtifactSpec(
            file=_file(manifest, row),
            format=row.format,
            precision=row.precision,
            layout=row.layout,
            bytes=1,
            sha256="0" * 64,
            minimum_os=about.minimum_os.get(row.format, {}),
        )
        for row in formats
    )
    return msgspec.structs.replace(manifest, artifacts=artifacts)


def _file(manifest: Manifest, row: ExportFormat) -> str:
    return f"{manifest.name}-{row.precision}{row.suffix}"


def _faces(store: Path | None, width: int, height: int) -> FaceSet:
    return synthetic_faces(width, height) if store is None else load_faces(store, width, height)


def _measured(folder: Path, artifact: ArtifactSpec) -> ArtifactSpec:
    """The artifact with the size and hash of its file."""
    file = _recorded(folder, artifact.file)
    return msgspec.structs.replace(artifact, bytes=file.bytes, sha256=file.sha256)


def _recorded(folder: Path, file: str) -> FileSpec:
    data = (folder / file).read_bytes()
    return FileSpec(file=file, bytes=len(data), sha256=sha256(data).hexdigest())


def _write(folder: Path, manifest: Manifest) -> Bundle:
    """Write the manifest and read the bundle back as a user would."""
    (folder / MANIFEST).write_bytes(dump_manifest(manifest))
    return load_bundle(folder)


def _verify(bundle: Bundle) -> None:
    failed = [check for check in verify_bundle(bundle) if check.outcome is not Outcome.OK]
    if failed:
        found = "; ".join(f"{check.name}: {check.outcome} ({check.detail})" for check in failed)
        raise PackError(f"the finished bundle does not verify: {found}")
