"""The data sets in their official layouts, as faces with labels.

Every reader yields `LabelledFace`s and refuses a tree that is not its data set by saying what it
looked for. A label that a data set does not carry is `None`, or NaN inside a vector: unknown,
which is not the same as absent. `docs/datasets.md` lists layouts, protocols and terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from distill.datasets.labelled import EMOTIONS, LabelledFace, LayoutError
from distill.datasets.readers.affectnet import read_affectnet
from distill.datasets.readers.affwild2 import read_affwild2_au, read_affwild2_expr
from distill.datasets.readers.bp4d import read_bp4d
from distill.datasets.readers.ckplus import read_ckplus
from distill.datasets.readers.disfa import read_disfa
from distill.datasets.readers.fairface import read_fairface
from distill.datasets.readers.ferplus import majority, read_ferplus
from distill.datasets.readers.plain import read_made_up, read_unlabelled
from distill.datasets.readers.rafdb import read_rafdb
from distill.datasets.tree import Tree
from distill.datasets.wild.reader import read_wild

__all__ = [
    "EMOTIONS",
    "READERS",
    "LabelledFace",
    "LayoutError",
    "majority",
    "read_affectnet",
    "read_affwild2_au",
    "read_affwild2_expr",
    "read_bp4d",
    "read_ckplus",
    "read_disfa",
    "read_fairface",
    "read_ferplus",
    "read_made_up",
    "read_rafdb",
    "read_unlabelled",
    "read_wild",
]

READERS: Final[dict[str, Callable[[Tree], Iterator[LabelledFace]]]] = {
    "ferplus": read_ferplus,
    "rafdb": read_rafdb,
    "ckplus": read_ckplus,
    "affectnet": read_affectnet,
    "disfa": read_disfa,
    "bp4d": read_bp4d,
    "affwild2-au": read_affwild2_au,
    "affwild2-expr": read_affwild2_expr,
    "unlabelled": read_unlabelled,
    "fairface": read_fairface,
    "wild": read_wild,
    "made-up": read_made_up,
}
