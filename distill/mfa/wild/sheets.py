"""`mfa sheets`: numbered sheets of faces for coders, who see nothing else.

The ids on the sheets say nothing of a face, and its place is drawn, so that faces with human codes
(controls) stand anywhere. `key.csv` says which id is which face; coders must not see it.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from distill.datasets import LabelledFace
from distill.faces.pictures import Pictures
from distill.mfa.errors import MfaError
from mf2_edge.io.atomic import replacing

KEY: Final = "key.csv"
_TITLE: Final = 26
"""Pixels above a face, for its id."""
_GAP: Final = 6


@dataclass(frozen=True)
class SheetLayout:
    """Faces across and down, and the side in pixels that the longer side of a face is scaled to."""

    columns: int = 3
    rows: int = 2
    side: int = 340

    def __post_init__(self) -> None:
        """Raise MfaError for a sheet without room."""
        if min(self.columns, self.rows) < 1 or self.side < 32:
            raise MfaError(
                f"a sheet of {self.columns} x {self.rows} faces of {self.side} px; expected at "
                "least 1 x 1 of 32 px"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument(
        "list",
        type=Path,
        help="faces to code (CSV): path, set, image, chosen; human_action_units for controls",
    )
    parser.add_argument("--root", type=Path, required=True, help="folder, .tar or trees (TOML)")
    parser.add_argument("--out", type=Path, required=True, help=f"folder of {KEY} and sheets/")
    defaults = SheetLayout()
    parser.add_argument("--columns", type=int, default=defaults.columns)
    parser.add_argument("--rows", type=int, default=defaults.rows)
    parser.add_argument("--side", type=int, default=defaults.side, help=f"px; {defaults.side}")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the faces; 0")


def run(arguments: argparse.Namespace) -> int:
    """Write the key and the sheets."""
    layout = SheetLayout(arguments.columns, arguments.rows, arguments.side)
    rows = read_list(arguments.list)
    sheets = write_sheets(rows, arguments.root, arguments.out, layout, arguments.seed)
    sys.stdout.write(
        f"{len(rows):,} faces on {len(sheets):,} sheets in {arguments.out / 'sheets'}; give coders "
        f"these and docs/coding-guide.md, and never {arguments.out / KEY}\n"
    )
    return 0


def read_list(path: Path) -> list[dict[str, str]]:
    """The rows of a list of faces; raises MfaError for one without paths, or with none twice."""
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        missing = {"path", "set", "image", "chosen"} - set(reader.fieldnames or ())
        rows = list(reader)
    if missing:
        raise MfaError(f"{path} has no column {' or '.join(sorted(missing))}")
    if not rows:
        raise MfaError(f"{path} names no face")
    paths = [row["path"] for row in rows]
    if twice := sorted({one for one in paths if paths.count(one) > 1}):
        raise MfaError(f"{path} names {twice[0]} twice; a coder would see it twice")
    return rows


def write_sheets(
    rows: Sequence[dict[str, str]], root: Path, out: Path, layout: SheetLayout, seed: int
) -> list[Path]:
    """Write `key.csv` and `sheets/sheet_000.png` and so on; returns the sheets' paths.

    Raises MfaError if `out` has a key already: coders may be at work on its sheets.
    """
    if (out / KEY).exists():
        raise MfaError(f"{out} has a {KEY} already; choose another folder for new sheets")
    order = np.random.default_rng(seed).permutation(len(rows))
    keyed = [{"id": f"p{place:04d}", **rows[row]} for place, row in enumerate(order)]
    pictures = Pictures(root)
    per_sheet = layout.columns * layout.rows
    paths = []
    for number in range(ceil(len(keyed) / per_sheet)):
        part = keyed[number * per_sheet : (number + 1) * per_sheet]
        faces = [(row["id"], _read(pictures, row["path"])) for row in part]
        paths.append(out / "sheets" / f"sheet_{number:03d}.png")
        with replacing(paths[-1]) as partial:
            assert cv2.imwrite(
                str(partial), cv2.cvtColor(draw_sheet(faces, layout), cv2.COLOR_RGB2BGR)
            )
    # The key comes last: a folder that has one is complete.
    with replacing(out / KEY) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, keyed[0].keys())
        writer.writeheader()
        writer.writerows(keyed)
    return paths


def draw_sheet(
    faces: Sequence[tuple[str, NDArray[np.uint8]]], layout: SheetLayout
) -> NDArray[np.uint8]:
    """A white sheet of faces with their ids above, uint8 RGB. faces: ids and pictures, RGB."""
    width, height = layout.side + _GAP, layout.side + _TITLE
    sheet = np.full((layout.rows * height, layout.columns * width, 3), 255, np.uint8)
    for place, (name, picture) in enumerate(faces):
        row, column = divmod(place, layout.columns)
        face = _scaled(picture, layout.side)
        top, left = row * height + _TITLE - 2, column * width
        sheet[top : top + face.shape[0], left : left + face.shape[1]] = face
        origin = (left + 4, row * height + 18)
        cv2.putText(sheet, name, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (200, 0, 0), 2)
    return sheet


def _scaled(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=how), dtype=np.uint8)


def _read(pictures: Pictures, path: str) -> NDArray[np.uint8]:
    try:
        return pictures.read(LabelledFace(path, "train"))
    except KeyError:
        raise MfaError(f"the list names {path}, which is not below the root") from None
