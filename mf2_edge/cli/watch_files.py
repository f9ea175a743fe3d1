"""Files that `watch` writes: JSON lines, CSV, Parquet.

Lines are flushed frame by frame, so what was written stays valid whatever happens next. Parquet is
written in groups of rows and takes its place when it is closed, after an error too.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mf2_edge.cli.output import rounded
from mf2_edge.columns import Row, Style, columns, kind, rows
from mf2_edge.errors import Mf2EdgeError, OutputError
from mf2_edge.extras import require
from mf2_edge.io.atomic import partial_of, put_in_place
from mf2_edge.types import ActionUnitEvent, FaceState

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

ROW_GROUP: Final = 4096
"""Rows of Parquet that wait in memory: a few megabytes, and groups that readers like."""


@dataclass(frozen=True)
class FrameResult:
    """One frame and all that is known of it."""

    number: int
    time_ms: float
    frame: NDArray[np.uint8]
    """BGR [H, W, 3]."""
    states: list[FaceState]
    events: list[ActionUnitEvent]


class Writer(Protocol):
    """Takes moments in order; both raise OutputError where nothing can be written."""

    def write(self, result: FrameResult) -> None:
        """Write one."""

    def close(self) -> None:
        """Nothing comes after this."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says about a file into OutputError."""
    try:
        yield
    except Mf2EdgeError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror or error}); expected a place with room, "
            "where files may be written"
        ) from error


class JsonLines:
    """An object a frame: `{"frame", "timestamp_ms", "faces", "events"}`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._out = path.open("w", encoding="utf-8")

    def write(self, result: FrameResult) -> None:
        """Write a line."""
        line = {
            "frame": result.number,
            "timestamp_ms": round(result.time_ms, 3),
            "faces": [rounded(state.to_dict()) for state in result.states],
            "events": [rounded(asdict(event)) for event in result.events],
        }
        with writing(self._path):
            self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._out.flush()

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._out.close()


class Csv:
    """A row a face and frame, unknown cells empty."""

    def __init__(self, path: Path, style: Style, manifest: Manifest, units: Sequence[str]) -> None:
        self._path, self._style = path, style
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._out = path.open("w", encoding="utf-8", newline="")
            names = columns(style, manifest, units)
            self._rows = csv.DictWriter(self._out, names, lineterminator="\n")
            self._rows.writeheader()

    def write(self, result: FrameResult) -> None:
        """Write the rows of a frame."""
        with writing(self._path):
            self._rows.writerows(_rows(self._style, result))
            self._out.flush()

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._out.close()


class Parquet:
    """The rows of the CSV, unknown cells null. Raises MissingExtraError without pyarrow."""

    def __init__(self, path: Path, style: Style, manifest: Manifest, units: Sequence[str]) -> None:
        self._arrow = require("pyarrow", extra="parquet")
        kinds = {
            "text": self._arrow.string(),
            "integer": self._arrow.int64(),
            "number": self._arrow.float64(),
        }
        names = columns(style, manifest, units)
        self._schema = self._arrow.schema([(name, kinds[kind(name)]) for name in names])
        self._path, self._style = path, style
        self._waiting: list[Row] = []
        self._sound = True
        with writing(path):
            parquet = require("pyarrow.parquet", extra="parquet")
            self._partial = partial_of(path)
            self._out = parquet.ParquetWriter(self._partial, self._schema)

    def write(self, result: FrameResult) -> None:
        """Take the rows of a frame; a full group goes to the disk."""
        self._waiting += _rows(self._style, result)
        if len(self._waiting) >= ROW_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what waits, and put the file in its place, unless writing failed before."""
        try:
            if self._sound:
                self._write_group()
                with writing(self._path):
                    self._out.close()
                    put_in_place(self._partial, self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def _write_group(self) -> None:
        if not self._waiting:
            return
        self._sound = False
        with writing(self._path):
            table = self._arrow.Table.from_pylist(self._waiting, schema=self._schema)
            self._out.write_table(table)
        self._sound = True
        self._waiting.clear()


def _rows(style: Style, result: FrameResult) -> list[Row]:
    return rows(style, result.number, result.time_ms, result.states)
