"""A user's own labels: one CSV, read into a table of numbers or refused with its rows named.

Columns: `image`, and exactly one of `label` (a class), `score` (a number), or two or more columns
of 0 and 1, empty where unknown. `subject` and `split` (train or valid) may stand beside them.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["multi-class", "multi-label", "score"]

TRAIN, VALID = "train", "valid"
_PLAIN: Final = ("image", "subject", "split")
_NAMED_ROWS: Final = 10


class LabelsError(ValueError):
    """A table of labels cannot be learned from; the message names its rows.

    Rows count as a spreadsheet shows them: the header is row 1.
    """


@dataclass(frozen=True)
class UserLabels:
    """The rows of a CSV, sorted by picture.

    images, subjects, splits: str [n]; the last two are None where the CSV lacks the column.
    rows: int [n], where each stands in the CSV. targets: float32 [n, labels], one-hot, or 0, 1 and
    NaN for unknown, or the score.
    """

    kind: Kind
    labels: tuple[str, ...]
    images: NDArray[np.str_]
    rows: NDArray[np.int64]
    targets: NDArray[np.float32]
    subjects: NDArray[np.str_] | None
    splits: NDArray[np.str_] | None


@dataclass(frozen=True)
class _Sheet:
    """Cells by column, blanks around them taken off, and the row in which each line stands."""

    columns: dict[str, list[str]]
    rows: list[int]

    def refuse(self, bad: Iterable[bool], why: str) -> None:
        """Raise LabelsError if any line is bad."""
        if wrong := [row for row, is_bad in zip(self.rows, bad, strict=True) if is_bad]:
            raise LabelsError(f"{name_rows(wrong)}: {why}")


def read_labels(path: Path) -> UserLabels:
    """Read and check a CSV; raises LabelsError, or FileNotFoundError for no CSV at all."""
    sheet = _read_sheet(path)
    kind, columns = _kind(tuple(sheet.columns))
    sheet.refuse((not cell for cell in sheet.columns["image"]), "image is empty")
    times = Counter(sheet.columns["image"])
    sheet.refuse(
        (times[cell] > 1 for cell in sheet.columns["image"]),
        "the same image more than once; one row a picture is expected",
    )
    if "subject" in sheet.columns:
        sheet.refuse(
            (not cell for cell in sheet.columns["subject"]),
            "subject is empty: name who it is, or leave the column out",
        )
    if "split" in sheet.columns:
        sheet.refuse(
            (cell not in (TRAIN, VALID) for cell in sheet.columns["split"]),
            f"split has to be {TRAIN} or {VALID}",
        )
    labels, targets = _targets(sheet, kind, columns)
    images = np.array(sheet.columns["image"])
    order = np.argsort(images)
    kept = {name: np.array(sheet.columns[name])[order] for name in _PLAIN if name in sheet.columns}
    return UserLabels(
        kind=kind,
        labels=labels,
        images=kept["image"],
        rows=np.array(sheet.rows)[order],
        targets=targets[order],
        subjects=kept.get("subject"),
        splits=kept.get("split"),
    )


def name_rows(rows: Iterable[int]) -> str:
    """E.g. "row 5"; or "rows 2, 5"; or the first ten and how many more."""
    ordered = sorted(rows)
    shown = ", ".join(str(row) for row in ordered[:_NAMED_ROWS])
    more = len(ordered) - _NAMED_ROWS
    return f"row{'s' * (len(ordered) > 1)} {shown}" + (f" and {more} more" if more > 0 else "")


def _read_sheet(path: Path) -> _Sheet:
    if not path.is_file():
        raise FileNotFoundError(f"no table of labels at {path}: expected a CSV file")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in line] for line in csv.reader(file, strict=True)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelsError(f"{path} is not a comma-separated table in UTF-8: {error}") from error
    header = lines[0] if lines else []
    filled = [(row, line) for row, line in enumerate(lines[1:], start=2) if any(line)]
    if "image" not in header:
        raise LabelsError(
            f"row 1: no column `image` among {', '.join(header) or 'nothing'}; "
            "expected a comma-separated header"
        )
    if twice := sorted({name for name in header if header.count(name) > 1 or not name}):
        raise LabelsError(
            f"row 1: columns without a name, or with the same one: {', '.join(map(repr, twice))}"
        )
    if ragged := [row for row, line in filled if len(line) != len(header)]:
        raise LabelsError(
            f"{name_rows(ragged)}: expected {len(header)} cells as in the header; "
            "a comma inside a cell needs quotes around it"
        )
    if not filled:
        raise LabelsError(f"{path} has a header and no rows")
    cells = zip(*(line for _, line in filled), strict=True)
    return _Sheet(dict(zip(header, map(list, cells), strict=True)), [row for row, _ in filled])


def _kind(header: Sequence[str]) -> tuple[Kind, tuple[str, ...]]:
    """What the columns ask for, and those that hold it."""
    others = tuple(name for name in header if name not in _PLAIN)
    expected = "expected `label`, or `score`, or two or more columns of 0 and 1"
    single: dict[str, Kind] = {"label": "multi-class", "score": "score"}
    for name, kind in single.items():
        if name in others:
            if unknown := [other for other in others if other != name]:
                raise LabelsError(f"row 1: unknown columns beside `{name}`: {', '.join(unknown)}")
            return kind, (name,)
    if len(others) < 2:
        found = f"only `{others[0]}`" if others else "none"
        raise LabelsError(
            f"row 1: {expected}; found {found}. A single yes or no is a `label` of two classes"
        )
    return "multi-label", others


def _targets(
    sheet: _Sheet, kind: Kind, columns: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    if kind == "multi-class":
        cells = sheet.columns["label"]
        sheet.refuse((not cell for cell in cells), "label is empty; leave such rows out")
        classes, places = np.unique(np.array(cells), return_inverse=True)
        return tuple(classes.tolist()), np.eye(len(classes), dtype=np.float32)[places]
    if kind == "score":
        numbers = [_number(cell) for cell in sheet.columns["score"]]
        sheet.refuse(
            (number is None for number in numbers), "score is not a number; leave such rows out"
        )
        return ("score",), np.array(numbers, dtype=np.float32)[:, None]
    table = []
    for name in columns:
        numbers = [_number(cell) for cell in sheet.columns[name]]
        sheet.refuse(
            (
                bool(cell) and number not in (0, 1)
                for cell, number in zip(sheet.columns[name], numbers, strict=True)
            ),
            f"`{name}` is neither 0 nor 1 nor empty (unknown); or is it an unknown column?",
        )
        table.append([np.nan if number is None else number for number in numbers])
    return columns, np.array(table, dtype=np.float32).T


def _number(cell: str) -> float | None:
    """The number in a cell; None where there is none."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if isfinite(number) else None
