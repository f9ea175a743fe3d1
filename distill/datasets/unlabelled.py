"""Pictures of faces without labels."""

from __future__ import annotations

from collections.abc import Iterator

from distill.datasets.labelled import LabelledFace
from distill.datasets.tree import Tree


def read_unlabelled(tree: Tree) -> Iterator[LabelledFace]:
    """Every JPEG and PNG of the tree."""
    for name in tree.names():
        if name.lower().endswith((".jpg", ".jpeg", ".png")):
            yield LabelledFace(name, "train")
