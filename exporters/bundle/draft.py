"""What to make, and the manifest as far as it is known before anything was exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from exporters.bundle.metadata import About
from exporters.bundle.provenance import trace
from exporters.formats.coreml.convert import DEFAULT_IOS, minimum_systems
from exporters.formats.spec import ExportFormat
from mf2_edge.bundle.manifest import SCHEMA_VERSION
from mf2_edge.bundle.schema import (
    AccuracySpec,
    ArtifactSpec,
    CalibrationSpec,
    CardSpec,
    DataTerms,
    HeadName,
    HeadSpec,
    InputSpec,
    LicenseSpec,
    Manifest,
    SizeSpec,
    TeacherSpec,
    VectorSpec,
)

if TYPE_CHECKING:
    from distill.config import Recipe
    from distill.training.checkpoint import Checkpoint

OUTPUTS: Final[tuple[HeadName, HeadName]] = ("emotion", "action_units")
"""Heads in the order in which every network of `distill` returns their logits."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to make a bundle from."""

    checkpoint: Path
    """File of `distill.training.checkpoint.save_network`."""
    integers: Path | None
    """The same network in 8-bit integers, of `python -m distill quantize`; for int8 files."""
    formats: tuple[ExportFormat, ...]
    """In the order in which the manifest lists them."""
    about: About
    calibration: CalibrationSpec
    accuracy: tuple[AccuracySpec, ...]
    faces: Path | None
    """Store of real faces for the parity gate; None compares on synthetic pictures."""
    teacher: TeacherSpec | None = None
    """What the teacher reached; `exporters.bundle.add_teacher.load_teacher`."""
    ios: str | None = None
    """Oldest iOS for Core ML, instead of the one in `about`."""
    partial: bool = False
    """Whether operators may stay outside a delegate."""


def draft_manifest(order: Order, checkpoint: Checkpoint) -> Manifest:
    """The manifest of `order`, its artifacts without size, hash and parity."""
    from distill.networks.export_net import embedding_widths
    from distill.networks.size import network_size

    recipe, about = checkpoint.recipe, order.about
    size = network_size(checkpoint.network, recipe.alignment)
    emotion, action_units = OUTPUTS
    packages = (package for row in order.formats for package in row.packages)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name=about.name,
        version=about.version,
        description=about.description,
        license=LicenseSpec(
            name=about.license.name,
            summary=about.license.summary,
            data=taught_by(recipe),
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
        vectors=tuple(
            VectorSpec(name=name, output=place, width=width)
            for place, (name, width) in enumerate(
                embedding_widths(checkpoint.network).items(), start=len(OUTPUTS)
            )
        ),
        calibration=order.calibration,
        decoding=about.decoding,
        artifacts=tuple(_artifact(order, row) for row in order.formats),
        provenance=trace(order.checkpoint, checkpoint, about.backbone, packages),
        size=SizeSpec(parameters=size.parameters, multiply_adds=size.macs),
        accuracy=order.accuracy,
        teacher=order.teacher,
        card=CardSpec(
            intended_use=about.intended_use,
            misuse=about.misuse,
            limits=(about.training, *about.limits),
        ),
    )


def taught_by(recipe: Recipe) -> tuple[DataTerms, ...]:
    """The data that the recipe learns from, and their terms; not those that only judge."""
    return tuple(
        DataTerms(name=data.title, terms=data.terms)
        for data in recipe.data.values()
        if not data.eval_only
    )


def _artifact(order: Order, row: ExportFormat) -> ArtifactSpec:
    minimum_os = order.about.minimum_os.get(row.format, {})
    if "coreml" in (row.format, row.delegate):
        ios = order.ios or order.about.minimum_os.get("coreml", {}).get("ios", DEFAULT_IOS)
        minimum_os = minimum_systems(ios, row.precision)
    stem = "-".join(filter(None, (order.about.name, row.precision, row.variant)))
    return ArtifactSpec(
        file=f"{stem}{row.suffix}",
        format=row.format,
        precision=row.precision,
        layout=row.layout,
        input=row.input,
        door=row.door,
        delegate=row.delegate,
        bytes=1,
        sha256="0" * 64,
        minimum_os=minimum_os,
    )
