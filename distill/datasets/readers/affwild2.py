"""Aff-Wild2: videos from the web, units and expressions annotated frame by frame (ABAW)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from distill.datasets.labelled import EMOTIONS, LabelledFace
from distill.datasets.layout import matching, refuse, refuse_line
from distill.datasets.tree import Tree

AFFWILD2_UNITS: Final = tuple(f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 15, 23, 24, 25, 26))

_SPLITS: Final = {"train": "train", "validation": "valid"}
_UNKNOWN: Final = -1


def read_affwild2_au(tree: Tree) -> Iterator[LabelledFace]:
    """Aff-Wild2, action units (Kollias & Zafeiriou 2019, arXiv:1910.04855), splits train, valid.

    Looks for `AU_Detection_Challenge/{Train,Validation}_Set/VIDEO.txt`: units in the first line,
    then a line a frame, 1 present, 0 absent, -1 unknown. And for `cropped_aligned/VIDEO/00001.jpg`
    (also `cropped_aligned_new_50_vids/`), where line 1 after the header is picture 1. Frames
    without a picture (no face was tracked) are not read. People are not named: `subject` is the
    video.
    """
    files = "AU_Detection_Challenge"
    for split, video, header, picture, values in _annotated(tree, files, files, "AU"):
        known = {u: int(v) for u, v in zip(header, values, strict=True) if int(v) != _UNKNOWN}
        if known:
            yield LabelledFace(
                picture,
                split,
                action_units=frozenset(unit for unit, value in known.items() if value == 1),
                coded=frozenset(known),
                subject=video,
            )


def read_affwild2_expr(tree: Tree) -> Iterator[LabelledFace]:
    """Aff-Wild2, expressions: the same layout, one number a line.

    Looks for `EXPR_Recognition_Challenge/{Train,Validation}_Set/VIDEO.txt` (some editions:
    `EXPR_Classification_Challenge`): emotions in the first line, then their number (from 0) or -1,
    a line a frame. Frames labelled "Other" are left out: no such emotion exists here.
    """
    pattern, files = r"EXPR_(?:Recognition|Classification)_Challenge", "EXPR_Recognition_Challenge"
    for split, video, header, picture, values in _annotated(tree, pattern, files, "EXPR"):
        number = int(values[0])
        emotion = header[number].lower() if 0 <= number < len(header) else None
        if emotion in EMOTIONS:
            yield LabelledFace(picture, split, emotion, subject=video)


def _annotated(
    tree: Tree, pattern: str, looked_for: str, task: str
) -> Iterator[tuple[str, str, list[str], str, list[str]]]:
    """Split, video, the file's header, picture, and the line's values of each frame."""
    dataset = f"Aff-Wild2 {task}"
    names = tree.names()
    files = list(matching(names, rf"{pattern}/(Train|Validation)_Set/([^/]+)\.txt"))
    if not files:
        refuse(dataset, f"file {looked_for}/{{Train,Validation}}_Set/VIDEO.txt", names)
    pictures: dict[str, dict[int, str]] = defaultdict(dict)
    for name, match in matching(
        names, r"cropped_aligned(?:_new_50_vids)?/([^/]+)/(\d+)\.(?:jpe?g|png)"
    ):
        pictures[match[1]][int(match[2])] = name
    if not pictures:
        refuse(dataset, "picture cropped_aligned/VIDEO/00001.jpg", names)
    for name, match in files:
        head, *lines = tree.read(name).decode().splitlines() or [""]
        header = [cell.strip() for cell in head.split(",") if cell.strip()]
        for frame, line in enumerate(lines, start=1):
            if picture := pictures[match[2]].get(frame):
                values = line.split(",")
                count = len(header) if task == "AU" else 1
                if len(values) != count or not all(_is_number(value) for value in values):
                    refuse_line(dataset, name, frame + 1, line, f"{count} whole numbers")
                yield _SPLITS[match[1].lower()], match[2], header, picture, values


def _is_number(text: str) -> bool:
    return text.strip().removeprefix("-").isdigit()
