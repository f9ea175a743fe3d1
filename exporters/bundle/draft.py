"""The request for a bundle, and its manifest as far as it is known before the export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporters.bundle.metadata import Metadata, card_spec
from exporters.bundle.provenance import make_provenance
from exporters.formats.coreml.convert import DEFAULT_IOS, minimum_systems
from exporters.formats.spec import ExportFormat
from mf2_edge.bundle.manifest import SCHEMA_VERSION
from mf2_edge.bundle.schema import (
    AccuracySpec,
    ArtifactSpec,
    CalibrationSpec,
    DataTerms,
    EmbeddingSpec,
    HeadName,
    HeadSpec,
    InputSpec,
    LicenseSpec,
    Manifest,
    SizeSpec,
    TeacherSpec,
)

if TYPE_CHECKING:
    from distill.config import Recipe
    from distill.training.checkpoint import Checkpoint

OUTPUTS: Final[tuple[HeadName, HeadName]] = ("emotion", "action_units")
"""Heads in the order in which every network of `distill` returns their logits."""


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
    ios: str | None = None
    """Oldest iOS for Core ML, instead of the one in `metadata`."""
    partial: bool = False
    """Whether operators may stay outside a delegate."""


def draft_manifest(request: ExportRequest, checkpoint: Checkpoint) -> Manifest:
    """The manifest of `request`, its artifacts without size, hash and parity."""
    from distill.networks.export_net import embedding_widths
    from distill.networks.size import network_size

    recipe, metadata = checkpoint.recipe, request.metadata
    size = network_size(checkpoint.network, recipe.alignment)
    emotion, action_units = OUTPUTS
    packages = (package for row in request.formats for package in row.packages)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=metadata.name,
        version=metadata.version,
        description=metadata.description,
        license=LicenseSpec(
            name=metadata.license.name,
            summary=metadata.license.summary,
            data=training_data(recipe),
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
        embeddings=tuple(
            EmbeddingSpec(name=name, output=place, width=width)
            for place, (name, width) in enumerate(
                embedding_widths(checkpoint.network).items(), start=len(OUTPUTS)
            )
        ),
        calibration=request.calibration,
        decoding=metadata.decoding,
        artifacts=tuple(_artifact(request, row) for row in request.formats),
        provenance=make_provenance(request.checkpoint, checkpoint, metadata.backbone, packages),
        size=SizeSpec(parameters=size.parameters, multiply_adds=size.macs),
        accuracy=request.accuracy,
        teacher=request.teacher,
        card=card_spec(metadata),
    )


def training_data(recipe: Recipe) -> tuple[DataTerms, ...]:
    """The data sets that the recipe trains on, with their terms."""
    return tuple(
        DataTerms(name=data.title, terms=data.terms)
        for data in recipe.data.values()
        if not data.eval_only
    )


def _artifact(request: ExportRequest, row: ExportFormat) -> ArtifactSpec:
    minimum_os = request.metadata.minimum_os.get(row.format, {})
    if "coreml" in (row.format, row.delegate):
        ios = request.ios or request.metadata.minimum_os.get("coreml", {}).get("ios", DEFAULT_IOS)
        minimum_os = minimum_systems(ios, row.precision)
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
        minimum_os=minimum_os,
    )
