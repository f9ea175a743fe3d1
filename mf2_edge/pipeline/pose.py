"""Head pose from the six landmarks of the detector.

A weak-perspective camera (a face is small against its distance) sees the rigid points of an
average head turned, scaled and shifted: the least-squares fit of the two rows of its matrix, made
orthonormal by a singular value decomposition (Horn et al. 1988, doi:10.1364/JOSAA.5.001127), is the
rotation.

BlazeFace places its points to a few pixels and puts hidden ears where it guesses them, and nobody's
head is the average one: expect errors of several degrees near the front and more beyond 45; nothing
at hand says how many exactly, since no face here has a measured pose.
"""

from __future__ import annotations

from math import asin, atan2, degrees
from typing import Final

import numpy as np

from mf2_edge.types import HeadPose, Landmarks

HEAD: Final = {
    "right_eye": (-32.0, 0.0, 0.0),
    "left_eye": (32.0, 0.0, 0.0),
    "nose_tip": (0.0, 42.0, -32.0),
    "mouth_center": (0.0, 72.0, -14.0),
    "right_ear": (-72.0, 14.0, 88.0),
    "left_ear": (72.0, 14.0, 88.0),
}
"""An adult's average head, rounded, millimetres: x to the head's left, y down, z away from the
viewer, from the middle between the pupils. Breadths follow the means of head and face surveys
(interpupillary 64 mm, tragion to tragion 144 mm); depths are coarse."""


def head_pose(landmarks: Landmarks) -> HeadPose | None:
    """Yaw, pitch and roll in degrees (see `HeadPose`); None where the landmarks are degenerate."""
    points = np.array([[p.x, p.y] for p in (getattr(landmarks, name) for name in HEAD)])
    if not np.isfinite(points).all():
        return None
    rows, *_ = np.linalg.lstsq(_CENTRED, points - points.mean(axis=0), rcond=None)
    left, sizes, right = np.linalg.svd(rows.T, full_matrices=False)
    if sizes[-1] < 1e-6:
        return None
    across, down = left @ right
    away = np.cross(across, down)
    # R = yaw * pitch * roll, turns about the camera's axes: y down, x right, z away.
    return HeadPose(
        yaw=degrees(atan2(-across[2], away[2])),
        pitch=degrees(asin(min(max(float(down[2]), -1.0), 1.0))),
        roll=degrees(atan2(down[0], down[1])),
    )


_MODEL = np.array(list(HEAD.values()))
_CENTRED = _MODEL - _MODEL.mean(axis=0)
