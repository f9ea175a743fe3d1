"""The goldens of the stage align: a small frame, landmarks in it, and the faces cut out of it."""

from __future__ import annotations

from dataclasses import fields
from math import cos, sin
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

import mf2_edge
from mf2_edge.io.image_file import read_image
from mf2_edge.pipeline.align import align
from mf2_edge.types import Landmarks, Point

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import AlignmentSpec

PORTRAIT: Final = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"
"""NASA's portrait of Eileen Collins, in the public domain."""

_LANDMARKS: Final = [field.name for field in fields(Landmarks)]


def align_arrays(spec: AlignmentSpec) -> dict[str, Any]:
    """The stage align: a frame, landmarks in it, and what `align` makes of them.

    Enlarged and tilted; reaching out of the frame; reduced by 2 and by 3 before it is resampled,
    where blocks are cut off by the frame's edge.
    """
    frame = golden_frame()
    height, width = frame.shape[:2]
    template = np.array([spec.points[name] for name in spec.points])
    centre = template.mean(axis=0)
    poses = (
        (0.55, 0.35, (0.5 * width, 0.5 * height)),
        (1.2, -0.6, (0.85 * width, 0.2 * height)),
        (2.3, 0.1, (0.4 * width, 0.6 * height)),
        (3.4, 2.8, (0.5 * width, 0.5 * height)),
    )
    places: list[NDArray[np.float64]] = []
    for size, turn, (x, y) in poses:
        rotation = size * np.array([[cos(turn), -sin(turn)], [sin(turn), cos(turn)]])
        moved = dict(zip(spec.points, (template - centre) @ rotation.T + (x, y), strict=True))
        # As found in photographs: no similarity maps them to the template exactly.
        noise = np.random.default_rng(len(places)).normal(0, 0.4, (len(_LANDMARKS), 2))
        missing = np.array([x, y])
        named = np.stack([moved.get(name, missing) for name in _LANDMARKS])
        places.append(np.round(named + noise, 3))
    landmarks = np.stack(places)
    faces = [align(frame, Landmarks(*(Point(*p) for p in six.tolist())), spec) for six in landmarks]
    return {"frame": frame, "frame/landmarks": landmarks, "frame/aligned": np.stack(faces)}


def golden_frame() -> NDArray[np.uint8]:
    """A small part of the portrait, uint8 [97, 107, 3] RGB; no block size divides its sides."""
    image = read_image(PORTRAIT)
    small = cv2.resize(image[:388, 60:488], (107, 97), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.uint8)
