"""The request for a bundle, and its manifest as far as it is known before the export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.bundle.metadata import Metadata, card_spec
from exporters.bundle.provenance import make_provenance
from exporters.formats.coreml.convert import lowest_ios, minimum_systems
from exporters.formats.spec import ExportFormat
from mf2_edge.bundle.manifest import SCHEMA_VERSION
from mf2_edge.bundle.schema import (
    AccuracySpec,
    ArtifactSpec,
    CalibrationSpec,
    EmbeddingSpec,
    HeadSpec,
    InputSpec,
    LicenseSpec,
    Manifest,
    ReliabilitySpec,
    TeacherSpec,
)

if TYPE_CHECKING:
    from distill.training.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What a bundle is exported from."""

    checkpoint: Path
    """File of `distill.training.checkpoint.save_network`."""
    integers: Path | None
    """The same network in 8-bit integers, of `python -m distill quantize`; for int8 files."""
    formats: tuple[ExportFormat, ...]
    """In the order in which the manifest lists them."""
    metadata: Metadata
    calibration: CalibrationSpec
    accuracy: tuple[AccuracySpec, ...]
    faces: Path | None
    """Store of real faces for the parity gate; None compares on synthetic pictures."""
    teacher: TeacherSpec | None = None
    """Accuracy of the teacher; `exporters.bundle.update.load_teacher`."""
    reliability: ReliabilitySpec | None = None
    """F1 and recall of each label, in the laboratory and in the world."""
    ios: str | None = None
    """Oldest iOS for Core ML; None takes the lowest that the precision allows."""
    partial: bool = False
    """Whether operators may stay outside a delegate."""


def draft_manifest(request: ExportRequest, checkpoint: Checkpoint) -> Manifest:
    """The manifest of `request`, its artifacts without size, hash and parity."""
    metadata, alignment = request.metadata, checkpoint.alignment
    packages = (package for row in request.formats for package in row.packages)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=metadata.name,
        version=metadata.version,
        description=metadata.description,
        license=LicenseSpec(
            name=metadata.license.name,
            summary=metadata.license.summary,
            data=checkpoint.data_terms,
        ),
        input=InputSpec(width=alignment.width, height=alignment.height, channels=3, color="rgb"),
        alignment=alignment,
        preprocessing=checkpoint.preprocessing,
        heads=tuple(
            HeadSpec(
                name=head.name, output=head.place, activation=head.activation, labels=head.labels
            )
            for head in checkpoint.outputs
        ),
        embeddings=tuple(
            EmbeddingSpec(name=name, output=place, width=width)
            for place, (name, width) in enumerate(
                checkpoint.embeddings.items(), start=len(checkpoint.outputs)
            )
        ),
        calibration=request.calibration,
        decoding=metadata.decoding,
        artifacts=tuple(_artifact(request, row) for row in request.formats),
        provenance=make_provenance(request.checkpoint, checkpoint, metadata.backbone, packages),
        size=checkpoint.size,
        accuracy=request.accuracy,
        reliability=request.reliability,
        experimental=metadata.experimental,
        teacher=request.teacher,
        card=card_spec(metadata),
    )


def _artifact(request: ExportRequest, row: ExportFormat) -> ArtifactSpec:
    stem = "-".join(filter(None, (request.metadata.name, row.precision, row.variant)))
    return ArtifactSpec(
        file=f"{stem}{row.suffix}",
        format=row.format,
        precision=row.precision,
        layout=row.layout,
        input=row.input,
        io_dtype=row.io_dtype,
        delegate=row.delegate,
        bytes=1,
        sha256="0" * 64,
        minimum_os=_minimum_os(request, row),
    )


def _minimum_os(request: ExportRequest, row: ExportFormat) -> dict[str, str]:
    """Oldest systems that run a file of `row`: those of its operations, and of its runtime."""
    of_runtime = request.metadata.minimum_os.get(row.format, {})
    if "coreml" not in (row.format, row.delegate):
        return of_runtime
    systems = minimum_systems(request.ios or lowest_ios(row.precision), row.precision)
    if float(systems["ios"]) < float(of_runtime.get("ios", 0)):
        return minimum_systems(of_runtime["ios"], row.precision)
    return systems
