"""The results of the analyzer: small, frozen, and ready for JSON.

Coordinates are pixels of the frame that was passed in, origin at the top left, x to the right,
y down. Left and right are the subject's own. Scores are in 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from mf2_edge.facs import ACTION_UNIT_REGIONS, IntensityLevel

if TYPE_CHECKING:
    from mf2_edge.reliability import LabelReliability

TaskKind = Literal["multi-class", "multi-label", "score", "likeness"]
"""One class of several, several labels at once, a number, or likeness to a sentence."""


PRESENT: Final = 0.5
"""The score from which on an Action Unit is present, a unit marked, a region visible, in every
bundle."""


class Status(StrEnum):
    """How far a face could be analysed."""

    OK = "ok"
    UNALIGNED = "unaligned"
    """No landmarks were found: the crop was resized as it is, so the scores are less reliable."""
    SMALL = "small"
    """Fewer source pixels than the manifest requires: the scores are less reliable."""


class Reason(StrEnum):
    """Why a reported answer differs from the raw one, or deserves less trust."""

    CONFIDENT = "confident"
    LOW_CONFIDENCE = "low_confidence"
    UNALIGNED = "unaligned"
    FACE_TOO_SMALL = "face_too_small"
    LOW_QUALITY = "low_quality"
    """Blurred, badly lit, turned away or few pixels: see `FaceState.quality`."""
    NOT_VISIBLE = "not_visible"
    """The region of the face that shows it is hidden, or of an emotion two regions or more (or
    what was found is no face): it cannot be judged. See `FaceState.visibility`."""
    SMOOTHED = "smoothed"
    """Of a stream: the frames before say otherwise than this one alone."""


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned rectangle in pixels; it may reach beyond the frame."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Point:
    """A position in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The six key points of BlazeFace (Bazarevsky et al. 2019), pixels; sides are the subject's."""

    right_eye: Point
    left_eye: Point
    nose_tip: Point
    mouth_center: Point
    right_ear: Point
    left_ear: Point


@dataclass(frozen=True, slots=True)
class Detection:
    """One face as a detector reports it: box, confidence in 0..1, landmarks where it has them.

    `doubtful`: the detector cannot tell which way up the face is; its state then bears the reason
    `low_quality`.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Emotion:
    """The categorical emotion of one face.

    `scores` holds one calibrated probability a label and sums to 1. `label` is the reported
    answer, `raw_label` the network's; a single frame leaves them equal, smoothing over a stream
    may not. `reason` says why they differ or why the answer deserves less trust. `measured` maps
    labels to how well they were predicted on held-out faces, where the manifest says so.
    """

    label: str
    raw_label: str
    scores: Mapping[str, float]
    reason: Reason
    measured: Mapping[str, LabelReliability] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))
        object.__setattr__(self, "measured", MappingProxyType(dict(self.measured)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles as plain dicts; a mapping proxy alone could not."""
        answer = (self.label, self.raw_label, dict(self.scores), self.reason)
        return Emotion, (*answer, dict(self.measured))

    def __repr__(self) -> str:
        return f"<Emotion {self.label} {self.score:.2f}{_doubt(self.reason)}>"

    @property
    def score(self) -> float:
        """Probability of `label`, 0..1."""
        return self.scores[self.label]

    @property
    def reliability(self) -> LabelReliability | None:
        """How well `label` was predicted on held-out faces; None where not measured."""
        return self.measured.get(self.label)


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One FACS Action Unit: its `name` in words, its calibrated score, and the decision.

    In a single frame it is `present` where `score` >= 0.5; a stream decides with hysteresis.
    `strength` is the probability that the unit is marked (FACS intensity C to E), None from a
    network without that head. `reliability`: how well the unit was predicted on held-out
    faces, where the manifest says so.
    """

    name: str
    score: float
    present: bool
    reason: Reason
    strength: float | None = None
    reliability: LabelReliability | None = None

    def __repr__(self) -> str:
        decided = "present" if self.present else "absent"
        return f"<ActionUnit {self.name} {self.score:.2f}, {decided}{_doubt(self.reason)}>"

    @property
    def can_be_judged(self) -> bool:
        """Whether the region of the face that shows this unit is in view."""
        return self.reason is not Reason.NOT_VISIBLE

    @property
    def intensity(self) -> float | None:
        """How strong the unit is, 0 absent to 1 marked for sure; None where unknown.

        The mean of P(present) and of P(marked), which is taken to be P(present) at most.
        """
        if self.strength is None:
            return None
        return (self.score + min(self.strength, self.score)) / 2

    @property
    def level(self) -> IntensityLevel | None:
        """The intensity in a word, which agrees with `present`; None where unknown."""
        if self.strength is None:
            return None
        if not self.present:
            return "none"
        return "marked" if self.strength >= PRESENT else "slight"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "name": self.name,
            "score": self.score,
            "present": self.present,
            "reason": self.reason.value,
            "strength": self.strength,
            "intensity": self.intensity,
            "level": self.level,
            "reliability": _figures(self.reliability),
        }


def _doubt(reason: Reason) -> str:
    """What a short text adds to an answer that deserves less trust."""
    return "" if reason is Reason.CONFIDENT else f", {reason.value}"


def is_visible(unit: str, visibility: Mapping[str, float]) -> bool:
    """Whether the region that shows a unit can be judged; true without the head `visibility`."""
    return visibility.get(ACTION_UNIT_REGIONS[unit], 1.0) >= PRESENT


def is_covered(visibility: Mapping[str, float]) -> bool:
    """Whether too little of a face shows for its emotion: two hidden regions, or all there are.

    False without the head `visibility`. Measured in benchmarks/results/picture-quality.json.
    """
    hidden = sum(seen < PRESENT for seen in visibility.values())
    return hidden >= 2 or 0 < hidden == len(visibility)


def visible_part(visibility: Mapping[str, float]) -> float:
    """The part of the regions that can be judged, 0..1; 1 without the head `visibility`."""
    hidden = sum(seen < PRESENT for seen in visibility.values())
    return 1 - hidden / max(len(visibility), 1)


def _figures(told: LabelReliability | None) -> dict[str, dict[str, float] | None] | None:
    """F1 and number of faces, in the laboratory and in the world."""
    if told is None:
        return None
    measured = {"laboratory": told.laboratory, "world": told.world}
    return {
        where: None if one is None else {"f1": one.f1, "n": one.n}
        for where, one in measured.items()
    }


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """The answer of one task head for one face.

    `scores`: of every label, a probability 0..1 (kinds "multi-class", where they sum to 1, and
    "multi-label"), a number in the unit of the labels that the head learned from ("score"), or the
    share 0..1 of reference faces that are less like the sentence ("likeness"). `present`: the
    labels that hold: the most probable class, or those that reach 0.5.
    """

    kind: TaskKind
    scores: Mapping[str, float]
    present: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles as a plain dict; a mapping proxy alone could not."""
        return TaskAnswer, (self.kind, dict(self.scores), self.present)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"kind": self.kind, "scores": dict(self.scores), "present": list(self.present)}


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
        return f"<FaceState {shown}, {where}{_doubt(emotion.reason)}>"

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
        from mf2_edge.text.describe import FaceFacts, certainty, describe

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
                "reliability": _figures(emotion.reliability),
            },
            "action_units": {label: unit.to_dict() for label, unit in self.action_units.items()},
            "visibility": dict(self.visibility),
            "status": self.status.value,
            "tasks": {task: answer.to_dict() for task, answer in self.tasks.items()},
            "head_pose": None if pose is None else asdict(pose),
            "quality": None if quality is None else asdict(quality),
            "track_id": self.track_id,
        }
