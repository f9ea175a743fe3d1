"""Accuracy of the very artifact, and the points it loses against the teacher; from the manifest."""

from __future__ import annotations

from dataclasses import dataclass

from mf2_edge.bench.report import Model
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import AccuracySpec, ArtifactSpec, Manifest, Precision


@dataclass(frozen=True, slots=True)
class Judged:
    """One figure of the manifest for one artifact."""

    name: str
    """Data set, part and metric."""
    value: float | None
    """None where neither the artifact nor the network in its precision was measured."""
    points_lost: float | None
    """Teacher less artifact, in points of 100; None where the teacher was not measured so."""


def model_of(bundle: Bundle, artifact: ArtifactSpec) -> Model:
    """The artifact as reports name it."""
    manifest = bundle.manifest
    return Model(
        bundle=manifest.name,
        version=manifest.version,
        bundle_sha256=bundle.manifest_sha256,
        format=artifact.format,
        precision=artifact.precision,
        file=artifact.file,
        sha256=artifact.sha256,
        bytes=artifact.bytes,
    )


def accuracy_of(manifest: Manifest, file: str | None, precision: Precision) -> tuple[Judged, ...]:
    """Every measurement of the manifest, in its order: of the file, else of its precision.

    The measurements are those of any precision, so that all artifacts have the same columns.
    """
    names = dict.fromkeys(map(_what, manifest.accuracy))
    of_file = [each for a in manifest.artifacts if a.file == file for each in a.accuracy]
    found = {_what(a): a for a in manifest.accuracy if a.precision == precision}
    found |= {_what(a): a for a in of_file}
    taught = {_what(a): a for a in manifest.teacher.accuracy} if manifest.teacher else {}
    return tuple(
        Judged(_name(what), _value(found.get(what)), _lost(found.get(what), taught.get(what)))
        for what in names
    )


def _what(spec: AccuracySpec) -> tuple[str, str, str, str, int]:
    """Two figures may be compared if all of this is the same."""
    return spec.dataset, spec.split, spec.protocol, spec.metric, spec.n


def _name(what: tuple[str, str, str, str, int]) -> str:
    dataset, split, _, metric, n = what
    return f"{dataset}, {split}: {metric} (n = {n:,})"


def _value(spec: AccuracySpec | None) -> float | None:
    return None if spec is None else spec.value


def _lost(spec: AccuracySpec | None, taught: AccuracySpec | None) -> float | None:
    return None if spec is None or taught is None else (taught.value - spec.value) * 100
