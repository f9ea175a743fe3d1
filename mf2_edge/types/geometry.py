"""Where a face lies, in pixels of the frame: origin at the top left, x to the right, y down."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned rectangle in pixels; it may reach beyond the frame."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Point:
    """A position in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The six key points of BlazeFace (Bazarevsky et al. 2019), pixels; sides are the subject's."""

    right_eye: Point
    left_eye: Point
    nose_tip: Point
    mouth_center: Point
    right_ear: Point
    left_ear: Point


@dataclass(frozen=True, slots=True)
class Detection:
    """One face as a detector reports it: box, confidence in 0..1, landmarks where it has them.

    `doubtful`: the detector cannot tell which way up the face is; its state then bears the reason
    `low_quality`.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None
    doubtful: bool = False
