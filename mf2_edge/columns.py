"""Rows of a stream in the columns that the field's scripts know: docs/video.md has the tables.

`native`    this project's names
`openface`  OpenFace 2's (Baltrusaitis et al. 2018): AU01_c is 0 or 1; AU01_r is OpenFace's
            intensity of 0 (absent) to 5 (FACS E): 5 times `ActionUnit.intensity`, empty from a
            network that does not tell strength
`pyfeat`    py-feat's (Cheong et al. 2023): AU01 is the score, 0..1

Both call AU43, closed eyes, AU45 or AU43 as their own scripts expect, and both write a row for a
frame without a face. Cells that are missing from a row are unknown: so are the decision and the
strength of a unit whose region of the face cannot be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import radians
from typing import TYPE_CHECKING, Final, Literal

from mf2_edge.types import FaceState, Status

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

Style = Literal["native", "openface", "pyfeat"]
Row = dict[str, float | int | str]
Kind = Literal["text", "integer", "number"]

_TEXTS: Final = frozenset({"status", "emotion", "emotion_reason"})
_INTEGERS: Final = frozenset({"frame", "track_id", "face_id", "success"})


def rows(style: Style, frame: int, time_ms: float, states: Sequence[FaceState]) -> list[Row]:
    """The rows of a frame, of its number (from 0), its milliseconds and the states in it.

    One a face; without a face, one that says so where programs of the style write it.
    """
    if states:
        make: Callable[[int, float, FaceState], Row]
        make = {"native": _native, "openface": _openface, "pyfeat": _pyfeat}[style]
        return [make(frame, time_ms, state) for state in states]
    if style == "openface":
        timestamp = round(time_ms / 1e3, 3)
        empty: Row = {"frame": frame + 1, "face_id": 0, "timestamp": timestamp}
        return [empty | {"confidence": 0.0, "success": 0}]
    return [{"frame": frame}] if style == "pyfeat" else []


def kind(column: str) -> Kind:
    """What the cells of a column hold; `number` is a float."""
    if column in _TEXTS:
        return "text"
    whole = column in _INTEGERS or column.endswith(("_c", "_present"))
    return "integer" if whole else "number"


def columns(style: Style, manifest: Manifest, units: Sequence[str]) -> list[str]:
    """The columns of a style for a bundle's labels, of `units` alone, in order."""
    emotions = manifest.head("emotion").labels
    if style == "openface":
        return [
            *("frame", "face_id", "timestamp", "confidence", "success"),
            *("pose_Rx", "pose_Ry", "pose_Rz"),
            *(f"{_padded(label, blink='AU45')}_r" for label in units),
            *(f"{_padded(label, blink='AU45')}_c" for label in units),
        ]
    if style == "pyfeat":
        return [
            *("frame", "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"),
            *("Pitch", "Roll", "Yaw"),
            *(_padded(label, blink="AU43") for label in units),
            *emotions,
        ]
    return ["frame", "timestamp_ms", "track_id", *face_columns(manifest, units)]


def face_columns(manifest: Manifest, units: Sequence[str]) -> list[str]:
    """The columns about one face in this project's own style."""
    return [
        *("status", "x", "y", "width", "height"),
        *("detection_score", "yaw", "pitch", "roll", "quality"),
        *("emotion", "emotion_score", "emotion_reason"),
        *(f"emotion_{label}" for label in manifest.head("emotion").labels),
        *_unit_columns(manifest, units),
    ]


def _unit_columns(manifest: Manifest, units: Sequence[str]) -> list[str]:
    """The columns about Action Units, and the regions they lie in."""
    kinds = ["", "_present"]
    kinds += ["_intensity"] if manifest.find_head("strength") else []
    kinds += ["_f1_laboratory", "_f1_world"] if manifest.reliability else []
    visibility = manifest.find_head("visibility")
    regions = visibility.labels if visibility else ()
    return [
        *(f"{label}{kind}" for label in units for kind in kinds),
        *(f"visibility_{region}" for region in regions),
    ]


