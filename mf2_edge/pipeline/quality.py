"""Face quality: how much the picture of a face lets one read.

Each part is a ramp from 0, where nothing can be read, to 1, where it is not in the way; `overall`
is their least. They order faces, they are no probability. The ends of `light` are where the default
bundle loses alike in the dark and in too much light (benchmarks/results/picture-quality.json): half
way down the ramps about one emotion in five is another, at 0.3 about one in four. The others are
rules of thumb.

    size        shorter side of the face box: 16 to 64 source pixels
    sharpness   variance of the Laplacian (4 neighbours) of the aligned grey face over the variance
                of its grey levels: 0.003 to 0.012
    pose        largest of |yaw| and |pitch|: 60 to 25 degrees
    light       mean grey level: 20 to 60 from below, 250 to 220 from above; part of the pixels of
                grey level 250 or more: 0.55 to 0.25; and the spread of the grey levels (standard
                deviation): 5 to 20
    visibility  part of the face's regions that can be judged, as the network tells
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.types import Box, FaceQuality, HeadPose, visible_part

LOW: Final = 0.3
"""Below this `overall` of the picture, answers bear the reason `low_quality`; hidden regions have
a reason of their own."""

_WHITE: Final = 250
"""Grey level from which a pixel counts as overexposed."""


def face_quality(aligned: NDArray[np.uint8], box: Box, pose: HeadPose | None) -> FaceQuality:
    """Quality of one face from its aligned picture [H, W, 3], RGB, and its box in source pixels.

    Without a pose (no landmarks) the part `pose` is 0.5, since it is unknown.
    """
    grey = cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY)
    mean, deviation = (float(values[0, 0]) for values in cv2.meanStdDev(grey))
    _, edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))
    turned = None if pose is None else max(abs(pose.yaw), abs(pose.pitch))
    parts = {
        "size": _ramp(min(box.width, box.height), 16, 64),
        "sharpness": _ramp(float(edges[0, 0]) ** 2 / max(deviation, 1.0) ** 2, 0.003, 0.012),
        "pose": 0.5 if turned is None else _ramp(turned, 60, 25),
        "light": min(
            _ramp(mean, 20, 60),
            _ramp(mean, 250, 220),
            _ramp(float((grey >= _WHITE).mean()), 0.55, 0.25),
            _ramp(deviation, 5, 20),
        ),
    }
    return FaceQuality(overall=min(parts.values()), **parts)


def with_visibility(quality: FaceQuality, visibility: Mapping[str, float]) -> FaceQuality:
    """The same, with what the network says of the face's regions."""
    part = visible_part(visibility)
    return replace(quality, overall=min(quality.overall, part), visibility=part)


def _ramp(value: float, bad: float, good: float) -> float:
    return min(max((value - bad) / (good - bad), 0.0), 1.0)
