"""The schema of `head.json`: a head of another task, made by `python -m distill adapt`.

Its files lie beside it. They take a bundle's `Manifest.embeddings`, concatenated in the order of
their outputs, and give the head's outputs.
"""

from __future__ import annotations

from typing import Final, Literal

from mf2_edge.bundle.schema import (
    ActionUnitCalibration,
    ArtifactFormat,
    Count,
    EmotionCalibration,
    FileSpec,
    Positive,
    Sha256,
    Spec,
    Text,
)
from mf2_edge.types import TaskKind

HEAD_SCHEMA_VERSION: Final = "2.0"


class ScoreCalibration(Spec, frozen=True, kw_only=True):
    """`score = mean + spread * output`, in the unit of the user's scores."""

    mean: float
    spread: float
    fitted_on: Text


class LikenessCalibration(Spec, frozen=True, kw_only=True):
    """Likeness to a sentence, as the share of reference faces that are less like it."""

    quantiles: tuple[float, ...]
    """Of the likeness over the reference faces, -1..1, evenly spaced from 0 % to 100 %."""
    fitted_on: Text
    """Which faces."""


class TaskCalibration(Spec, frozen=True, kw_only=True):
    """From outputs to answers; the one of the head's kind is set."""

    multi_class: EmotionCalibration | None = None
    multi_label: dict[str, ActionUnitCalibration] | None = None
    score: ScoreCalibration | None = None
    likeness: LikenessCalibration | None = None


class TaskFile(FileSpec, frozen=True, kw_only=True):
    """One model file of a head; float32 [1, width] in, float32 [1, labels] out."""

    format: ArtifactFormat
    """Which runtime reads it."""


class TaskHeadSpec(Spec, frozen=True, kw_only=True):
    """All facts about one head."""

    schema_version: Literal["2.0"]
    task: Text
    """Its name."""
    kind: TaskKind
    """What its answers are."""
    labels: tuple[Text, ...]
    """Meaning of each output, in order."""
    width: Positive
    """Values that the files take."""
    network_sha256: Sha256
    """`provenance.checkpoint_sha256` of the bundles that it reads; no other will do."""
    calibration: TaskCalibration
    faces: Count
    """Faces that it learned from; 0 of a sentence."""
    files: tuple[TaskFile, ...]
