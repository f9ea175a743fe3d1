"""A video into one page: `mf2-edge report`."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np
from tqdm import tqdm

from mf2_edge.errors import Mf2EdgeError, OutputError, VideoError
from mf2_edge.io.atomic import replacing
from mf2_edge.report.data import ReportData
from mf2_edge.report.facts import Facts
from mf2_edge.report.sections import render

if TYPE_CHECKING:
    from mf2_edge.io.video import VideoSource
    from mf2_edge.stream import FaceStateStream

_TIMED: Final = 10_000
"""Frames, the latest, whose times are kept."""
_USUAL_FPS: Final = 25.0


def write_report(
    source: VideoSource, stream: FaceStateStream, path: Path
) -> VideoError | KeyboardInterrupt | None:
    """Analyse a video to its end and write a page about it.

    A video that breaks off is reported as far as it goes; what ended it is on the page and is
    returned; so is KeyboardInterrupt. Memory does not grow with the length.

    Raises OutputError if the page cannot be written, before the video is read where it is plain
    then.
    """
    try:
        with replacing(path) as partial:
            text, ended = _page(source, stream)
            partial.write_text(text, encoding="utf-8")
    except Mf2EdgeError:
        raise
    except OSError as failed:
        raise OutputError(f"{path}: cannot be written ({failed.strerror or failed})") from failed
    return ended


def _page(
    source: VideoSource, stream: FaceStateStream
) -> tuple[str, VideoError | KeyboardInterrupt | None]:
    """The page, and what ended the video early."""
    analyzer = stream.analyzer
    error: VideoError | KeyboardInterrupt | None = None
    fps = source.fps or _USUAL_FPS
    data = ReportData(analyzer.bundle.manifest, analyzer.units, fps)
    taken: deque[float] = deque(maxlen=_TIMED)
    width = height = 0
    with tqdm(total=source.frame_count, unit="frame") as progress:
        try:
            for frame, time_ms in source:
                start = perf_counter()
                faces = stream.update(frame, time_ms)
                taken.append((perf_counter() - start) * 1e3)
                data.add(frame, time_ms, faces, stream.take_events())
                height, width = frame.shape[:2]
                progress.update()
        except (VideoError, KeyboardInterrupt) as broken:
            if not data.frames:
                raise
            error = broken
    p50, p90 = np.percentile(taken, (50, 90)).tolist() if taken else (0.0, 0.0)
    facts = Facts(
        Path(source.name).name,
        width,
        height,
        fps,
        (p50, p90),
        analyzer.info(),
        analyzer.bundle.manifest,
        None if error is None else str(error) or "interrupted",
    )
    return render(data, facts), error
