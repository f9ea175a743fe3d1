"""The public-domain pictures that tests look at."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def astronaut() -> NDArray[np.uint8]:
    """NASA's portrait of Eileen Collins, RGB uint8 [512, 512, 3], a fresh copy."""
    with (
        as_file(files("mf2_edge") / "samples" / "astronaut.jpg") as path,
        Image.open(path) as image,
    ):
        return np.array(image.convert("RGB"))


PEAK_MEMORY = """
def peak():
    "Most memory that this process ever held, MB. (ru_maxrss would count the parent's, too.)"
    [line] = [row for row in open("/proc/self/status") if row.startswith("VmHWM")]
    return int(line.split()[1]) // 1024
"""
"""Source of a function for programs that tests start and measure (Linux)."""
