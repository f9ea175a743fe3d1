"""The faces in a user's pictures, aligned as the product aligns them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.adapting.user_labels import LabelsError, UserLabels, name_rows
from distill.config import Recipe
from distill.datasets import LabelledFace
from distill.faces.pictures import align_face
from distill.faces.resumable import Rows, fill_rows, fingerprint
from mf2_edge.detect import BlazeFaceDetector
from mf2_edge.errors import ImageFileError
from mf2_edge.image_file import read_image
from mf2_edge.schema import AlignmentSpec

_UNALIGNED, _ALIGNED, _UNREADABLE = 1, 2, 3


@dataclass(frozen=True)
class UserFaces:
    """images: a .npy of uint8 [n, H, W, 3], with the recipe's margin, in the order of the labels.

    unaligned: bool [n], pictures in which no face was found: they were resized whole.
    """

    images: Path
    unaligned: NDArray[np.bool_]


def align_pictures(
    labels: UserLabels,
    digests: NDArray[np.str_],
    folder: Path,
    recipe: Recipe,
    cache_folder: Path,
    workers: int,
) -> UserFaces:
    """The largest face of each picture; raises LabelsError naming the rows that are no pictures.

    The file's name changes with the pictures' bytes; a run that was killed goes on.
    """
    spec, margin = recipe.alignment, recipe.margin
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


def _align_one(job: tuple[Path, AlignmentSpec, int]) -> tuple[NDArray[np.uint8], int]:
    path, spec, margin = job
    try:
        picture = read_image(path)
    except ImageFileError:
        shape = (spec.height + 2 * margin, spec.width + 2 * margin, 3)
        return np.zeros(shape, dtype=np.uint8), _UNREADABLE
    # A photograph is searched; where that finds nobody, the picture is taken for a face crop.
    face = LabelledFace(path.name, "", whole_frame=True)
    aligned, found = align_face(picture, face, _detector(), spec, margin)
    return aligned, _ALIGNED if found else _UNALIGNED


@cache
def _detector() -> BlazeFaceDetector:
    return BlazeFaceDetector(num_threads=1)
