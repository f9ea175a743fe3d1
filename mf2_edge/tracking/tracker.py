"""Tracks faces from frame to frame.

Known faces are followed by one look of the detector at where each is expected, moving on as it
moved; the whole frame is searched for new ones every now and then, and when a face was lost. A
face that comes back within a second, near where it is expected, keeps its number; later, or
elsewhere, it gets a new one: people are not recognised.

Now and then a search takes clutter for a face, and looks at the same place agree for seconds: they
have a lower threshold than a search. So a new face is reported, and numbered, when the next search
finds it too, at most one interval later; else it is dropped. The first search needs no
confirmation: a still, or the first frame of a stream, gives its faces at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import TYPE_CHECKING, Final, Protocol

from mf2_edge.pipeline.blazeface import iou
from mf2_edge.pipeline.detect import detect_checked
from mf2_edge.types import Box, Detection, Landmarks, Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mf2_edge.pipeline.detect import FaceDetector

FORGET_MS: Final = 1000.0
"""A face that was lost for longer is gone."""

SAME_FACE: Final = 0.3
"""Intersection over union from which two boxes are one face."""

NEAR: Final = 1.0
"""Largest distance of a face that comes back from where it is expected, in its widths."""

STEADY_MS: Final = 150.0
"""Time over which the velocity of a face is averaged."""


class FaceFollower(Protocol):
    """Finds a face again near its last place."""

    def follow(self, frame: NDArray[np.uint8], face: Detection) -> Detection | None:
        """The face near `face`, or None."""
        ...


@dataclass(slots=True)
class Track:
    """One face through the frames; `velocity` in pixels a millisecond.

    `id` is 0 as long as one search alone has found the face.
    """

    id: int
    face: Detection
    seen_ms: float
    velocity: tuple[float, float] = (0.0, 0.0)
    visible: bool = True

    def expected(self, timestamp_ms: float) -> Detection:
        """The face, moved on as it moved until now."""
        elapsed = timestamp_ms - self.seen_ms
        return _shifted(self.face, self.velocity[0] * elapsed, self.velocity[1] * elapsed)

    def see(self, face: Detection, timestamp_ms: float) -> None:
        """Take the face's new place."""
        elapsed = timestamp_ms - self.seen_ms
        if elapsed > 0:
            (x0, y0), (x1, y1) = _centre(self.face.box), _centre(face.box)
            vx, vy = self.velocity
            self.velocity = (  # never divided by `elapsed`, which may be next to nothing
                vx + (x1 - x0 - vx * elapsed) / (elapsed + STEADY_MS),
                vy + (y1 - y0 - vy * elapsed) / (elapsed + STEADY_MS),
            )
        self.face, self.seen_ms, self.visible = face, timestamp_ms, True


class Tracker:
    """The faces of one scene. Its memory is that of the faces of the last second."""

    def __init__(
        self, detector: FaceDetector, follower: FaceFollower, *, detect_every_ms: float
    ) -> None:
        self.detector, self.follower = detector, follower
        self.detect_every_ms = detect_every_ms
        self._tracks: list[Track] = []
        self._next_id = 1
        self._searched_ms: float | None = None

    def update(
        self, frame: NDArray[np.uint8], timestamp_ms: float
    ) -> tuple[list[Track], list[int]]:
        """Visible tracks of an RGB frame, and ids of those that are gone for good."""
        lost = self._follow(frame, timestamp_ms)
        if self._is_search_due(timestamp_ms, lost=lost):
            self._match(detect_checked(self.detector, frame), timestamp_ms)
            self._searched_ms = timestamp_ms
        kept = [t for t in self._tracks if t.visible or timestamp_ms - t.seen_ms <= FORGET_MS]
        gone = [track.id for track in self._tracks if track.id and track not in kept]
        self._tracks = kept
        return [track for track in kept if track.id and track.visible], gone

    def _follow(self, frame: NDArray[np.uint8], timestamp_ms: float) -> bool:
        """Look for each visible face where it is expected; whether one was lost."""
        visible = [track for track in self._tracks if track.visible]
        taken: list[Box] = []
        for track in visible:  # the longest known first: of two on one face, it stays
            expected = track.expected(timestamp_ms)
            face = self._look(frame, expected)
            if face is None or any(iou(face.box, box) > SAME_FACE for box in taken):
                track.visible = False
                continue
            taken.append(face.box)
            track.see(face, timestamp_ms)
        return any(not track.visible for track in visible)

    def _look(self, frame: NDArray[np.uint8], expected: Detection) -> Detection | None:
        if expected.landmarks is None:  # of a detector without landmarks: nothing to look with
            return None
        if not _is_inside(expected.box, frame):  # nor anything to look at, as after a clock's jump
            return None
        face = self.follower.follow(frame, expected)
        return face if face and iou(face.box, expected.box) > SAME_FACE else None

    def _is_search_due(self, timestamp_ms: float, *, lost: bool) -> bool:
        if self._searched_ms is None:
            return True
        wait = self.detect_every_ms / 4 if lost else self.detect_every_ms
        return timestamp_ms - self._searched_ms >= wait

    def _match(self, faces: list[Detection], timestamp_ms: float) -> None:
        """Assign each detected face to a followed, a lost or a new track; confirm new ones."""
        unconfirmed = [track for track in self._tracks if not track.id]
        followed = [track for track in self._tracks if track.visible]
        confirmed_at_once = self._searched_ms is None
        for face in faces:
            track = next((t for t in followed if iou(face.box, t.face.box) > SAME_FACE), None)
            if track is None:
                track = self._nearest_lost(face, timestamp_ms) or self._new_track(
                    face, timestamp_ms
                )
                track.see(face, timestamp_ms)
            if not track.id and (confirmed_at_once or track in unconfirmed):
                track.id = self._next_id
                self._next_id += 1
        self._tracks = [track for track in self._tracks if track.id or track not in unconfirmed]

    def _new_track(self, face: Detection, timestamp_ms: float) -> Track:
        track = Track(0, face, timestamp_ms)
        self._tracks.append(track)
        return track

    def _nearest_lost(self, face: Detection, timestamp_ms: float) -> Track | None:
        """The lost track whose face is expected nearest to this one, if any is near."""
        near = []
        for track in self._tracks:
            if not track.visible:
                (x0, y0), (x1, y1) = _centre(track.expected(timestamp_ms).box), _centre(face.box)
                apart = hypot(x1 - x0, y1 - y0) / max(face.box.width, track.face.box.width)
                if apart <= NEAR:
                    near.append((apart, track))
        return min(near, key=lambda pair: pair[0])[1] if near else None


def _is_inside(box: Box, frame: NDArray[np.uint8]) -> bool:
    """Whether any of it is; not so if a number of it is none."""
    height, width = frame.shape[:2]
    across = box.x < width and box.x + box.width > 0
    return across and box.y < height and box.y + box.height > 0


def _shifted(face: Detection, x: float, y: float) -> Detection:
    box = replace(face.box, x=face.box.x + x, y=face.box.y + y)
    if face.landmarks is None:
        return replace(face, box=box)
    points = {name: getattr(face.landmarks, name) for name in Landmarks.__slots__}
    moved = {name: Point(point.x + x, point.y + y) for name, point in points.items()}
    return Detection(box, face.score, Landmarks(**moved))


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2
