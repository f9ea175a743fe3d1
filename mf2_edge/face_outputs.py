"""Where the states of a stream go, frame by frame: JSON lines, CSV, Parquet, an annotated video.

Nothing is kept but what a format needs, so the length of a video does not matter. Lines of JSON
and CSV are on disk after each frame; Parquet and video appear whole, when they are closed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import cv2
import numpy as np

from mf2_edge.atomic import replacing
from mf2_edge.errors import Mf2EdgeError, OutputError
from mf2_edge.extras import require
from mf2_edge.face_table import Cell, FaceTable

if TYPE_CHECKING:
    from mf2_edge.types import ActionUnitEvent, FaceState
    from mf2_edge.video import VideoFrame

_ROW_GROUP: Final = 4096
"""Rows of Parquet that wait in memory."""
_LONGEST_PAUSE_S: Final = 10
"""A longer gap between frames is shortened to this in an annotated video."""


class FaceOutput(Protocol):
    """Takes the states of one frame after another."""

    def write(
        self, frame: VideoFrame, faces: Sequence[FaceState], events: Sequence[ActionUnitEvent]
    ) -> None:
        """A frame, its faces, and the events that were told with it."""


@contextmanager
def json_lines(path: Path) -> Iterator[FaceOutput]:
    """An object a frame: `{"frame", "timestamp_ms", "faces", "events"}`."""
    with _writing(path), path.open("w", encoding="utf-8") as out:
        yield _JsonLines(out)


@contextmanager
def csv_table(path: Path, table: FaceTable) -> Iterator[FaceOutput]:
    """A row a face, unknown cells empty."""
    with _writing(path), path.open("w", encoding="utf-8", newline="") as out:
        yield _Csv(out, table)


@contextmanager
def parquet_table(path: Path, table: FaceTable) -> Iterator[FaceOutput]:
    """A row a face, unknown cells null. Raises MissingExtraError without the extra `parquet`."""
    arrow, parquet = require("pyarrow", extra="parquet"), require("pyarrow.parquet", extra="parquet")
    kinds = {"text": arrow.string(), "integer": arrow.int64(), "number": arrow.float64()}
    schema = arrow.schema([(column.name, kinds[column.kind]) for column in table.columns])
    with (
        _writing(path),
        replacing(path) as partial,
        parquet.ParquetWriter(partial, schema) as writer,
    ):
        out = _Parquet(arrow, writer, schema, table)
        yield out
        out.flush()


@contextmanager
def annotated_video(path: Path, fps: float) -> Iterator[FaceOutput]:
    """An MP4 (MPEG-4 part 2) of constant `fps`, in step with the frames' own times."""
    with _writing(path), replacing(path) as partial:
        out = _Annotated(partial, fps)
        try:
            yield out
        finally:
            out.release()
        if not partial.exists():
            raise OSError("no frame was written")


class _JsonLines:
    def __init__(self, out: Any) -> None:
        self._out = out

    def write(
        self, frame: VideoFrame, faces: Sequence[FaceState], events: Sequence[ActionUnitEvent]
    ) -> None:
        item = {
            "frame": frame.index,
            "timestamp_ms": round(frame.timestamp_ms, 3),
            "faces": [face.to_dict() for face in faces],
            "events": [event_dict(event) for event in events],
        }
        self._out.write(json.dumps(item, ensure_ascii=False) + "\n")
        self._out.flush()


class _Csv:
    def __init__(self, out: Any, table: FaceTable) -> None:
        self._out, self._table = out, table
        self._csv = csv.writer(out, lineterminator="\n")
        self._csv.writerow(column.name for column in table.columns)

    def write(
        self, frame: VideoFrame, faces: Sequence[FaceState], events: Sequence[ActionUnitEvent]
    ) -> None:
        self._csv.writerows(self._table.rows(frame.index, frame.timestamp_ms, faces))
        self._out.flush()


class _Parquet:
    def __init__(self, arrow: Any, writer: Any, schema: Any, table: FaceTable) -> None:
        self._arrow, self._writer, self._schema, self._table = arrow, writer, schema, table
        self._rows: list[list[Cell]] = []

    def write(
        self, frame: VideoFrame, faces: Sequence[FaceState], events: Sequence[ActionUnitEvent]
    ) -> None:
        self._rows += self._table.rows(frame.index, frame.timestamp_ms, faces)
        if len(self._rows) >= _ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            columns = [list(cells) for cells in zip(*self._rows, strict=True)]
            arrays = [
                self._arrow.array(cells, type=field.type)
                for cells, field in zip(columns, self._schema, strict=True)
            ]
            self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
            self._rows.clear()


class _Annotated:
    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps = path, fps
        self._writer: cv2.VideoWriter | None = None
        self._written = 0
        self._size = (0, 0)

    def write(
        self, frame: VideoFrame, faces: Sequence[FaceState], events: Sequence[ActionUnitEvent]
    ) -> None:
        from mf2_edge.annotate import draw

        picture = np.asarray(draw(frame.image[..., ::-1], faces))[..., ::-1]
        if self._writer is None:
            # Most decoders want even sides.
            self._size = (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), code, self._fps, self._size)
            if not self._writer.isOpened():
                raise OSError("this OpenCV cannot write MP4")
        if (picture.shape[1], picture.shape[0]) != self._size:
            width, height = self._size
            cut = picture[:height, :width]
            fits = cut.shape[:2] == (height, width)
            picture = cut if fits else cv2.resize(picture, self._size)
        # A frame stands until the next is due; one that comes too early for its own is left out.
        due = round(frame.timestamp_ms * self._fps / 1e3) + 1
        for _ in range(min(due - self._written, round(_LONGEST_PAUSE_S * self._fps))):
            self._writer.write(np.ascontiguousarray(picture))
        self._written = max(self._written, due)

    def release(self) -> None:
        if self._writer is not None:
            self._writer.release()


def event_dict(event: ActionUnitEvent) -> dict[str, Any]:
    """An event as plain values, ready for JSON."""
    return {name: getattr(event, name) for name in event.__slots__}


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except Mf2EdgeError:
        raise  # of the video, or of another output
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
