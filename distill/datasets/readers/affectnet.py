"""AffectNet: photographs from the web, each labelled by one trained annotator."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

import numpy as np

from distill.datasets.labelled import LabelledFace
from distill.datasets.layout import matching, refuse, refuse_line
from distill.datasets.tree import Tree
from mf2_edge.types import Box

AFFECTNET_EMOTIONS: Final = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
"""By number. 8 and 9 mean that the annotator named none of them, 10 that there is no face."""

_NO_FACE: Final = 10
_LABELS: Final = 11
_SPLITS: Final = {"train": "train", "val": "valid", "training": "train", "validation": "valid"}
_LISTS: Final = "Manually_Annotated_file_lists/{training,validation}.csv"
_ANNOTATIONS: Final = "{train,val}_set/annotations/*_exp.npy"


def read_affectnet(tree: Tree) -> Iterator[LabelledFace]:
    """AffectNet (Mollahosseini et al. 2017, arXiv:1708.03985), splits train and valid.

    Two layouts. The first release: `Manually_Annotated_file_lists/{training,validation}.csv`
    (path, face box, landmarks, expression, ...; with or without a header) and the pictures under
    `Manually_Annotated_Images/`, uncropped. The later one, of crops and eight emotions:
    `{train,val}_set/images/*.jpg` and `{train,val}_set/annotations/*_exp.npy`. The test part was
    never published, so papers report on the validation part.

    All eight emotions are read; AffectNet-7 is a protocol. Where the annotator named none of them
    the emotion is None.
    """
    names = tree.names()
    annotations = list(matching(names, r"(train|val)_set/annotations/([^/]+)_exp\.npy"))
    if annotations:
        pictures = {
            (match[1], match[2]): name
            for name, match in matching(names, r"(train|val)_set/images/([^/]+)\.[^/.]+")
        }
        if not pictures:
            refuse("AffectNet", "picture {train,val}_set/images/*.jpg", names)
        for name, match in annotations:
            picture = pictures.get((match[1], match[2]))
            if picture is not None:
                label = _saved_label(tree, name)
                if label != _NO_FACE:
                    yield LabelledFace(picture, _SPLITS[match[1]], _emotion(label))
    else:
        yield from _read_lists(tree, names)


def _read_lists(tree: Tree, names: list[str]) -> Iterator[LabelledFace]:
    """The first release: a list a split, boxes of faces in uncropped pictures."""
    lists = list(matching(names, r"Manually_Annotated_file_lists/(training|validation)\.csv"))
    if not lists:
        refuse("AffectNet", f"file {_LISTS}, and no {_ANNOTATIONS} either,", names)
    pictures = {
        match[1]: name
        for name, match in matching(names, r"Manually_Annotated_Images/([^/]+/[^/]+)")
    }
    if not pictures:
        refuse("AffectNet", "picture Manually_Annotated_Images/*/*", names)
    for name, match in lists:
        rows = csv.reader(io.StringIO(tree.read(name).decode()))
        for number, row in enumerate(rows, start=1):
            if row and row[0] != "subDirectory_filePath" and row[0] in pictures:
                label, box = _listed(name, number, row)
                if label != _NO_FACE:
                    yield LabelledFace(
                        pictures[row[0]],
                        _SPLITS[match[1]],
                        _emotion(label),
                        box=box,
                        whole_frame=box is None,
                    )


def _listed(name: str, number: int, row: list[str]) -> tuple[int, Box | None]:
    """Expression and face box of a row: path, x, y, width, height, landmarks, expression, ..."""
    try:
        x, y, width, height = (float(value) for value in row[1:5])
        label = int(row[6])
        if not 0 <= label < _LABELS:
            raise ValueError
    except (ValueError, IndexError):
        expected = "path, x, y, width, height, landmarks and an expression from 0 to 10"
        refuse_line("AffectNet", name, number, ",".join(row), expected)
    return label, Box(x, y, width, height) if min(width, height) > 0 else None


def _saved_label(tree: Tree, name: str) -> int:
    """The files hold one number each, saved as a string."""
    try:
        label = int(np.load(io.BytesIO(tree.read(name)), allow_pickle=False).item())
        if not 0 <= label < _LABELS:
            raise ValueError
    except (ValueError, EOFError):
        refuse_line("AffectNet", name, 1, "something else", "an expression from 0 to 10")
    return label


def _emotion(label: int) -> str | None:
    return AFFECTNET_EMOTIONS[label] if label < len(AFFECTNET_EMOTIONS) else None
