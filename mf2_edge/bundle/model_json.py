"""`model.json`: what a phone reads of a bundle, derived from its manifest.

Provenance, accuracy and cards stay in `manifest.json`; an app needs neither the file nor a reader
of it. `write.py` writes both.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, TypeVar

import msgspec

from mf2_edge.bundle.contradictions import contradictions
from mf2_edge.bundle.json_reading import dump_struct, read_struct
from mf2_edge.bundle.model_schema import (
    ActionUnitCalibration,
    AlignmentSpec,
    ArtifactSpec,
    CalibrationSpec,
    EmotionCalibration,
    HeadSpec,
    InputSpec,
    ModelSpec,
    Spec,
    VisibilityCalibration,
)
from mf2_edge.bundle.schema import Manifest
from mf2_edge.errors import ManifestError

P = TypeVar("P", bound=Spec)


def derive_model(manifest: Manifest, *, manifest_sha256: str) -> ModelSpec:
    """What phones read of a manifest; `manifest_sha256` is that of its bytes."""
    units, strength = (
        {label: _part(ActionUnitCalibration, unit) for label, unit in entries.items()}
        for entries in (manifest.calibration.action_units, manifest.calibration.strength)
    )
    return ModelSpec(
        schema_version=manifest.schema_version,
        name=manifest.name,
        version=manifest.version,
        license=manifest.license.summary,
        manifest_sha256=manifest_sha256,
        input=_part(InputSpec, manifest.input),
        alignment=_part(AlignmentSpec, manifest.alignment),
        preprocessing=manifest.preprocessing,
        heads=tuple(_part(HeadSpec, head) for head in manifest.heads),
        embeddings=manifest.embeddings,
        calibration=CalibrationSpec(
            emotion=_part(EmotionCalibration, manifest.calibration.emotion),
            action_units=units,
            strength=strength,
            visibility={
                label: _part(VisibilityCalibration, region)
                for label, region in manifest.calibration.visibility.items()
            },
        ),
        decoding=manifest.decoding,
        smoothing=manifest.smoothing,
        artifacts=tuple(_part(ArtifactSpec, artifact) for artifact in manifest.artifacts),
        reliability=manifest.reliability,
        experimental=manifest.experimental,
    )


def model_of(manifest: Manifest, data: bytes) -> bytes:
    """The bytes of the `model.json` beside a manifest whose bytes are `data`."""
    return dump_struct(derive_model(manifest, manifest_sha256=sha256(data).hexdigest()))


def parse_model(data: bytes, *, source: str) -> ModelSpec:
    """Read a `model.json`; `source` (a path) is named in errors.

    Every binding gives the same verdicts. Raises ManifestError as `parse_manifest` does.
    """
    model = read_struct(data, ModelSpec, source=source)
    if problems := list(contradictions(model)):
        raise ManifestError(f"{source}: " + "; ".join(problems))
    return model


def model_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `model.json`, from which bindings generate their types."""
    return msgspec.json.schema(ModelSpec)


def _part(kind: type[P], whole: P) -> P:
    """Those fields of a part of the manifest that phones read."""
    return kind(**{name: getattr(whole, name) for name in kind.__struct_fields__})
