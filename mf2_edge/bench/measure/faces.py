"""The faces that every engine is timed on: one portrait, moved, mirrored and dimmed."""

from __future__ import annotations

from importlib.resources import as_file, files

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.io.frames import read_image


def frames() -> list[NDArray[np.uint8]]:
    """Eight BGR frames [480, 640, 3] with one face of about 150 pixels each, always the same.

    NASA's astronaut portrait, in the size of a phone's preview.
    """
    with as_file(files("mf2_edge") / "samples" / "astronaut.jpg") as path:
        portrait = read_image(path)
    made = []
    for shift in (0, 8, 16, 24):
        view = cv2.resize(portrait[shift : shift + 330, shift : shift + 440], (640, 480))
        bgr = np.ascontiguousarray(view[..., ::-1], dtype=np.uint8)
        made += [bgr, np.ascontiguousarray((bgr[:, ::-1] * 0.8).astype(np.uint8))]
    return made
