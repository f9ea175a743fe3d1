"""FER+: ten raters' votes for the photographs of FER2013."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from distill.datasets.labelled import EMOTIONS, LabelledFace, LayoutError
from distill.datasets.layout import read_text
from distill.datasets.tree import Tree


def read_ferplus(tree: Tree) -> Iterator[LabelledFace]:
    """FER+ (Barsoum et al. 2016, arXiv:1608.01041), splits train, valid and test.

    Looks for `FER2013{Train,Valid,Test}/label.csv` beside the pictures it names. Raters who saw no
    face or an unknown emotion count as votes "not-a-face" and "unknown"; what to make of them is
    the protocol's business (see `majority`). Images that `test_leaks.txt` lists are test images
    with a pixel copy in the other parts: their split is "leak".
    """
    names = set(tree.names())
    leaks = tree.read("test_leaks.txt").decode().split() if "test_leaks.txt" in names else []
    columns = (*EMOTIONS, "unknown", "not-a-face")
    for split in ("Train", "Valid", "Test"):
        folder = f"FER2013{split}"
        for row in csv.reader(io.StringIO(read_text(tree, f"{folder}/label.csv", "FER+"))):
            file, _box, *votes = row
            if f"{folder}/{file}" not in names:
                continue
            counts = {c: float(v) for c, v in zip(columns, _ferplus_order(votes), strict=True)}
            part = "leak" if split == "Test" and file in leaks else split.lower()
            yield LabelledFace(f"{folder}/{file}", part, majority(counts), counts)


def majority(votes: dict[str, float]) -> str | None:
    """FER+'s majority rule: votes of one rater are dropped, then more than half must agree.

    Returns None where they do not, or agree that it is unknown or not a face.
    """
    kept = {label: count for label, count in votes.items() if count > 1}
    label = max(kept, key=lambda name: kept[name], default=None)
    if label is None or kept[label] * 2 <= sum(kept.values()):
        return None
    return label if label in EMOTIONS else None


def _ferplus_order(votes: list[str]) -> list[str]:
    """FER+ orders its columns as EMOTIONS does, then unknown and not-a-face."""
    if len(votes) != len(EMOTIONS) + 2:
        raise LayoutError(f"FER+: a row of label.csv has {len(votes)} votes, expected 10")
    return votes
