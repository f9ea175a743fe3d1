"""A stream: frame after frame of one scene, with track ids, smoothing and events.

    frame -> track -> align -> preprocess -> run -> decode -> (resting face) -> smooth -> FaceState

Time is the frames' own: nothing here reads a clock, so a file gives the same states at any speed.
Memory and cost a frame are bounded by the number of faces, whatever the length of the stream.
"""

from __future__ import annotations

from collections import deque
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import TimestampError
from mf2_edge.io.frames import ColorOrder, ImageLike, check_frame
from mf2_edge.pipeline.finder import YuNetDetector
from mf2_edge.tracking.baseline import Baseline
from mf2_edge.tracking.one_euro import OneEuro
from mf2_edge.tracking.smoother import Smoother
from mf2_edge.tracking.tracker import Track, Tracker
from mf2_edge.types import ActionUnitEvent, Box, Detection, FaceState, Landmarks, Point

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import Manifest
    from mf2_edge.pipeline.detect import BlazeFaceDetector, FaceDetector

KEPT_EVENTS: Final = 10_000
"""Events kept until `take_events`; older ones are dropped."""


class FrameAnalyzer(Protocol):
    """What a stream needs of an analyzer; `FaceStateAnalyzer` has it."""

    bundle: Bundle
    detector: FaceDetector

    @property
    def units(self) -> tuple[str, ...]:
        """The Action Units of the results, in the manifest's order."""

    @property
    def landmark_finder(self) -> BlazeFaceDetector:
        """Finds the landmarks of a face that a detector gave without them."""

    def analyze(self, image: NDArray[np.uint8], face: Detection) -> FaceState:
        """The state of one face of an RGB image."""

    def info(self) -> dict[str, Any]:
        """What the analyzer runs, as plain values ready for JSON."""


class FaceStateStream:
    """The states of the faces of one scene over time; made by `FaceStateAnalyzer.stream`."""

    def __init__(
        self,
        analyzer: FrameAnalyzer,
        *,
        detect_every_ms: float = 200,
        baseline: Baseline | None = None,
    ) -> None:
        """Raises BaselineError for a baseline of another bundle, ValueError for a bad interval."""
        if not detect_every_ms >= 0:
            raise ValueError(f"detect_every_ms={detect_every_ms}: expected 0 or more milliseconds")
        if baseline is not None:
            baseline.check(analyzer.bundle)
        self.analyzer, self.baseline = analyzer, baseline
        self.detect_every_ms = detect_every_ms
        self.reset()

    def reset(self) -> None:
        """Forget all faces and events, as for another scene; time may begin anew."""
        detector, finder = self.analyzer.detector, self.analyzer.landmark_finder
        if isinstance(detector, YuNetDetector):
            detector = detector.for_stream()
        self._tracker = Tracker(detector, finder, detect_every_ms=self.detect_every_ms)
        self._people: dict[int, _Person] = {}
        self._events: deque[ActionUnitEvent] = deque(maxlen=KEPT_EVENTS)
        self._last_ms: float | None = None

    def update(
        self,
        frame: ImageLike,
        timestamp_ms: float,
        *,
        color: ColorOrder = "bgr",
    ) -> list[FaceState]:
        """The state of every face in the next frame, largest first, each with its `track_id`.

        `frame` as `FaceStateAnalyzer.predict` takes it; `timestamp_ms` on any clock that does not
        run backwards. Frames may be dropped, repeated or come at changing rates.

        Raises TimestampError for a frame older than the one before, and as `predict`.
        """
        self._check_time(timestamp_ms)
        image = check_frame(frame, color)
        tracks, gone = self._tracker.update(image, timestamp_ms)
        self._last_ms = timestamp_ms
        for track_id in gone:
            person = self._people.pop(track_id, None)  # none where its only inference failed
            if person is not None:
                self._events.extend(person.smoother.close(timestamp_ms))
        states = [self._read(image, track, timestamp_ms) for track in tracks]
        return sorted(states, key=lambda state: state.box.area, reverse=True)

    def take_events(self) -> list[ActionUnitEvent]:
        """Events since the last call, in the order in which they occurred."""
        events = list(self._events)
        self._events.clear()
        return events

    def _read(self, image: NDArray[np.uint8], track: Track, timestamp_ms: float) -> FaceState:
        manifest = self.analyzer.bundle.manifest
        person = self._people.setdefault(track.id, _Person(manifest, track.id))
        face = person.smooth(track.face, timestamp_ms)
        state = self.analyzer.analyze(image, face)
        if self.baseline is not None:
            state = self.baseline.apply(state)
        state, events = person.smoother.update(state, timestamp_ms)
        self._events.extend(events)
        return state

    def _check_time(self, timestamp_ms: float) -> None:
        try:
            finite = isfinite(timestamp_ms)
        except (TypeError, OverflowError):
            finite = False
        if not finite:
            raise TimestampError(
                f"timestamp_ms is {timestamp_ms!r}; expected a finite number of milliseconds"
            )
        if self._last_ms is not None and timestamp_ms < self._last_ms:
            raise TimestampError(
                f"timestamp_ms went back from {self._last_ms:g} to {timestamp_ms:g}; expected "
                "frames in order: drop the late one, or call reset() for another scene"
            )


class _Person:
    """The state that a stream keeps of one tracked face."""

    def __init__(self, manifest: Manifest, track_id: int) -> None:
        self.smoother = Smoother(manifest, track_id)
        self._points = OneEuro(manifest.smoothing.landmarks, together=True)
        self._last_ms: float | None = None

    def smooth(self, face: Detection, timestamp_ms: float) -> Detection:
        """The face with its box and landmarks smoothed, so that the crop does not jitter."""
        seconds = 0.0 if self._last_ms is None else (timestamp_ms - self._last_ms) / 1e3
        self._last_ms = timestamp_ms
        if face.landmarks is None:
            return face
        box = face.box
        points = [getattr(face.landmarks, name) for name in Landmarks.__slots__]
        corners = [(box.x, box.y), (box.x + box.width, box.y + box.height)]
        values = np.array([*corners, *((point.x, point.y) for point in points)], np.float64)
        smoothed = self._points.update(values.ravel(), seconds, unit=box.width).reshape(-1, 2)
        (x0, y0), (x1, y1), *moved = smoothed.tolist()
        named = zip(Landmarks.__slots__, moved, strict=True)
        landmarks = Landmarks(**{name: Point(x, y) for name, (x, y) in named})
        return Detection(Box(x0, y0, x1 - x0, y1 - y0), face.score, landmarks)
