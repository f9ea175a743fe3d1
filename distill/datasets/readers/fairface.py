"""FairFace: photographs balanced by race, with age and gender; no labels of facial state."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from distill.datasets.labelled import LabelledFace
from distill.datasets.layout import read_text, refuse
from distill.datasets.tree import Tree
from distill.datasets.wild.split import split_of

_TABLES: Final = {
    "labels.csv": "image",
    "fairface_label_train.csv": "file",
    "fairface_label_val.csv": "file",
}
"""Tables that may be there, and their column with the picture's name."""


def read_fairface(tree: Tree) -> Iterator[LabelledFace]:
    """FairFace (Kärkkäinen and Joo, WACV 2021), splits train, valid and test; nothing but groups.

    Looks for `labels.csv` (image, age, gender, race) or the official `fairface_label_train.csv` and
    `fairface_label_val.csv` (file, age, gender, race), beside the pictures that they name,
    `train/N.jpg` and `val/N.jpg`. The official validation part is "test"; "valid" is the part of
    `train/` that MFA-wild holds out, so that no photograph has two splits.
    """
    names = set(tree.names())
    tables = [table for table in _TABLES if table in names]
    if not tables:
        refuse("FairFace", f"file {' or '.join(_TABLES)}", sorted(names))
    for table in tables:
        for row in csv.DictReader(io.StringIO(read_text(tree, table, "FairFace"))):
            missing = {_TABLES[table], "age", "gender", "race"} - row.keys()
            if missing:
                refuse("FairFace", f"column {' or '.join(sorted(missing))} of {table}", list(row))
            image = row[_TABLES[table]]
            if image in names:
                groups = {column: row[column] for column in ("age", "gender", "race")}
                yield LabelledFace(image, split_of("fairface", image), groups=groups)
