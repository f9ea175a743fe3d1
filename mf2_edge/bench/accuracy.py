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
    value: float
    points_lost: float | None
    """Teacher less artifact, in points of 100; None where the teacher was not measured so."""
    precision: Precision | None = None
    """In which the network was measured, where that is not the artifact's own."""


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

    Where there is neither, that of the network in another precision, which the result names. The
    measurements are those of any precision, so that all artifacts have the same columns.
    """
    of_file = [each for a in manifest.artifacts if a.file == file for each in a.accuracy]
    others = {_what(a): a for a in reversed(manifest.accuracy)}
    found = {_what(a): a for a in manifest.accuracy if a.precision == precision}
    found |= {_what(a): a for a in of_file}
    taught = {_what(a): a for a in manifest.teacher.accuracy} if manifest.teacher else {}
    judged = []
    for what in dict.fromkeys(map(_what, manifest.accuracy)):
        spec = found.get(what, others[what])
        other = None if what in found else spec.precision
        lost = _lost(spec, taught.get(what))
        judged.append(Judged(_name(what), spec.value, lost, other))
    return tuple(judged)


def _what(spec: AccuracySpec) -> tuple[str, str, str, str, int]:
    """Two figures may be compared if all of this is the same."""
    return spec.dataset, spec.split, spec.protocol, spec.metric, spec.n


def _name(what: tuple[str, str, str, str, int]) -> str:
    dataset, split, _, metric, n = what
    return f"{dataset}, {split}: {metric} (n = {n:,})"


def _lost(spec: AccuracySpec, taught: AccuracySpec | None) -> float | None:
    return None if taught is None else (taught.value - spec.value) * 100
