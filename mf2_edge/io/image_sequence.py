"""Pictures of a folder as the frames of a video: all of it, or those that match a pattern."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import ImageFileError, VideoError
from mf2_edge.io.image_file import IMAGE_SUFFIXES, read_image
from mf2_edge.io.regular import is_folder

FPS: Final = 25.0
"""Pictures have no times: this many are taken to be a second's."""

_NUMBER: Final = re.compile(r"%0?\d*d")


class ImageSequence:
    """Pictures in the order of the numbers in their names, `FPS` a second.

    `unreadable` counts those that are passed over since they cannot be read.
    """

    fps: float | None = FPS

    def __init__(self, source: Path) -> None:
        """`source`: a folder, or one with a pattern: `frames/%05d.png`, `frames/*.png`.

        Raises VideoError where there is no picture.
        """
        self.name = str(source)
        self._files = sorted(_found(source), key=_natural)
        if not self._files:
            raise VideoError(
                f"{source}: no picture there; expected a video, or a folder of pictures"
            )
        self.frame_count: int | None = len(self._files)
        self.unreadable = 0
        self.breaks_off = False

    @property
    def files(self) -> list[Path]:
        """The pictures, in order."""
        return list(self._files)

    def frames(self, every: int = 1) -> Iterator[tuple[NDArray[np.uint8], float]]:
        """Every `every`-th picture, BGR [H, W, 3], and its milliseconds after the first."""
        for number in range(0, len(self._files), every):
            try:
                picture = read_image(self._files[number])
            except ImageFileError:
                self.unreadable += 1
                continue
            yield np.ascontiguousarray(picture[..., ::-1]), number * 1e3 / FPS

    def close(self) -> None:
        """Nothing is open."""


def is_image_sequence(source: Path) -> bool:
    """Whether it is a folder, or no file and the name a pattern."""
    if is_folder(source):
        return True
    is_pattern = bool(_NUMBER.search(source.name)) or "*" in source.name
    return is_pattern and not os.path.lexists(source)


def _found(source: Path) -> Iterator[Path]:
    if is_folder(source):
        folder, pattern = source, re.compile(".*", re.DOTALL)
    else:
        folder = source.parent
        parts = re.split(rf"({_NUMBER.pattern}|\*)", source.name)
        known = {"*": ".*"}
        pattern = re.compile(
            "".join(
                known.get(part, r"\d+" if _NUMBER.fullmatch(part) else re.escape(part))
                for part in parts
            ),
            re.DOTALL,
        )
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        is_image = file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
        if is_image and pattern.fullmatch(file.name) and file.is_file():
            yield file


def _natural(path: Path) -> list[tuple[int, str]]:
    """`frame2` before `frame10`."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return [(int(part) if part.isdecimal() and part.isascii() else 0, part) for part in parts]
