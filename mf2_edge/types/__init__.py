"""The results of the analyzer: small, frozen, and ready for JSON.

Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
y down. Left and right are the subject's own. Scores are in 0..1.
"""

from mf2_edge.types.answers import (
    PRESENT,
    ActionUnit,
    Emotion,
    Reason,
    Status,
    TaskAnswer,
    TaskKind,
)
from mf2_edge.types.face_state import ActionUnitEvent, FaceQuality, FaceState, HeadPose
from mf2_edge.types.geometry import Box, Detection, Landmarks, Point
from mf2_edge.types.visibility import is_covered, is_visible, visible_part

__all__ = [
    "PRESENT",
    "ActionUnit",
    "ActionUnitEvent",
    "Box",
    "Detection",
    "Emotion",
    "FaceQuality",
    "FaceState",
    "HeadPose",
    "Landmarks",
    "Point",
    "Reason",
    "Status",
    "TaskAnswer",
    "TaskKind",
    "is_covered",
    "is_visible",
    "visible_part",
]
