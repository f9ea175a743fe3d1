"""CK+: posed expressions from neutral to their apex, with human FACS codes at the apex."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from distill.datasets.labelled import EMOTIONS, LabelledFace, LayoutError
from distill.datasets.layout import matching, read_text, refuse, refuse_line
from distill.datasets.tree import Tree

CKPLUS_EMOTIONS: Final = (
    "neutral",
    "anger",
    "contempt",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
)
"""By the number in `*_emotion.txt`."""

_TABLE: Final = "facs.csv"
_OTHER_WORDS: Final = {"happy": "happiness"}
_OFFICIAL: Final = "cohn-kanade-images/Sxxx/yyy/*.png with FACS/Sxxx/yyy/*_facs.txt"


def read_ckplus(tree: Tree) -> Iterator[LabelledFace]:
    """CK+ (Lucey et al. 2010), split "dev": the first (neutral) and the last frame (apex).

    Two layouts. The official one, as its ReadMeCohnKanadeDatabase_website.txt describes it:
    `cohn-kanade-images/Sxxx/yyy/*.png`, `FACS/Sxxx/yyy/*_facs.txt` (a unit and its intensity a
    line; a unit that is listed is present, whatever its intensity) and
    `Emotion/Sxxx/yyy/*_emotion.txt`, which only 327 of the 593 sequences have: the others' emotion
    is None. Or a table `facs.csv` with columns image, subject, sequence, frame (onset or apex),
    emotion and action_units (numbers, space-separated), beside the pictures it names.

    A first frame counts as neutral, every unit absent, if its sequence was coded at all.
    """
    names = tree.names()
    if _TABLE in names:
        yield from _read_table(tree)
    else:
        yield from _read_official(tree, names)


def _read_table(tree: Tree) -> Iterator[LabelledFace]:
    for row in csv.DictReader(io.StringIO(read_text(tree, _TABLE, "CK+"))):
        word = "neutral" if row["frame"] == "onset" else row["emotion"]
        emotion = _OTHER_WORDS.get(word, word) or None
        if emotion is not None and emotion not in EMOTIONS:
            raise LayoutError(
                f"CK+: {row['image']} has the emotion {word!r} in {_TABLE}; expected one of "
                f"{', '.join(EMOTIONS)}, or nothing"
            )
        units = frozenset(f"AU{number}" for number in row["action_units"].split())
        yield LabelledFace(row["image"], "dev", emotion, action_units=units, subject=row["subject"])


def _read_official(tree: Tree, names: list[str]) -> Iterator[LabelledFace]:
    """Onset and apex of each sequence, in the order of subjects."""
    frames = defaultdict(list)
    for name, match in matching(names, r"cohn-kanade-images/(S\d+)/(\d+)/[^/]*\.png"):
        frames[match.groups()].append(name)
    codes = {
        match.groups(): name
        for name, match in matching(names, r"FACS/(S\d+)/(\d+)/[^/]*_facs\.txt")
    }
    emotions = {
        match.groups(): name
        for name, match in matching(names, r"Emotion/(S\d+)/(\d+)/[^/]*_emotion\.txt")
    }
    if not frames or not codes:
        refuse("CK+", f"{_OFFICIAL}, and no {_TABLE} either,", names)
    for sequence in sorted(frames):
        units = _units(tree, codes[sequence]) if sequence in codes else None
        emotion = _emotion(tree, emotions[sequence]) if sequence in emotions else None
        onset, apex = min(frames[sequence]), max(frames[sequence])
        absent = None if units is None else frozenset[str]()
        if onset != apex:
            yield _frame(onset, sequence[0], "neutral", absent)
        yield _frame(apex, sequence[0], emotion, units)


def _frame(
    name: str, subject: str, emotion: str | None, units: frozenset[str] | None
) -> LabelledFace:
    return LabelledFace(name, "dev", emotion, action_units=units, subject=subject, whole_frame=True)


def _units(tree: Tree, name: str) -> frozenset[str]:
    units = set()
    for number, line in enumerate(tree.read(name).decode().splitlines(), start=1):
        if line.strip():
            try:
                units.add(f"AU{int(float(line.split()[0]))}")
            except ValueError:
                refuse_line("CK+", name, number, line, "the number of a unit and its intensity")
    return frozenset(units)


def _emotion(tree: Tree, name: str) -> str:
    text = tree.read(name).decode().strip()
    try:
        return CKPLUS_EMOTIONS[int(float(text))]
    except (ValueError, IndexError):
        refuse_line("CK+", name, 1, text, "a number from 0 to 7")
