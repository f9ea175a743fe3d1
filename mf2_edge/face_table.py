"""The columns of a table of faces over time: ours, or those that OpenFace or py-feat scripts read.

Sources of the names: `RecorderCSV.cpp` of OpenFace 2 (TadasBaltrusaitis/OpenFace) and the Fex
columns of py-feat (cosanlab/py-feat). docs/video.md explains each column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from mf2_edge.schema import Manifest
    from mf2_edge.types import FaceState

TableStyle = Literal["mf2-edge", "openface", "py-feat"]
STYLES: Final[tuple[str, ...]] = get_args(TableStyle)

Cell = str | int | float | None
"""None stands for unknown: an empty field of a CSV, null in Parquet."""

OPENFACE_SCALE: Final = 5.0
"""OpenFace's `_r` runs from 0 to 5; ours is the probability times this. It is no intensity."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and what its cells are."""

    name: str
    kind: Literal["text", "integer", "number"]


class FaceTable:
    """Columns and rows of one style. A frame without a face has one row, of success 0."""

    def __init__(self, style: TableStyle, manifest: Manifest, source: str = "") -> None:
        self.style, self._source = style, source
        self._emotions = manifest.head("emotion").labels
        self._units = manifest.head("action_units").labels
        self.columns = [Column(name, _kind(name)) for name in self._names()]

    def rows(
        self, index: int, timestamp_ms: float, faces: Sequence[FaceState]
    ) -> list[list[Cell]]:
        """A row a face, cells in the order of `columns`; `index` counts frames from 0."""
        made = [self._cells(index, timestamp_ms, face) for face in faces or [None]]
        return [[cells.get(column.name) for column in self.columns] for cells in made]

    def _names(self) -> list[str]:
        units = [_padded(label) for label in self._units]
        if self.style == "openface":
            head = ["frame", "face_id", "timestamp", "confidence", "success"]
            pose = ["pose_Rx", "pose_Ry", "pose_Rz"]
            scored = [f"{unit}_r" for unit in units]
            present = [f"{unit}_c" for unit in units]
            return [*head, *pose, *scored, *present, *self._emotion_names("emotion_")]
        if self.style == "py-feat":
            box = ["FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
            end = ["frame", "timestamp", "face_id", "input"]
            return [*box, "Pitch", "Roll", "Yaw", *units, *self._emotion_names(""), *end]
        head = ["frame", "timestamp", "face_id", "confidence", "success"]
        box = ["x", "y", "width", "height"]
        answer = ["status", "quality", "yaw", "pitch", "roll", "emotion"]
        both = [name for label in self._units for name in (label, f"{label}_present")]
        return [*head, *box, *answer, *self._emotion_names("emotion_"), *both]

    def _emotion_names(self, prefix: str) -> list[str]:
        return [prefix + label for label in self._emotions]

    def _cells(self, index: int, timestamp_ms: float, face: FaceState | None) -> dict[str, Cell]:
        # OpenFace counts frames from 1.
        cells: dict[str, Cell] = {
            "frame": index + (self.style == "openface"),
            "timestamp": round(timestamp_ms / 1e3, 6),
            "success": int(face is not None),
            "confidence": 0.0,
            "input": self._source,
        }
        if face is None:
            return cells
        box, pose, quality = face.box, face.head_pose, face.quality
        cells |= {"face_id": face.track_id, "confidence": round(face.detection_score, 4)}
        cells |= {"FaceScore": round(face.detection_score, 4), "status": face.status.value}
        sides = [round(value, 2) for value in (box.x, box.y, box.width, box.height)]
        cells |= dict(zip(("x", "y", "width", "height"), sides, strict=True))
        rect = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
        cells |= dict(zip(rect, sides, strict=True))
        if quality is not None:
            cells["quality"] = round(quality.overall, 4)
        if pose is not None:
            yaw, pitch, roll = round(pose.yaw, 2), round(pose.pitch, 2), round(pose.roll, 2)
            cells |= {"yaw": yaw, "pitch": pitch, "roll": roll}
            cells |= {"Yaw": yaw, "Pitch": pitch, "Roll": roll}
            # OpenFace's axes: x to the right, y down, z away from the camera.
            cells |= {
                "pose_Rx": round(-radians(pose.pitch), 4),
                "pose_Ry": round(-radians(pose.yaw), 4),
                "pose_Rz": round(radians(pose.roll), 4),
            }
        cells["emotion"] = face.emotion.label
        for label, score in face.emotion.scores.items():
            cells[f"emotion_{label}"] = cells[label] = round(score, 4)
        for label, unit in face.action_units.items():
            padded = _padded(label)
            cells |= {f"{padded}_r": round(OPENFACE_SCALE * unit.score, 4)}
            cells |= {f"{padded}_c": int(unit.present), f"{label}_present": int(unit.present)}
            cells[label] = cells[padded] = round(unit.score, 4)
        return cells


def _padded(label: str) -> str:
    """`AU01` of `AU1`, as both write it."""
    return f"AU{int(label[2:]):02d}"


def _kind(name: str) -> Literal["text", "integer", "number"]:
    if name in ("status", "emotion", "input"):
        return "text"
    whole = name in ("frame", "face_id", "success") or name.endswith(("_c", "_present"))
    return "integer" if whole else "number"
