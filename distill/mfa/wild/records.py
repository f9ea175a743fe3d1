"""Records of MFA from coded faces: labels, and texts in the coder's own words where it has them.

face     the coder's sentence
region   what it says of brows, eyes, nose, mouth and chin; that a region is hidden
au       the part that speaks of the unit alone, else the grammar's sentence, and its strength
emotion  the part that says what it looks like, and the emotion with its strength
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import msgspec

from distill.datasets.wild import UNITS, CodedFace, Coding
from distill.mfa.prompt.template import GRAMMAR_VERSION, describe_labels
from distill.mfa.records.schema import (
    ActionUnitText,
    CodedDescription,
    FaceLabels,
    Record,
    RegionText,
)
from distill.mfa.wild.clauses import region_texts, unit_text, verdict

_STRENGTHS: Final = {1: "slight", 2: "marked"}
_EMOTION_STRENGTHS: Final = ("barely visible", "slight", "clear", "strong")


def coded_records(faces: Iterable[CodedFace], dataset: str, coder: str) -> Iterator[Record]:
    """A record of each face that has a sentence; `coder` says by what it was coded."""
    for face in faces:
        if face.coder_a.text is None:
            continue
        labels = labels_of(face)
        content = [GRAMMAR_VERSION, coder, dataset, msgspec.to_builtins(face)]
        key = blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=20).hexdigest()
        yield Record(
            key=key,
            dataset=dataset,
            name=face.name,
            labels=labels,
            source="coder",
            model=coder,
            description=_describe(face.coder_a, face.coder_a.text, labels, seed=int(key[:8], 16)),
            refusal=None,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            input_tokens=0,
            output_tokens=0,
            cost_usd=0.0,
        )


def labels_of(face: CodedFace) -> FaceLabels:
    """What every coder of a face says; the rest is unknown."""
    known = {unit: face.presence(unit) for unit in UNITS}
    return FaceLabels(
        emotion=face.agreed_emotion(),
        present=frozenset(unit for unit, present in known.items() if present),
        absent=frozenset(unit for unit, present in known.items() if present is False),
    )


def _describe(coding: Coding, sentence: str, labels: FaceLabels, seed: int) -> CodedDescription:
    grammar = describe_labels(labels, seed).action_units
    regions = region_texts(sentence) | {
        region: f"The {region} cannot be seen well enough to be judged." for region in coding.hidden
    }
    return CodedDescription(
        action_units=[
            ActionUnitText(
                action_unit=entry.action_unit,
                text=unit_text(sentence, entry.action_unit)
                or f"{entry.text} It is {_strength(coding, entry.action_unit)}.",
            )
            for entry in grammar
        ],
        regions=[RegionText(region=region, text=text) for region, text in regions.items()],
        emotion=_emotion(coding, sentence, labels),
        face=sentence,
    )


def _emotion(coding: Coding, sentence: str, labels: FaceLabels) -> str:
    looks = verdict(sentence) or sentence
    if labels.emotion is None:
        return looks
    if labels.emotion == "neutral":
        return f"{looks} Most would call it a neutral expression."
    how = _EMOTION_STRENGTHS[coding.emotion_strength]
    return f"{looks} Most would call it {labels.emotion}, {how}."


def _strength(coding: Coding, unit: str) -> str:
    """Of a unit that is present by every coder."""
    return _STRENGTHS[coding.aus[unit.removeprefix("AU")]]
