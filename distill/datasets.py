"""The data sets in their official layouts, as faces with labels.

Every reader yields `LabelledFace`s and refuses a tree that is not its data set by saying what it
looked for. A label that a data set does not carry is `None`, or NaN inside a vector: unknown,
which is not the same as absent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from distill.tree import Tree

EMOTIONS: Final = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)

RAFDB_LABELS: Final = {
    "1": "surprise",
    "2": "fear",
    "3": "disgust",
    "4": "happiness",
    "5": "sadness",
    "6": "anger",
    "7": "neutral",
}


class LayoutError(ValueError):
    """A folder or archive is not laid out like the data set it is said to be."""


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One image of a data set and what is known about it.

    `emotion` is the label under the data set's own protocol, None where that gives none; `votes`
    are the raters' votes behind it where they were published. `action_units` are the units coded
    present by a human; None if nobody coded the image.
    """

    name: str
    split: str
    emotion: str | None = None
    votes: dict[str, float] | None = None
    action_units: frozenset[str] | None = None
    subject: str | None = None


def read_ferplus(tree: Tree) -> Iterator[LabelledFace]:
    """FER+ (Barsoum et al. 2016, arXiv:1608.01041), splits train, valid and test.

    Raters who saw no face or an unknown emotion count as votes "not-a-face" and "unknown"; what
    to make of them is the protocol's business (see `majority`). Images that `test_leaks.txt`
    lists are test images with a pixel copy in the other parts: their split is "leak".
    """
    names = set(tree.names())
    leaks = tree.read("test_leaks.txt").decode().split() if "test_leaks.txt" in names else []
    columns = (*EMOTIONS, "unknown", "not-a-face")
    for split in ("Train", "Valid", "Test"):
        folder = f"FER2013{split}"
        for row in csv.reader(io.StringIO(_text(tree, f"{folder}/label.csv", "FER+"))):
            file, _box, *votes = row
            if f"{folder}/{file}" not in names:
                continue
            counts = {c: float(v) for c, v in zip(columns, _ferplus_order(votes), strict=True)}
            part = "leak" if split == "Test" and file in leaks else split.lower()
            yield LabelledFace(f"{folder}/{file}", part, majority(counts), counts)


def _ferplus_order(votes: list[str]) -> list[str]:
    """FER+ orders its columns as EMOTIONS does, then unknown and not-a-face."""
    if len(votes) != len(EMOTIONS) + 2:
        raise LayoutError(f"FER+: a row of label.csv has {len(votes)} votes, expected 10")
    return votes


def read_rafdb(tree: Tree) -> Iterator[LabelledFace]:
    """RAF-DB basic (Li et al. 2017), aligned images, splits train and test; no contempt."""
    text = _text(tree, "basic/EmoLabel/list_patition_label.txt", "RAF-DB")
    names = set(tree.names())
    for line in text.splitlines():
        file, label = line.split()
        name = f"basic/Image/aligned/{file.removesuffix('.jpg')}_aligned.jpg"
        if name in names:
            yield LabelledFace(name, file.split("_")[0], RAFDB_LABELS[label])


def read_ckplus(tree: Tree) -> Iterator[LabelledFace]:
    """CK+ (Lucey et al. 2010) with human FACS codes: `facs.csv` beside onset and apex frames."""
    for row in csv.DictReader(io.StringIO(_text(tree, "facs.csv", "CK+"))):
        units = frozenset(f"AU{number}" for number in row["action_units"].split())
        yield LabelledFace(row["image"], "dev", action_units=units, subject=row["subject"])


def read_unlabelled(tree: Tree) -> Iterator[LabelledFace]:
    """Every JPEG and PNG of the tree."""
    for name in tree.names():
        if name.lower().endswith((".jpg", ".jpeg", ".png")):
            yield LabelledFace(name, "train")


READERS: Final[dict[str, Callable[[Tree], Iterator[LabelledFace]]]] = {
    "ferplus": read_ferplus,
    "rafdb": read_rafdb,
    "ckplus": read_ckplus,
    "unlabelled": read_unlabelled,
}


def majority(votes: dict[str, float]) -> str | None:
    """FER+'s majority rule: votes of one rater are dropped, then more than half must agree.

    Returns None where they do not, or agree that it is unknown or not a face.
    """
    kept = {label: count for label, count in votes.items() if count > 1}
    label = max(kept, key=lambda name: kept[name], default=None)
    if label is None or kept[label] * 2 <= sum(kept.values()):
        return None
    return label if label in EMOTIONS else None


def _text(tree: Tree, name: str, dataset: str) -> str:
    try:
        return tree.read(name).decode()
    except KeyError:
        found = ", ".join(tree.names()[:3]) or "nothing"
        raise LayoutError(
            f"this is not {dataset}: no file {name} in it (found {found}, ...). "
            "Point `root` at the folder or archive that holds it."
        ) from None
