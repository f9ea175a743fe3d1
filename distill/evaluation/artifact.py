"""The exported file itself, run on faces through the SDK's own stages.

What is evaluated here is what a phone gets: the artifact, read by the runtime that reads it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.faces.augment import centre
from distill.faces.resumable import fill_rows, fingerprint
from distill.faces.store import FaceStore, load_store
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.bundle.schema import ArtifactSpec
from mf2_edge.errors import BundleError
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.runtime.select import engine_of
from mf2_edge.types import Box, Detection


@dataclass(frozen=True)
class ArtifactFile:
    """One model file of a bundle: the bundle's folder and the file's path in it."""

    bundle: Path
    file: str


@dataclass(frozen=True)
class Logits:
    """emotions float32 [n, emotions], units float32 [n, units], before any calibration."""

    emotions: NDArray[np.float32]
    units: NDArray[np.float32]


class Artifact:
    """An open model file."""

    def __init__(self, which: ArtifactFile) -> None:
        """Raises BundleError if the file is missing, RuntimeUnavailableError without an engine."""
        bundle = load_bundle(which.bundle)
        spec = _find(bundle, which.file)
        self.detector = BlazeFaceDetector(num_threads=1)
        self.analyzer = FaceStateAnalyzer(
            bundle,
            runtime=engine_of(spec.format).name,
            precision=spec.precision,
            detector=self.detector,
        )
        heads = bundle.manifest
        self._outputs = (heads.head("emotion").output, heads.head("action_units").output)

    def run(self, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits of an aligned face [height, width, 3]: of all emotions, then of all units."""
        outputs = self.analyzer.runtime.run(self.analyzer.preprocess(aligned))
        return np.concatenate([outputs[place][0] for place in self._outputs])

    def find(self, picture: NDArray[np.uint8]) -> Detection:
        """The face in an RGB crop, as `predict_crops` finds it."""
        whole = Box(0, 0, picture.shape[1], picture.shape[0])
        return self.detector.refine(picture, whole) or Detection(whole, score=1.0)


@cache
def open_file(which: ArtifactFile) -> Artifact:
    """The model file, opened once a process."""
    return Artifact(which)


def choose_file(bundle: str | None, file: str | None) -> ArtifactFile:
    """A model file of a bundle (a name or a folder), by default the first that the manifest lists.

    Raises BundleError if there is no such bundle, or no such file in it.
    """
    found = load_bundle(bundle)
    spec = found.manifest.artifacts[0] if file is None else _find(found, file)
    return ArtifactFile(found.path, spec.file)


def run_on_store(
    which: ArtifactFile, folder: Path, rows: NDArray[np.int64], scratch: Path, workers: int
) -> Logits:
    """Logits of stored aligned faces; a killed run goes on from a file in the folder `scratch`."""
    artifact = open_file(which)
    key = fingerprint(artifact.analyzer.artifact.sha256, store_key(folder), rows.tolist())
    emotions = len(artifact.analyzer.bundle.manifest.head("emotion").labels)
    units = len(artifact.analyzer.bundle.manifest.head("action_units").labels)
    filled = fill_rows(
        _run_stored,
        [(which, folder, int(row)) for row in rows],
        scratch / f"{folder.name}-{key}.npy",
        shape=(emotions + units,),
        dtype=np.float32,
        workers=workers,
        title=f"run {which.file} on {folder.name}",
    )
    values = np.array(filled.values)
    return Logits(values[:, :emotions], values[:, emotions:])


def store_key(folder: Path) -> str:
    """Changes with the labels of a store, which are written last."""
    return sha256((folder / "labels.npz").read_bytes()).hexdigest()


def _run_stored(job: tuple[ArtifactFile, Path, int]) -> tuple[NDArray[np.float32], int]:
    which, folder, row = job
    artifact = open_file(which)
    size = artifact.analyzer.bundle.manifest.input
    return artifact.run(centre(_store(folder).images[row], size.width, size.height)), 1


@cache
def _store(folder: Path) -> FaceStore:
    return load_store(folder)


def _find(bundle: Bundle, file: str) -> ArtifactSpec:
    for artifact in bundle.manifest.artifacts:
        if artifact.file == file:
            return artifact
    held = ", ".join(artifact.file for artifact in bundle.manifest.artifacts)
    raise BundleError(
        f"{file} is not an artifact of bundle {bundle.manifest.name}; expected one of {held}"
    )
