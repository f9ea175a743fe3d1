"""RAF-DB, the basic part: photographs from the web with one of seven emotions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from distill.datasets.labelled import LabelledFace
from distill.datasets.layout import read_text, refuse, refuse_line
from distill.datasets.tree import Tree

RAFDB_LABELS: Final = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happiness",
    "5": "sadness",
    "6": "anger",
    "7": "neutral",
}

_LIST: Final = "basic/EmoLabel/list_patition_label.txt"  # the authors' own spelling
_PICTURES: Final = "basic/Image/aligned"


def read_rafdb(tree: Tree) -> Iterator[LabelledFace]:
    """RAF-DB basic (Li et al. 2017), splits train and test; no contempt.

    Looks for `basic/EmoLabel/list_patition_label.txt` and the aligned pictures,
    `basic/Image/aligned/*_aligned.jpg`.
    """
    text = read_text(tree, _LIST, "RAF-DB")
    names = set(tree.names())
    if not any(name.startswith(f"{_PICTURES}/") for name in names):
        refuse("RAF-DB", f"picture {_PICTURES}/*_aligned.jpg", sorted(names))
    for number, line in enumerate(text.splitlines(), start=1):
        file, _, label = line.partition(" ")
        if label.strip() not in RAFDB_LABELS:
            refuse_line("RAF-DB", _LIST, number, line, "a file name and a label from 1 to 7")
        name = f"{_PICTURES}/{file.removesuffix('.jpg')}_aligned.jpg"
        if name in names:
            yield LabelledFace(name, file.split("_")[0], RAFDB_LABELS[label.strip()])
