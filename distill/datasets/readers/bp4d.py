"""BP4D: spontaneous expressions in eight tasks, occurrence of units coded frame by frame."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from distill.datasets.labelled import LabelledFace
from distill.datasets.layout import matching, refuse, refuse_line
from distill.datasets.tree import Tree

BP4D_UNITS: Final = tuple(f"AU{n}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24))
"""The twelve that papers report."""

BP4D_FOLDS: Final = tuple(
    frozenset(subjects.split())
    for subjects in (
        "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014",
        "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018",
        "F004 F006 F007 F012 F014 F015 F017 F019 F021 M003 M006 M009 M015",
    )
)
"""Subjects of each fold, as JAA-Net (Shao et al. 2018, ZhiwenShao/PyTorch-JAANet, data/list) and
ME-GraphAU (Luo et al. 2022, CVI-SZU/ME-GraphAU, tool/BP4D_image_label_process.py) publish them;
the two lists agree."""

MOST_INTENSITY: Final = 5
"""What is above is unknown."""

_CODES: Final = "AUCoding/AU_OCC/Fxxx_Tx.csv (or AUCoding/Fxxx_Tx.csv)"
_PICTURES: Final = "Fxxx/Tx/<frame>.jpg"


def read_bp4d(tree: Tree) -> Iterator[LabelledFace]:
    """BP4D (Zhang et al. 2014), 2D pictures, split "dev": every coded frame.

    Looks for `AUCoding/AU_OCC/F001_T1.csv` (or `AUCoding/F001_T1.csv`): units in the first row,
    frames in the first column, 1 present, 0 absent, anything else (9) unknown. And for
    the pictures `F001/T1/<frame>.jpg`, in whatever folder; their numbers have leading zeros in some
    sequences, so frames meet by number. BP4D+ numbers its frames otherwise and is not read.

    Where there are `AUCoding/AU_INT/AU06/F001_T1_AU06.csv` (frame,intensity a line; 0 to 5, 9
    unknown) faces also have intensities of those units.
    """
    names = tree.names()
    codes = _code_files(names)
    pictures: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for name, match in matching(names, r"([FM]\d{3})/(T\d+)/(\d+)\.jpe?g"):
        pictures[match[1].upper(), match[2].upper()][int(match[3])] = name
    if not codes:
        refuse("BP4D", f"file {_CODES}", names)
    if not pictures:
        refuse("BP4D", f"picture {_PICTURES}", names)
    intensity_files = _intensity_files(names)
    for sequence, file in sorted(codes.items()):
        intensities = _read_intensities(tree, intensity_files[sequence])
        for frame, labels in _read_codes(tree, file):
            if picture := pictures[sequence].get(frame):
                yield LabelledFace(
                    picture,
                    "dev",
                    action_units=frozenset(u for u, value in labels.items() if value == "1"),
                    coded=frozenset(u for u, value in labels.items() if value in ("0", "1")),
                    subject=sequence[0],
                    whole_frame=True,
                    intensities=intensities.get(frame, {}),
                )


def _code_files(names: list[str]) -> dict[tuple[str, str], str]:
    """Code file of each sequence (subject, task); those under AU_OCC win."""
    files = {}
    for folder in ("AUCoding", "AUCoding/AU_OCC"):
        for name, match in matching(names, rf"{folder}/([FM]\d{{3}})_(T\d+)\.csv"):
            files[match[1].upper(), match[2].upper()] = name
    return files


def _read_codes(tree: Tree, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Frame and the value of each unit, row by row."""
    rows = csv.reader(io.StringIO(tree.read(name).decode()))
    header = next(rows, [])
    try:
        units = [f"AU{int(cell)}" for cell in header[1:]]
    except ValueError:
        units = []
    if not units:
        refuse_line("BP4D", name, 1, ",".join(header), "a cell, then the numbers of units")
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(header) or not row[0].strip().isdigit():
            expected = f"a frame and {len(units)} codes"
            refuse_line("BP4D", name, number, ",".join(row), expected)
        yield int(row[0]), dict(zip(units, (cell.strip() for cell in row[1:]), strict=True))


def _intensity_files(names: list[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Intensity file of each unit of each sequence."""
    files: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    pattern = r"AUCoding/AU_INT/AU\d+/([FM]\d{3})_(T\d+)_AU(\d+)\.csv"
    for name, match in matching(names, pattern):
        files[match[1].upper(), match[2].upper()][f"AU{int(match[3])}"] = name
    return files


def _read_intensities(tree: Tree, files: dict[str, str]) -> dict[int, dict[str, int]]:
    """Known intensities of each unit, by frame."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for unit, name in files.items():
        for number, row in enumerate(csv.reader(io.StringIO(tree.read(name).decode())), start=1):
            if not row or (number == 1 and not row[0].strip().isdigit()):  # a header
                continue
            if len(row) != 2 or not all(cell.strip().isdigit() for cell in row):
                refuse_line("BP4D", name, number, ",".join(row), "frame,intensity")
            frame, intensity = map(int, row)
            if intensity <= MOST_INTENSITY:
                found[frame][unit] = intensity
    return found
