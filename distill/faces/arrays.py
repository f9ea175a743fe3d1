"""Arrays in files that are mapped into memory."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mf2_edge.io.atomic import replacing


def new_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    """Write a .npy of zeros, its room on the disk reserved where the system can.

    Raises OSError on a disk without that room: writing through a map would end the process there.
    """
    with replacing(path) as partial:
        np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape).flush()
        if hasattr(os, "posix_fallocate"):
            with partial.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)


def open_array(path: Path) -> NDArray[np.generic]:
    """An array of `new_array`, to read and write."""
    return np.asarray(np.lib.format.open_memmap(path, mode="r+"))
