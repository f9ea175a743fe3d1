"""Runs a video through a stream and writes the results to files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from mf2_edge.cli.annotated_video import AnnotatedVideo
from mf2_edge.cli.watch_files import Csv, FrameResult, JsonLines, Parquet, Writer, writing
from mf2_edge.columns import Style
from mf2_edge.tracking.baseline import NeutralRecorder

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.io.video import VideoSource
    from mf2_edge.stream import FaceStateStream, FrameAnalyzer


@dataclass(frozen=True)
class Outputs:
    """Where to write what: paths, or None. `style` names the columns of CSV and Parquet."""

    jsonl: Path | None = None
    csv: Path | None = None
    parquet: Path | None = None
    annotate: Path | None = None
    resting_face: Path | None = None
    style: Style = "native"


@dataclass
class WatchStats:
    """What was watched: frames analysed, dropped and unreadable, ids of the faces, events."""

    frames: int = 0
    dropped: int = 0
    missing: int = 0
    faces: set[int] = field(default_factory=set)
    events: int = 0


def watch(
    source: VideoSource, stream: FaceStateStream, outputs: Outputs, stats: WatchStats
) -> None:
    """Analyse every frame of the source and write the results; `stats` is updated in place.

    Raises VideoError where the source ends early and OutputError where a file cannot be written;
    all that came before has been written then.
    """
    with ExitStack() as stack:
        writers = [
            stack.enter_context(closing(w)) for w in _writers(source, outputs, stream.analyzer)
        ]
        total = None if source.frame_count is None else -(-source.frame_count // source.every)
        progress = stack.enter_context(tqdm(total=total, unit="frame"))
        for count, (frame, time_ms) in enumerate(source):
            number = count * source.every
            states = stream.update(frame, time_ms)
            result = FrameResult(number, time_ms, frame, states, stream.take_events())
            for writer in writers:
                writer.write(result)
            stats.frames, stats.dropped = stats.frames + 1, source.dropped
            stats.faces |= {state.track_id for state in states if state.track_id is not None}
            stats.events += len(result.events)
            progress.update()
            progress.set_postfix(faces=len(states), dropped=source.dropped, refresh=False)
        stats.missing = source.missing


def _writers(source: VideoSource, outputs: Outputs, analyzer: FrameAnalyzer) -> Iterator[Writer]:
    given = (outputs.style, analyzer.bundle.manifest, analyzer.units)
    if outputs.parquet is not None:  # first: what it needs may not be installed
        yield Parquet(outputs.parquet, *given)
    if outputs.jsonl is not None:
        yield JsonLines(outputs.jsonl)
    if outputs.csv is not None:
        yield Csv(outputs.csv, *given)
    if outputs.annotate is not None:
        yield AnnotatedVideo(outputs.annotate, source)
    if outputs.resting_face is not None:
        yield RestingFace(outputs.resting_face, analyzer.bundle)


class RestingFace:
    """Records a baseline from the frames that show one face alone."""

    def __init__(self, path: Path, bundle: Bundle) -> None:
        self._path, self._recorder = path, NeutralRecorder(bundle)

    def write(self, result: FrameResult) -> None:
        """Take the face of a frame."""
        if len(result.states) == 1:
            self._recorder.add(result.states[0])

    def close(self) -> None:
        """Save the baseline; BaselineError where the face was not at rest, or seldom alone."""
        with writing(self._path):
            self._recorder.baseline().save(self._path)
