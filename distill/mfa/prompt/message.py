"""What GPT-4o is asked about a face: the crop, its labels, and the schema of the answer.

As in the paper, what is known goes into the prompt, so that the model has to explain labels
rather than to guess them. What is unknown is neither claimed nor denied.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import Any, Final

from PIL import Image

from distill.mfa.faces import Face
from distill.mfa.records.schema import Description, FaceLabels
from distill.mfa.request.prices import Detail
from mf2_edge.facs import ACTION_UNIT_NAMES

SYSTEM: Final = """\
You describe facial expressions for a data set, in the terms of the Facial Action Coding System \
(FACS). You see one aligned face and are told labels by trained annotators. Take the labels as \
true; use the picture for place, strength, asymmetry and everything else that they leave open.

Answer in three levels:
- action_units: one entry for each Action Unit that is listed as present, and no other entry. Say \
in one or two sentences what moves, where on the face, and how strongly (slight, marked, \
extreme), as far as the picture shows it. No unit is listed: an empty list.
- emotion: two or three sentences. Which emotion, how intense, and which of the listed units \
support it. No unit is listed: which visible movements support it, in plain words.
- face: one paragraph of three to five sentences that ties both together into one description \
of the whole expression.

Units that are listed as absent do not occur: never mention their movement. Name units by \
their code ("AU12") only if they are listed as present. Write plain, precise English about \
the expression alone: nothing about identity, age, sex, ethnicity, beauty, or the picture's \
quality."""

QUALITY: Final = 90  # of JPEG


@dataclass(frozen=True, slots=True)
class Asking:
    """How faces are asked about.

    side: px of the square image that is sent. max_output_tokens: longest answer that is paid for.
    """

    model: str
    detail: Detail = "low"
    side: int = 256
    max_output_tokens: int = 1200


@dataclass(frozen=True, slots=True)
class Question:
    """One question about one face.

    `key` is the hash of all that makes the answer: pixels, labels, prompt, schema, model.
    """

    key: str
    face: Face
    text: str
    asking: Asking

    def body(self) -> dict[str, Any]:
        """The chat completion request, with the crop as JPEG."""
        url = f"data:image/jpeg;base64,{base64.b64encode(_jpeg(self)).decode()}"
        image = {"type": "image_url", "image_url": {"url": url, "detail": self.asking.detail}}
        content = [{"type": "text", "text": self.text}, image]
        return {
            "model": self.asking.model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": content},
            ],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "face", "strict": True, "schema": answer_schema()},
            },
            "max_completion_tokens": self.asking.max_output_tokens,
        }

    def text_bytes(self) -> int:
        """Bytes of text, schema included; no tokenizer makes more tokens than bytes of them."""
        return len((SYSTEM + self.text + json.dumps(answer_schema())).encode())


def ask_about(face: Face, asking: Asking, repair: Sequence[str] = (), answers: int = 0) -> Question:
    """The question about a face; `repair` are problems of its last of `answers` answers."""
    text = user_text(face.subject.labels, repair)
    settings = [asking.model, asking.detail, asking.side, asking.max_output_tokens]
    content = [SYSTEM, text, answer_schema(), settings, answers if repair else 0, face.image.shape]
    digest = blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=20)
    digest.update(face.image.tobytes())
    return Question(digest.hexdigest(), face, text, asking)


def user_text(labels: FaceLabels, repair: Sequence[str] = ()) -> str:
    """The labels of a face in words; problems of an earlier answer below them."""
    emotion = labels.emotion or "not labelled; judge it from the face"
    lines = [
        f"Emotion: {emotion}.",
        f"Action Units present: {_listed(labels.present) or 'none is known to be'}.",
        f"Action Units absent: {_listed(labels.absent) or 'none is known to be'}.",
    ]
    if repair:
        lines += ["An earlier answer was not accepted. Avoid these faults:"]
        lines += [f"- {problem}" for problem in repair]
    return "\n".join(lines)


def _listed(units: frozenset[str]) -> str:
    ordered = sorted(units, key=lambda unit: int(unit.removeprefix("AU")))
    return ", ".join(f"{unit} ({ACTION_UNIT_NAMES[unit]})" for unit in ordered)


@cache
def answer_schema() -> dict[str, Any]:
    """JSON schema of `Description`; without its docstrings, which are not for the model."""
    schema = _bare(Description.model_json_schema())
    assert isinstance(schema, dict)
    return schema


def _bare(node: object) -> object:
    if isinstance(node, dict):
        text = {name for name in ("description", "title") if isinstance(node.get(name), str)}
        return {name: _bare(value) for name, value in node.items() if name not in text}
    return [_bare(value) for value in node] if isinstance(node, list) else node


def _jpeg(question: Question) -> bytes:
    side = question.asking.side
    picture = Image.fromarray(question.face.image).resize((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()
