"""Results as a table for pandas: a row a face, the columns of `mf2-edge predict --csv`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mf2_edge.columns import face_cells
from mf2_edge.extras import require
from mf2_edge.types import FaceState

if TYPE_CHECKING:
    from pandas import DataFrame


def to_pandas(results: Iterable[FaceState | Iterable[FaceState]]) -> DataFrame:
    """A row a face; results are those of `predict`, or of many frames, as of `predict_many`.

    `frame` counts frames from 0, `face` the faces of each; a frame without a face has no row. A
    cell that is missing, as that of a unit that cannot be judged, is NaN.

    Raises MissingExtraError without pandas.
    """
    pandas = require("pandas", extra="pandas")
    frames: list[list[FaceState]] = []
    for number, each in enumerate(results):
        if not isinstance(each, FaceState):
            frames.append(list(each))
        elif number == 0:
            frames.append([each])
        else:
            frames[0].append(each)
    rows = [
        {"frame": number, "face": place, **face_cells(state)}
        for number, faces in enumerate(frames)
        for place, state in enumerate(faces)
    ]
    table: DataFrame = pandas.DataFrame(rows)
    return table
