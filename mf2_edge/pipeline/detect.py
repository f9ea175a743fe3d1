"""Detect: find the faces in a frame and the six landmarks of each.

The detector behind `FaceDetector` is BlazeFace short range in two passes: one finds faces, one
looks again at each face upright and filling half the view, which is what makes its landmarks
good enough to align with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, ceil, cos, hypot, isfinite, log, pi, sin
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import DetectionError
from mf2_edge.io.frames import LARGEST_POSITION
from mf2_edge.pipeline.align import warp
from mf2_edge.pipeline.blazeface import BlazeFace
from mf2_edge.types import Box, Detection, Landmarks, Point

Search = Literal["adaptive", "exhaustive", "single"]

MIN_FACE = 24 / 640
"""Smallest face looked for, as a part of the frame's longer side: 24 px in a VGA frame."""

FACE_IN_TILE = 0.2
"""Part of the smallest tiles' side that the smallest face fills."""

TILE_RATIO = 0.55
"""Each size of tiles is at least this part of the size before, so that no face size is missed."""

FACE_IN_VIEW = 0.5
"""Part of the view's side that the face box fills in the second pass."""

BOX_IN_VIEW = (0.6, 0.45, 0.8)
"""Part of the view's side that a given box fills; boxes differ in their margins, so in turn."""


class FaceDetector(Protocol):
    """Interface of a face detector; pass your own as `FaceStateAnalyzer(detector=...)`."""

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        """Faces of an RGB frame [H, W, 3], in its pixels; `[]` without a face."""
        ...


def detect_checked(detector: FaceDetector, frame: NDArray[np.uint8]) -> list[Detection]:
    """What a detector finds; raises DetectionError for what cannot be a face's place or score."""
    faces = detector.detect(frame)
    for number, face in enumerate(faces):
        box = face.box
        numbers = (box.x, box.y, box.width, box.height, face.score)
        if not all(map(isfinite, numbers)) or max(map(abs, numbers)) > LARGEST_POSITION:
            said = "expected finite numbers of pixels of the frame, and a score"
        elif box.width <= 0 or box.height <= 0:
            said = "expected a positive width and height"
        elif not 0 <= face.score <= 1:
            said = "expected a score from 0 to 1"
        else:
            continue
        raise DetectionError(
            f"face {number} of {type(detector).__name__} has {box} and score {face.score}; {said}"
        )
    return faces


class BlazeFaceDetector:
    """Any number of faces of an RGB frame, largest first.

    `search`: "single" looks at the whole frame once, for faces that fill about a sixth of it or
    more. "adaptive" goes on to smaller and turned faces only while no face was found, so that a
    frame with a near face stays cheap. "exhaustive" looks for all of them.
    """

    def __init__(self, *, num_threads: int = 1, search: Search = "adaptive") -> None:
        if search not in get_args(Search):
            raise ValueError(f"search={search!r}: expected one of {', '.join(get_args(Search))}")
        self.search = search
        self.network = BlazeFace(num_threads=num_threads)

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        """Faces of a uint8 RGB frame [H, W, 3] in its pixels, largest first."""
        spec = self.network.spec
        rounds = self._rounds(frame.shape[0], frame.shape[1])
        found = self._search(frame, next(rounds), spec.min_score, spec.min_score)
        for views in rounds:
            if self.search == "adaptive" and any(face.score >= spec.sure_score for face in found):
                break
            more = self._search(frame, views, spec.candidate_score, spec.sure_score)
            found = self.network.distinct(found + more)
        return sorted(found, key=lambda face: face.box.area, reverse=True)

    def refine(self, frame: NDArray[np.uint8], box: Box) -> Detection | None:
        """The face inside `box` (pixels of `frame`) with its landmarks; None if there is none.

        For the boxes of other detectors and for crops: their margins vary, so several views of
        the box are tried.
        """
        middle, side = centre(box), max(box.width, box.height)
        for part in BOX_IN_VIEW:
            view = View(middle, side / part)
            faces = self.look(frame, view, self.network.spec.min_score_in_box)
            if faces:
                nearest = min(faces, key=lambda face: _distance(face.box, box))
                return self._look_closer(frame, nearest) or nearest
        return None

    def follow(self, frame: NDArray[np.uint8], face: Detection) -> Detection | None:
        """A face that was at `face` (with landmarks) a moment ago, by one look there; or None."""
        return self._look_closer(frame, face)

    def _rounds(self, height: int, width: int) -> Iterator[list[View]]:
        """Sets of views, cheapest first: the frame, the frame turned, ever smaller tiles of it."""
        long, short = max(height, width), min(height, width)
        whole = Point((width - 1) / 2, (height - 1) / 2)
        yield [View(whole, long)]
        if self.search == "single":
            return
        yield [View(whole, long, quarters * pi / 2) for quarters in (1, 3, 2)]
        smallest = MIN_FACE * long / FACE_IN_TILE
        largest = max(min(short, 0.6 * long), smallest)
        sizes = 1 + ceil(log(smallest / largest) / log(TILE_RATIO))
        for side in np.geomspace(largest, smallest, sizes).tolist():
            yield list(_tiles(height, width, side))

    def _search(
        self, frame: NDArray[np.uint8], views: list[View], candidate: float, accepted: float
    ) -> list[Detection]:
        """Both passes over some views: faces whose first and second look reach the given scores."""
        candidates = [face for view in views for face in self.look(frame, view, candidate)]
        closer = [self._look_closer(frame, face) for face in self.network.distinct(candidates)]
        good = [face for face in closer if face is not None and face.score >= accepted]
        return self.network.distinct(good)

    def look(self, frame: NDArray[np.uint8], view: View, min_score: float) -> list[Detection]:
        """One pass of the network over one view; its faces in pixels of the frame, best first."""
        size = self.network.spec.input_size
        pixels = warp(frame, view.to_pixels(size), size, size, border="black")
        return [_moved(face, view, size) for face in self.network.run(pixels, min_score)]

    def _look_closer(self, frame: NDArray[np.uint8], face: Detection) -> Detection | None:
        """The second pass: the same face again, eyes level, filling half the view."""
        side = max(face.box.width, face.box.height) / FACE_IN_VIEW
        view = View(centre(face.box), side, roll(face))
        again = self.look(frame, view, self.network.spec.min_score_in_box)
        return min(again, key=lambda other: _distance(other.box, face.box)) if again else None


