"""A video from end to end: every frame through a stream, its states to every output."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Final

from mf2_edge.errors import VideoError
from mf2_edge.face_outputs import FaceOutput
from mf2_edge.video import VideoSource

if TYPE_CHECKING:
    from mf2_edge.stream import FaceStateStream

_TIMED: Final = 10_000
"""Frames, the latest, whose times are kept."""


@dataclass(slots=True)
class Watched:
    """What became of a video: frames analysed and dropped, the seconds it took, what stopped it.

    `frame_ms` are the ms that the stream took for each of the latest frames.
    """

    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    last_ms: float = 0.0
    frame_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMED))
    error: VideoError | None = None
    interrupted: bool = False

    @property
    def fps(self) -> float:
        """Frames analysed a second, reading and writing included."""
        return self.frames / self.seconds if self.seconds else 0.0


def watch(
    source: VideoSource,
    stream: FaceStateStream,
    outputs: Sequence[FaceOutput],
    *,
    progress: bool = True,
) -> Watched:
    """Analyse a source to its end, or to Ctrl-C, with a progress bar on stderr.

    A video that breaks off is no exception here: everything up to there is written, and
    `Watched.error` says what happened. Raises OutputError if an output cannot be written.
    """
    from tqdm import tqdm

    result, began = Watched(), perf_counter()
    bar = tqdm(
        total=source.frame_count, unit=" frames", file=sys.stderr, disable=not progress, leave=True
    )
    with bar, source:
        try:
            for frame in source:
                start = perf_counter()
                faces = stream.update(frame.image, frame.timestamp_ms)
                result.frame_ms.append((perf_counter() - start) * 1e3)
                events = stream.take_events()
                for output in outputs:
                    output.write(frame, faces, events)
                result.frames += 1
                result.last_ms = frame.timestamp_ms
                if bar.update() and source.live:
                    bar.set_postfix(dropped=source.dropped, refresh=False)
        except VideoError as error:
            result.error = error
        except KeyboardInterrupt:
            result.interrupted = True
    result.dropped = source.dropped
    result.seconds = perf_counter() - began
    return result
