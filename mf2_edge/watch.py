"""Watch: a video through a stream, and what was seen into files.

Lines are flushed frame by frame, so that what was written stays valid whatever happens next.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mf2_edge.annotate import draw
from mf2_edge.columns import Style, columns, row_maker
from mf2_edge.errors import VideoError
from mf2_edge.types import ActionUnitEvent, FaceState

if TYPE_CHECKING:
    from mf2_edge.schema import Manifest
    from mf2_edge.stream import FaceStateStream
    from mf2_edge.video import VideoSource

_DEFAULT_FPS: Final = 25.0


@dataclass(frozen=True)
class Outputs:
    """Where to write what: paths, or None. `style` names the columns of the CSV."""

    jsonl: Path | None = None
    csv: Path | None = None
    annotate: Path | None = None
    style: Style = "native"


@dataclass
class Seen:
    """What was watched: frames analysed and dropped, ids of the faces, events of their units."""

    frames: int = 0
    dropped: int = 0
    faces: set[int] = field(default_factory=set)
    events: int = 0


@dataclass(frozen=True)
class Moment:
    """One frame and all that is known of it."""

    number: int
    time_ms: float
    frame: NDArray[np.uint8]
    """BGR [H, W, 3]."""
    states: list[FaceState]
    events: list[ActionUnitEvent]


class Writer(Protocol):
    """Takes moments in order."""

    def write(self, moment: Moment) -> None:
        """Write one."""

    def close(self) -> None:
        """Nothing comes after this."""


def watch(source: VideoSource, stream: FaceStateStream, outputs: Outputs, seen: Seen) -> None:
    """Analyse every frame of the source and write as told; `seen` counts along.

    Raises VideoError where the source ends early; all that came before has been written then.
    """
    manifest = stream.analyzer.bundle.manifest
    with ExitStack() as stack:
        writers = [stack.enter_context(closing(w)) for w in _writers(source, outputs, manifest)]
        progress = stack.enter_context(tqdm(total=source.frame_count, unit="frame"))
        for number, (frame, time_ms) in enumerate(source):
            states = stream.update(frame, time_ms)
            moment = Moment(number, time_ms, frame, states, stream.take_events())
            for writer in writers:
                writer.write(moment)
            seen.frames, seen.dropped = seen.frames + 1, source.dropped
            seen.faces |= {state.track_id for state in states if state.track_id is not None}
            seen.events += len(moment.events)
            progress.update()
            progress.set_postfix(faces=len(states), dropped=source.dropped, refresh=False)


def _writers(source: VideoSource, outputs: Outputs, manifest: Manifest) -> Iterator[Writer]:
    if outputs.jsonl is not None:
        yield _JsonLines(outputs.jsonl)
    if outputs.csv is not None:
        yield _Csv(outputs.csv, outputs.style, manifest)
    if outputs.annotate is not None:
        yield _Pictures(outputs.annotate, source.fps or _DEFAULT_FPS)


class _JsonLines:
    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out = path.open("w", encoding="utf-8")

    def write(self, moment: Moment) -> None:
        line = {
            "frame": moment.number,
            "timestamp_ms": round(moment.time_ms, 3),
            "faces": [state.to_dict() for state in moment.states],
            "events": [asdict(event) for event in moment.events],
        }
        self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        self._out.close()


class _Csv:
    def __init__(self, path: Path, style: Style, manifest: Manifest) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._out = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._out, columns(style, manifest), lineterminator="\n")
        self._rows.writeheader()
        self._row = row_maker(style)

    def write(self, moment: Moment) -> None:
        for state in moment.states:
            self._rows.writerow(self._row(moment.number, moment.time_ms, state))
        self._out.flush()

    def close(self) -> None:
        self._out.close()


class _Pictures:
    """An .mp4 of annotated frames; it becomes readable when it is closed."""

    def __init__(self, path: Path, fps: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._fps = path, fps
        self._partial = path.with_name(f".{path.stem}.partial{path.suffix}")
        self._video: cv2.VideoWriter | None = None

    def write(self, moment: Moment) -> None:
        rgb = np.ascontiguousarray(moment.frame[..., ::-1])
        picture = np.asarray(draw(rgb, moment.states))[..., ::-1]
        height, width = picture.shape[:2]
        if self._video is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            video = cv2.VideoWriter(str(self._partial), code, self._fps, (width, height))
            if not video.isOpened():
                raise VideoError(f"{self._path}: cannot be written; expected a path like out.mp4")
            self._video = video
        self._video.write(np.ascontiguousarray(picture))

    def close(self) -> None:
        if self._video is not None:
            self._video.release()
            self._partial.replace(self._path)
