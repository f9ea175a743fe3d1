"""What MFA keeps of a face: its labels, and the texts that describe it at three levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict


class ActionUnitText(BaseModel):
    """One Action Unit in words: what moves, where, how strong."""

    model_config = ConfigDict(extra="forbid")

    action_unit: str
    """Its label, "AU12"."""
    text: str


class Description(BaseModel):
    """The three levels of text of one face; also the JSON schema that GPT-4o answers in."""

    model_config = ConfigDict(extra="forbid")

    action_units: list[ActionUnitText]
    """AU level: one text for each unit that is present; nothing about the others."""
    emotion: str
    """Emotion level: which emotion, how intense, which units support it."""
    face: str
    """Face level: one description that ties both together."""


class RegionText(BaseModel):
    """One region of the face in words."""

    model_config = ConfigDict(extra="forbid")

    region: str
    """brows, eyes, nose, mouth or chin."""
    text: str


class CodedDescription(Description):
    """The texts of a face of MFA-wild: those of a coder have one level more."""

    regions: list[RegionText]
    """Region level: one text for each region that the coder speaks of, or that is hidden."""


Level = Literal["au", "region", "emotion", "face"]
Source = Literal["gpt", "template", "coder"]
"""Who wrote the texts: a model that was told labels, the grammar, or a coder who saw no label."""


@dataclass(frozen=True, slots=True)
class FaceLabels:
    """What is known of a face. A unit in neither set is unknown, which is not absent."""

    emotion: str | None
    present: frozenset[str]
    absent: frozenset[str]


@dataclass(frozen=True, slots=True)
class Record:
    """One face's answer, as the store keeps it.

    `key` is the content hash of the request (face pixels, labels, prompt, model): equal requests
    are one record. Exactly one of `description` and `refusal` is set.
    """

    key: str
    dataset: str
    name: str
    """The image's name within its data set."""
    labels: FaceLabels
    source: Source
    model: str
    """The model that answered, the grammar's version for templates, or by what it was coded."""
    description: Description | None
    refusal: str | None
    created: str
    """UTC, ISO 8601."""
    input_tokens: int
    output_tokens: int
    cost_usd: float