def _unit_cells(state: FaceState) -> Row:
    """The cells of `_unit_columns`; what cannot be judged or was not measured is missing."""
    row: Row = {}
    for label, unit in state.action_units.items():
        row[label] = round(unit.score, 4)
        if unit.can_be_judged:
            row[f"{label}_present"] = int(unit.present)
            if unit.intensity is not None:
                row[f"{label}_intensity"] = round(unit.intensity, 4)
        if unit.reliability is not None:
            if unit.reliability.laboratory is not None:
                row[f"{label}_f1_laboratory"] = round(unit.reliability.laboratory.f1, 4)
            if unit.reliability.world is not None:
                row[f"{label}_f1_world"] = round(unit.reliability.world.f1, 4)
    return row | {f"visibility_{name}": round(p, 4) for name, p in state.visibility.items()}


def _native(frame: int, time_ms: float, state: FaceState) -> Row:
    time: Row = {
        "frame": frame,
        "timestamp_ms": round(time_ms, 3),
        "track_id": state.track_id or 0,
    }
    return time | face_cells(state)


def face_cells(state: FaceState) -> Row:
    """The cells of `face_columns`; those of unknown values are missing."""
    box, pose, emotion = state.box, state.head_pose, state.emotion
    row: Row = {
        "status": state.status.value,
        "x": round(box.x, 1),
        "y": round(box.y, 1),
        "width": round(box.width, 1),
        "height": round(box.height, 1),
        "detection_score": round(state.detection_score, 4),
        "emotion": emotion.label,
        "emotion_score": round(emotion.score, 4),
        "emotion_reason": emotion.reason.value,
    }
    if pose is not None:
        row |= {angle: round(getattr(pose, angle), 2) for angle in ("yaw", "pitch", "roll")}
    if state.quality is not None:
        row["quality"] = round(state.quality.overall, 3)
    row |= {f"emotion_{label}": round(score, 4) for label, score in emotion.scores.items()}
    return row | _unit_cells(state)


def _openface(frame: int, time_ms: float, state: FaceState) -> Row:
    pose = state.head_pose
    judged = {label: unit for label, unit in state.action_units.items() if unit.can_be_judged}
    row: Row = {
        "frame": frame + 1,  # OpenFace counts from 1
        "face_id": (state.track_id or 1) - 1,
        "timestamp": round(time_ms / 1e3, 3),
        "confidence": round(state.detection_score, 2),
        "success": int(state.status is Status.OK),
    }
    if pose is not None:  # radians, about axes of the camera: x right, y down, z away
        turns = {"pose_Rx": -pose.pitch, "pose_Ry": -pose.yaw, "pose_Rz": pose.roll}
        row |= {name: round(radians(angle), 4) for name, angle in turns.items()}
    for label, unit in judged.items():
        name = _padded(label, blink="AU45")
        if unit.intensity is not None:
            row[f"{name}_r"] = round(5 * unit.intensity, 2)
        row[f"{name}_c"] = int(unit.present)
    return row


def _pyfeat(frame: int, _time_ms: float, state: FaceState) -> Row:
    box, pose = state.box, state.head_pose
    row: Row = {
        "frame": frame,
        "FaceRectX": round(box.x, 1),
        "FaceRectY": round(box.y, 1),
        "FaceRectWidth": round(box.width, 1),
        "FaceRectHeight": round(box.height, 1),
        "FaceScore": round(state.detection_score, 4),
    }
    if pose is not None:
        row |= {angle: round(getattr(pose, angle.lower()), 2) for angle in ("Pitch", "Roll", "Yaw")}
    units = state.action_units.items()
    row |= {_padded(label, blink="AU43"): round(unit.score, 4) for label, unit in units}
    return row | {label: round(score, 4) for label, score in state.emotion.scores.items()}


def _padded(label: str, blink: str) -> str:
    """AU1 as AU01; AU43 by the name that the style has for closed eyes."""
    return blink if label == "AU43" else f"AU{int(label.removeprefix('AU')):02d}"


STYLES: Final[tuple[Style, ...]] = ("native", "openface", "pyfeat")
