"""What a report keeps of a video: averages over spans of time, key frames, events.

Its size does not depend on the length of the video: when the spans are used up, neighbours are
joined and each covers twice the time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.types import ActionUnitEvent, FaceState, Status

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

SPANS: Final = 400
"""Spans of time, an even number."""
SHORTEST_SPAN_MS: Final = 40.0
MOST_PEOPLE: Final = 24
"""Beyond them, the face with the fewest frames is left out."""
MOST_EVENTS: Final = 500
_CLEARLY_BETTER: Final = 0.02
_THUMBNAIL: Final = 176
"""Pixels of a side of a key frame."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """The face at its most certain of one emotion; `jpeg` is a square picture."""

    emotion: str
    score: float
    timestamp_ms: float
    jpeg: bytes


@dataclass(slots=True)
class Person:
    """One followed face: sums of each span [SPANS, values], and how many frames each holds."""

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    first_ms: float
    last_ms: float = 0.0
    frames: int = 0
    key_frames: dict[str, KeyFrame] = field(default_factory=dict)


class ReportData:
    """Gathers a stream frame by frame; `mean` reads it."""

    def __init__(self, manifest: Manifest, units: Sequence[str], fps: float) -> None:
        self.emotions = list(manifest.head("emotion").labels)
        self.units = list(units)
        present = [f"{unit}_present" for unit in self.units]
        # `posed` counts the frames whose head pose is known.
        self.values = [
            *self.emotions,
            *self.units,
            *present,
            "quality",
            "yaw",
            "pitch",
            "roll",
            "posed",
        ]
        # Twice a frame's time: no span between two frames stays empty.
        self.span_ms = max(SHORTEST_SPAN_MS, 2.2e3 / fps)
        self.people: dict[int, Person] = {}
        self.left_out = 0
        self.events: deque[ActionUnitEvent] = deque(maxlen=MOST_EVENTS)
        self.event_counts: Counter[str] = Counter()
        self.frames = self.frames_with_faces = 0
        self.duration_ms = 0.0
        self.poster: tuple[float, NDArray[np.uint8], list[FaceState]] | None = None

    def add(
        self,
        image: NDArray[np.uint8],
        timestamp_ms: float,
        faces: Sequence[FaceState],
        events: Iterable[ActionUnitEvent],
    ) -> None:
        """A frame, BGR uint8 [H, W, 3], its time, its faces, and the events reported with it."""
        self.frames += 1
        self.frames_with_faces += bool(faces)
        self.duration_ms = max(self.duration_ms, timestamp_ms)
        while timestamp_ms >= self.span_ms * SPANS:
            self._join_spans()
        span = max(0, floor(timestamp_ms / self.span_ms))
        for face in faces:
            person = self._person(face.track_id or 0, timestamp_ms)
            person.sums[span] += self._read(face)
            person.counts[span] += 1
            person.frames += 1
            person.last_ms = timestamp_ms
            _keep_best(person, face, image, timestamp_ms)
        for event in events:
            self.events.append(event)
            self.event_counts[event.kind] += 1
        # The poster shows as many faces as possible, as well as possible.
        worth = sum(1 + (face.quality.overall if face.quality else 0) for face in faces)
        if faces and (self.poster is None or worth > self.poster[0] + _CLEARLY_BETTER):
            self.poster = (worth, image.copy(), list(faces))

    def mean(self, person: Person, value: str) -> NDArray[np.float64]:
        """Means of each span, NaN where the face was not there, up to the end of the video."""
        shown = max(1, min(SPANS, floor(self.duration_ms / self.span_ms) + 1))
        posed = value in ("yaw", "pitch", "roll")
        counts = person.sums[:, -1] if posed else person.counts
        sums = person.sums[:, self.values.index(value)]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(counts > 0, sums / counts, np.nan)[:shown]

    def share(self, person: Person, value: str) -> float:
        """Mean over all of a person's frames."""
        return float(person.sums[:, self.values.index(value)].sum() / max(1, person.frames))

    def _person(self, track_id: int, timestamp_ms: float) -> Person:
        if track_id not in self.people:
            if len(self.people) >= MOST_PEOPLE:
                rarest = min(self.people, key=lambda key: self.people[key].frames)
                del self.people[rarest]
                self.left_out += 1
            sums = np.zeros((SPANS, len(self.values)))
            self.people[track_id] = Person(sums, np.zeros(SPANS, np.int64), timestamp_ms)
        return self.people[track_id]

    def _read(self, face: FaceState) -> NDArray[np.float64]:
        units, pose = [face.action_units[label] for label in self.units], face.head_pose
        values = [face.emotion.scores[label] for label in self.emotions]
        values += [unit.score for unit in units]
        values += [float(unit.present and unit.can_be_judged) for unit in units]
        values.append(face.quality.overall if face.quality else 0.0)
        values += [0.0] * 4 if pose is None else [pose.yaw, pose.pitch, pose.roll, 1.0]
        return np.array(values)

    def _join_spans(self) -> None:
        self.span_ms *= 2
        half = SPANS // 2
        for person in self.people.values():
            for array in (person.sums, person.counts):
                array[:half] = array.reshape(half, 2, *array.shape[1:]).sum(axis=1)
                array[half:] = 0


def _keep_best(
    person: Person, face: FaceState, image: NDArray[np.uint8], timestamp_ms: float
) -> None:
    """Keep the picture if the face is more certain of its emotion than before, and fit to see."""
    emotion, best = face.emotion, person.key_frames.get(face.emotion.label)
    if face.status is not Status.OK or (face.quality is not None and face.quality.overall < 0.3):
        return
    if best is not None and emotion.score < best.score + _CLEARLY_BETTER:
        return
    box = face.box
    side = 1.35 * max(box.width, box.height)
    x, y = box.x + box.width / 2 - side / 2, box.y + box.height / 2 - side / 2
    scale = _THUMBNAIL / side
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    size = (_THUMBNAIL, _THUMBNAIL)
    picture = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 82])
    person.key_frames[emotion.label] = KeyFrame(
        emotion.label, emotion.score, timestamp_ms, data.tobytes()
    )
