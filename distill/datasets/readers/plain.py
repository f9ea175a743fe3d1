"""Trees without an official layout: pictures of faces without labels, and drawings."""

from __future__ import annotations

from collections.abc import Iterator

from distill.datasets.labelled import LabelledFace, draw
from distill.datasets.made_up import UNITS
from distill.datasets.tree import Tree


def read_unlabelled(tree: Tree) -> Iterator[LabelledFace]:
    """Every JPEG and PNG of the tree."""
    for name in tree.names():
        if name.lower().endswith((".jpg", ".jpeg", ".png")):
            yield LabelledFace(name, "train")


def read_made_up(tree: Tree) -> Iterator[LabelledFace]:
    """The drawings of a `MadeUpTree`, splits train and valid, by subject."""
    for name in tree.names():
        subject, emotion = name.partition("/")[0], name.partition("-")[2].removesuffix(".png")
        yield LabelledFace(
            name,
            "valid" if draw(subject, seed=0) < 0.2 else "train",
            emotion,
            action_units=UNITS[emotion],
            subject=subject,
        )
