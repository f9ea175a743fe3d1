"""Slices: the same faces under worse conditions, through detection, alignment and the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from distill.datasets import LabelledFace
from distill.evaluation.artifact import Artifact, ArtifactFile, open_file
from distill.evaluation.metrics.intervals import mean, share
from distill.evaluation.reports.schema import SliceFigures, SliceReport
from distill.evaluation.robustness.corruptions import CONDITIONS, Condition, Pixels, cover_band
from distill.faces.pictures import Pictures
from distill.faces.resumable import fill_rows, fingerprint
from mf2_edge.bundle.schema import AlignmentSpec, Manifest
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.types import Detection, Status

_UNALIGNED, _ALIGNED = 0.0, 1.0
_DONE: Final = 1


@dataclass(frozen=True)
class SlicedPart:
    """Faces of a data set whose source pictures are read, and their labels [n]."""

    title: str
    split: str
    root: Path
    faces: tuple[LabelledFace, ...]
    labels: NDArray[np.int64]


def slice_report(
    part: SlicedPart, which: ArtifactFile, scratch: Path, seed: int, workers: int
) -> SliceReport:
    """Evaluate every condition on every face; a killed run goes on from a file in `scratch`."""
    values = _run_all(part, which, scratch, workers)
    manifest = open_file(which).analyzer.bundle.manifest
    emotions = len(manifest.head("emotion").labels)
    clean = values[:, 0]
    right = clean[:, :emotions].argmax(axis=1) == part.labels
    evaluated = []
    for place, condition in enumerate(CONDITIONS, start=1):
        seen = ~np.isnan(values[:, place, 0])
        if seen.any():
            evaluated.append(
                _judge(
                    condition,
                    values[seen, place],
                    clean[seen],
                    part.labels[seen],
                    manifest,
                    seed,
                )
            )
    return SliceReport(
        dataset=part.title,
        split=part.split,
        n=len(part.faces),
        clean=share(right),
        conditions=tuple(evaluated),
    )


def _run_all(
    part: SlicedPart,
    which: ArtifactFile,
    scratch: Path,
    workers: int,
) -> NDArray[np.float32]:
    """[n, 1 + conditions, emotions + units + 1]: logits, and whether landmarks were found.

    The first is the face as it is. NaN where a condition does not apply to a face.
    """
    artifact = open_file(which)
    manifest = artifact.analyzer.bundle.manifest
    width = len(manifest.head("emotion").labels) + len(manifest.head("action_units").labels) + 1
    conditions = [(condition.name, condition.what) for condition in CONDITIONS]
    key = fingerprint(
        artifact.analyzer.artifact.sha256,
        part.root,
        conditions,
        *(face.identity for face in part.faces),
    )
    filled = fill_rows(
        _run_one,
        [(which, part.root, face) for face in part.faces],
        scratch / f"slices-{key}.npy",
        shape=(1 + len(CONDITIONS), width),
        dtype=np.float32,
        workers=workers,
        title=f"slices of {part.title}",
    )
    return np.array(filled.values)


def _run_one(job: tuple[ArtifactFile, Path, LabelledFace]) -> tuple[NDArray[np.float32], int]:
    which, root, face = job
    artifact, picture = open_file(which), _pictures(root).read(face)
    found = artifact.find(picture)
    clean = _see(artifact, picture, found)
    worse = [_under(condition, artifact, picture, found) for condition in CONDITIONS]
    missing = np.full_like(clean, np.nan)
    return np.stack([clean, *(missing if one is None else one for one in worse)]), _DONE


def _under(
    condition: Condition, artifact: Artifact, picture: Pixels, found: Detection
) -> NDArray[np.float32] | None:
    """One face under one condition, `found` without it; None where that would change nothing."""
    if condition.cover is not None:
        return _see(artifact, picture, found, condition.cover)
    assert condition.change is not None  # a condition has one of the two
    changed = condition.change(picture, found.box)
    return None if changed is None else _see(artifact, changed, artifact.find(changed))


def _see(
    artifact: Artifact,
    picture: Pixels,
    found: Detection,
    cover: Callable[[AlignmentSpec], tuple[float, float]] | None = None,
) -> NDArray[np.float32]:
    """Logits, and whether there were landmarks to align by."""
    aligned, status = artifact.analyzer.align(picture, found)
    if cover is not None:
        aligned = cover_band(aligned, *cover(artifact.analyzer.bundle.manifest.alignment))
    mark = _UNALIGNED if status is Status.UNALIGNED else _ALIGNED
    return np.append(artifact.run(aligned), np.float32(mark))


def _judge(
    condition: Condition,
    values: NDArray[np.float32],
    clean: NDArray[np.float32],
    labels: NDArray[np.int64],
    manifest: Manifest,
    seed: int,
) -> SliceFigures:
    """One condition against the same faces as they are, both [n, emotions + units + 1]."""
    emotions = len(manifest.head("emotion").labels)
    right = values[:, :emotions].argmax(axis=1) == labels
    right_before = clean[:, :emotions].argmax(axis=1) == labels
    now = decisions(manifest, values[:, emotions:-1])
    before = decisions(manifest, clean[:, emotions:-1])
    # A face without any unit has none to keep.
    count = np.where(before.any(axis=1), before.sum(axis=1), np.nan)
    return SliceFigures(
        condition=condition.name,
        what=condition.what,
        n=len(labels),
        accuracy=share(right),
        lost=mean(right_before.astype(np.float64) - right, seed),
        unaligned=round(float((values[:, -1] == _UNALIGNED).mean()), 4),
        units_agree=mean((now == before).mean(axis=1), seed),
        units_kept=mean((now & before).sum(axis=1) / count, seed),
    )


def decisions(manifest: Manifest, units: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which units are present, bool [n, units], by their logits."""
    return unit_scores(manifest, units) >= 0.5


def unit_scores(manifest: Manifest, units: NDArray[np.float32]) -> NDArray[np.float64]:
    """Calibrated scores, [n, units], as the SDK's decoder makes them of logits."""
    outputs = [units] * (1 + max(head.output for head in manifest.heads))
    for head in manifest.heads:
        if head.name != "action_units":
            outputs[head.output] = np.zeros((len(units), len(head.labels)), dtype=np.float32)
    return Decoder(manifest).scores(outputs).action_units


@cache
def _pictures(root: Path) -> Pictures:
    return Pictures(root)
