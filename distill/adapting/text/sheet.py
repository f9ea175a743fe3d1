"""A contact sheet: faces side by side, to see at a glance what a head takes for what."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.io.atomic import replacing


def write_sheet(
    rows: list[NDArray[np.uint8]], path: Path, columns: int = 8, quality: int = 92
) -> None:
    """Write groups of faces, each uint8 RGB [n, H, W, 3], one below the other, as JPEG.

    A group starts a new line; white stands between groups.
    """
    height, width = rows[0].shape[1:3]
    strips = []
    for group in rows:
        lines = -(-len(group) // columns)
        strip = np.full((lines * height + 8, columns * width, 3), 255, np.uint8)
        for place, face in enumerate(group):
            y, x = divmod(place, columns)
            strip[y * height : (y + 1) * height, x * width : (x + 1) * width] = face
        strips.append(strip)
    encoded = cv2.imencode(
        ".jpg", np.concatenate(strips)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
    )[1]
    with replacing(path) as partial:
        partial.write_bytes(encoded.tobytes())