@dataclass(frozen=True, slots=True)
class View:
    """A square part of a frame: centre and side in frame pixels, clockwise turn in radians."""

    centre: Point
    side: float
    turn: float = 0.0

    def to_pixels(self, size: int) -> NDArray[np.float64]:
        """Similarity (2x3) from frame pixels to the pixels of this view drawn `size` wide."""
        c, s = (f(self.turn) * size / self.side for f in (cos, sin))
        x, y, middle = self.centre.x, self.centre.y, (size - 1) / 2
        return np.array([[c, s, middle - c * x - s * y], [-s, c, middle + s * x - c * y]])

    def to_frame(self, point: Point, size: int) -> Point:
        """The frame pixel under a pixel of this view drawn `size` wide."""
        c, s = (f(self.turn) * self.side / size for f in (cos, sin))
        x, y = point.x - (size - 1) / 2, point.y - (size - 1) / 2
        return Point(self.centre.x + c * x - s * y, self.centre.y + s * x + c * y)


def _tiles(height: int, width: int, side: float) -> Iterator[View]:
    """Squares of `side` that cover the frame, neighbours overlapping by a quarter at least."""
    for y in _tile_centres(height, side):
        for x in _tile_centres(width, side):
            yield View(Point(x, y), side)


def _tile_centres(length: int, side: float) -> list[float]:
    if side >= length:
        return [(length - 1) / 2]
    count = ceil((length - side) / (0.75 * side)) + 1
    return [float(c) for c in np.linspace(side / 2, length - side / 2, count) - 0.5]


def _moved(face: Detection, view: View, size: int) -> Detection:
    """A detection from a view's pixels to the frame's; the box turns with its centre only."""
    scale = view.side / size
    middle = view.to_frame(centre(face.box), size)
    width, height = face.box.width * scale, face.box.height * scale
    box = Box(middle.x - width / 2, middle.y - height / 2, width, height)
    points = {
        name: view.to_frame(getattr(face.landmarks, name), size) for name in Landmarks.__slots__
    }
    return Detection(box, face.score, Landmarks(**points))


def roll(face: Detection) -> float:
    """In-plane turn of the head, radians clockwise as seen, from the line through the eyes."""
    assert face.landmarks is not None  # BlazeFace reports them with every face
    right, left = face.landmarks.right_eye, face.landmarks.left_eye
    return atan2(left.y - right.y, left.x - right.x)


def centre(box: Box) -> Point:
    """The middle of a box."""
    return Point(box.x + box.width / 2, box.y + box.height / 2)


def _distance(a: Box, b: Box) -> float:
    return hypot(centre(a).x - centre(b).x, centre(a).y - centre(b).y)
