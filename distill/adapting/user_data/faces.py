"""The faces in a user's pictures, aligned as the product aligns them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.adapting.user_data.labels import LabelsError, UserLabels, name_rows
from distill.datasets import LabelledFace
from distill.faces.pictures import align_face
from distill.faces.resumable import Rows, fill_rows, fingerprint
from mf2_edge.bundle.schema import AlignmentSpec
from mf2_edge.errors import ImageFileError
from mf2_edge.io.image_file import IMAGE_SUFFIXES, read_image
from mf2_edge.pipeline.detect import BlazeFaceDetector

_UNALIGNED, _ALIGNED, _UNREADABLE = 1, 2, 3


@dataclass(frozen=True)
class UserFaces:
    """images: a .npy of uint8 [n, H, W, 3], with a margin, in the order of the labels.

    unaligned: bool [n], pictures in which no face was found: they were resized whole.
    """

    images: Path
    unaligned: NDArray[np.bool_]


def align_pictures(
    labels: UserLabels,
    digests: NDArray[np.str_],
    folder: Path,
    spec: AlignmentSpec,
    margin: int,
    cache_folder: Path,
    workers: int,
) -> UserFaces:
    """The largest face of each picture, aligned as `spec` says, and `margin` pixels around it.

    Raises LabelsError naming the rows that are no pictures.

    The file's name changes with the pictures' bytes; a run that was killed goes on.
    """
    path = cache_folder / f"faces-{fingerprint(spec, margin, *digests)}.npy"
    rows: Rows = fill_rows(
        _align_one,
        [(folder / name, spec, margin) for name in labels.images],
        path,
        shape=(spec.height + 2 * margin, spec.width + 2 * margin, 3),
        dtype=np.uint8,
        workers=workers,
        title="align",
    )
    if (unreadable := rows.marks == _UNREADABLE).any():
        raise LabelsError(
            f"{name_rows(labels.rows[unreadable])}: not a picture that can be read, "
            f"e.g. {labels.images[unreadable][0]}; JPEG, PNG and the like are expected"
        )
    return UserFaces(path, rows.marks == _UNALIGNED)


def align_folder(
    folder: Path, spec: AlignmentSpec, margin: int, cache_folder: Path, workers: int
) -> NDArray[np.uint8]:
    """The largest face of each picture in a folder, uint8 [n, H, W, 3], `margin` pixels around it.

    Pictures without a face, or that are none, are left out. Raises LabelsError if nothing is left.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    states = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    rows: Rows = fill_rows(
        _align_one,
        [(path, spec, margin) for path in files],
        cache_folder / f"faces-{fingerprint(spec, margin, *states)}.npy",
        shape=(spec.height + 2 * margin, spec.width + 2 * margin, 3),
        dtype=np.uint8,
        workers=workers,
        title="align",
    )
    if not (found := rows.marks == _ALIGNED).any():
        raise LabelsError(
            f"no face in {folder}: expected a folder of pictures of faces ({len(files)} pictures "
            "were found), or one that `python -m distill prepare` left"
        )
    return np.asarray(rows.values[found])


def _align_one(job: tuple[Path, AlignmentSpec, int]) -> tuple[NDArray[np.uint8], int]:
    path, spec, margin = job
    try:
        picture = read_image(path)
    except ImageFileError:
        shape = (spec.height + 2 * margin, spec.width + 2 * margin, 3)
        return np.zeros(shape, dtype=np.uint8), _UNREADABLE
    # A photograph is searched; without a face found, the picture is taken for a face crop.
    face = LabelledFace(path.name, "", whole_frame=True)
    aligned, found = align_face(picture, face, _detector(), spec, margin)
    return aligned, _ALIGNED if found else _UNALIGNED


@cache
def _detector() -> BlazeFaceDetector:
    return BlazeFaceDetector(num_threads=1)
