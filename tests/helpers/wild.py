"""Made-up coded faces, and trees with pictures to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from distill.datasets.wild import CodedFace, Coding
from distill.datasets.wild.split import rafdb_picture


def coding_of(
    present: Mapping[int, int] | None = None,
    unsure: Sequence[int] = (),
    hidden: Sequence[str] = (),
    emotion: str = "neutral",
    emotion2: str | None = None,
    strength: int = 1,
    text: str | None = None,
) -> Coding:
    """What one coder saw; `present` has the strength of each unit by its number."""
    return msgspec.convert(
        {
            "aus": {str(unit): value for unit, value in (present or {}).items()},
            "unsure": [str(unit) for unit in unsure],
            "hidden": list(hidden),
            "emotion": emotion,
            "emotion2": emotion2,
            "emotion_strength": strength,
            "text": text,
        },
        Coding,
    )


def face_of(image: str, first: Coding, second: Coding | None = None, **fields: Any) -> CodedFace:
    """A face of FairFace, unless `set` says otherwise."""
    known = {"set": "fairface", "chosen": "random", **fields}
    return CodedFace(image=image, coder_a=first, coder_b=second, **known)


def write_face(path: Path, value: int) -> None:
    """A grey square, known by its value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((32, 32, 3), value, np.uint8))


def write_rafdb(root: Path, labels: Mapping[str, int]) -> None:
    """RAF-DB's layout: labels 1 to 7 by the name of the picture."""
    for image in labels:
        write_face(root / rafdb_picture(image), 0)
    path = root / "basic/EmoLabel/list_patition_label.txt"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{image} {label}\n" for image, label in labels.items()))
