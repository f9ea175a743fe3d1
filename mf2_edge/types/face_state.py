"""What one face shows in one frame, and the moments of a stream: frozen, and ready for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from types import MappingProxyType
from typing import Any, Literal

from mf2_edge.types.answers import (
    PRESENT,
    ActionUnit,
    Emotion,
    Reason,
    Status,
    TaskAnswer,
    doubt,
    figures,
)
from mf2_edge.types.geometry import Box, Landmarks


@dataclass(frozen=True, slots=True)
class HeadPose:
    """How a head is turned, degrees; 0, 0, 0 looks into the camera.

    `yaw` is positive where the face turns to its own left (the viewer's right), `pitch` where it
    looks up, `roll` where the head tips towards its own left shoulder (clockwise as seen).
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """How much a face's picture lets one read, each part 0 (nothing) to 1 (nothing in the way).

    `overall` is the least of the parts. `visibility` is the part of the face's regions that can
    be judged; 1 where the network does not tell.
    """

    overall: float
    size: float
    sharpness: float
    pose: float
    light: float
    visibility: float = 1.0


@dataclass(frozen=True, slots=True)
class ActionUnitEvent:
    """One moment of an Action Unit's course in a stream (FACS: onset, apex, offset).

    `kind` is "onset" when it becomes present, "apex" where its score was highest, "offset" when it
    is gone. Apex and offset are reported together, at the end.
    """

    track_id: int
    label: str
    kind: Literal["onset", "apex", "offset"]
    timestamp_ms: float
    score: float


@dataclass(frozen=True, slots=True)
class FaceState:
    """What one face shows in one frame.

    `box` and `landmarks` are in pixels of the frame; `detection_score` is 0..1 (1.0 for boxes
    given by the caller). `action_units` maps "AU12" to its result, in the manifest's order;
    `tasks` the names of the analyzer's further heads to their answers. `head_pose` and `quality`
    are None where nothing shows them (no landmarks); `track_id` where there is no stream.
    `visibility` maps each region of the face ("brows", "eyes", "nose", "mouth", "chin") to the
    probability, 0..1, that it can be judged; it is empty from a network without that head.
    """

    box: Box
    landmarks: Landmarks | None
    detection_score: float
    emotion: Emotion
    action_units: Mapping[str, ActionUnit]
    status: Status
    tasks: Mapping[str, TaskAnswer] = field(default_factory=dict)
    head_pose: HeadPose | None = None
    quality: FaceQuality | None = None
    track_id: int | None = None
    visibility: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "visibility", MappingProxyType(dict(self.visibility)))
        object.__setattr__(self, "action_units", MappingProxyType(dict(self.action_units)))
        object.__setattr__(self, "tasks", MappingProxyType(dict(self.tasks)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles as plain dicts; a mapping proxy alone could not."""
        units, tasks = dict(self.action_units), dict(self.tasks)
        found = (self.box, self.landmarks, self.detection_score)
        seen = (self.head_pose, self.quality, self.track_id, dict(self.visibility))
        return FaceState, (*found, self.emotion, units, self.status, tasks, *seen)

    def __repr__(self) -> str:
        box, emotion = self.box, self.emotion
        where = f"{box.width:.0f} x {box.height:.0f} px at ({box.x:.0f}, {box.y:.0f})"
        shown = " ".join((f"{emotion.label} {emotion.score:.2f}", *self.present_units))
        return f"<FaceState {shown}, {where}{doubt(emotion.reason)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the emotion and the units, each with its score and reliability."""
        answer = self.emotion
        rows = [(answer.label, answer.score, "emotion", answer.reason, answer.reliability)]
        for label, unit in self.action_units.items():
            decided = "present" if unit.present else "absent"
            name = f"{label} {unit.name}"
            rows.append((name, unit.score, decided, unit.reason, unit.reliability))
        body = "".join(
            f"<tr><td>{escape(name)}</td><td>{score:.2f}</td><td>{decided}</td>"
            f"<td>{reason.value}</td><td>{measured or 'not measured'}</td></tr>"
            for name, score, decided, reason, measured in rows
        )
        head = "<tr><th></th><th>score</th><th></th><th>reason</th><th>measured</th></tr>"
        return f"<table><caption>{escape(repr(self))}</caption>{head}{body}</table>"

    @property
    def present_units(self) -> tuple[str, ...]:
        """Labels of the Action Units that are present and can be judged, in order."""
        units = self.action_units.items()
        return tuple(label for label, unit in units if unit.present and unit.can_be_judged)

    def describe(self, level: Literal["au", "emotion", "face"] = "face", seed: int = 0) -> str:
        """This state in English: its units, its emotion, or both together.

        Other seeds give other wordings of the same facts. Adverbs of certainty tell how sure the
        answer is ("clearly" from 0.9, "probably" under 0.7, "possibly" under 0.5); "slightly" and
        "markedly" how strong a movement is, where the network tells it. Nothing is said of units
        that cannot be judged but which part of the face is hidden. Raises DescriptionError for
        another level.
        """
        from mf2_edge.text.describe import describe
        from mf2_edge.text.facts import FaceFacts, certainty

        units = {label: unit for label, unit in self.action_units.items() if unit.can_be_judged}
        seen = self.emotion.reason is not Reason.NOT_VISIBLE
        facts = FaceFacts(
            self.emotion.label if seen else None,
            {label: certainty(unit.score) for label, unit in units.items() if unit.present},
            frozenset(label for label, unit in units.items() if not unit.present),
            certainty(self.emotion.score),
            strength={label: unit.level for label, unit in units.items() if unit.present},
            hidden=tuple(region for region, p in self.visibility.items() if p < PRESENT),
        )
        return describe(facts, level, seed)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, strings, numbers and None, as `json.dumps` takes them."""
        emotion, landmarks = self.emotion, self.landmarks
        pose, quality = self.head_pose, self.quality
        return {
            "box": asdict(self.box),
            "landmarks": None if landmarks is None else asdict(landmarks),
            "detection_score": self.detection_score,
            "emotion": {
                "label": emotion.label,
                "raw_label": emotion.raw_label,
                "score": emotion.score,
                "scores": dict(emotion.scores),
                "reason": emotion.reason.value,
                "reliability": figures(emotion.reliability),
            },
            "action_units": {label: unit.to_dict() for label, unit in self.action_units.items()},
            "visibility": dict(self.visibility),
            "status": self.status.value,
            "tasks": {task: answer.to_dict() for task, answer in self.tasks.items()},
            "head_pose": None if pose is None else asdict(pose),
            "quality": None if quality is None else asdict(quality),
            "track_id": self.track_id,
        }
