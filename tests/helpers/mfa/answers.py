"""What the server of the tests says about a face: good answers, and the ways to spoil them."""

from __future__ import annotations

import json
import re
from typing import Any, Final

SPOILT: Final = ("malformed json", "schema violation", "refusal", "truncated")
"""Ways in which an answer that is paid for can be of no use."""


def completion(body: dict[str, Any], spoil: str = "") -> dict[str, Any]:
    """A chat completion for a request, with the units that its prompt lists as present."""
    system, user = (message["content"] for message in body["messages"])
    text = user[0]["text"]
    content = json.dumps(_description(text))
    finish, refusal = "stop", None
    if spoil == "malformed json":
        content = content[: len(content) // 2]
    elif spoil == "schema violation":
        content = json.dumps({"emotion": "joy", "faces": 1})
    elif spoil == "refusal":
        content, refusal = "", "I cannot help with that."
    elif spoil == "truncated":
        content, finish = content[:40], "length"
    usage = {
        "prompt_tokens": (len(system) + len(text)) // 4 + 85,
        "completion_tokens": 60 + len(content) // 4,
    }
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def _description(text: str) -> dict[str, Any]:
    listed = re.search(r"Action Units present: (.*)\.", text)
    emotion = re.search(r"Emotion: (\w+)", text)
    assert listed is not None, text
    assert emotion is not None, text
    units = re.findall(r"(AU\d+) \(([^)]*)\)", listed[1])
    return {
        "action_units": [
            {"action_unit": unit, "text": f"The {name} is at work, markedly."}
            for unit, name in units
        ],
        "emotion": f"The face shows {emotion[1]}, clearly.",
        "face": f"A face of {emotion[1]} with {', '.join(u for u, _ in units) or 'no unit known'}.",
    }
