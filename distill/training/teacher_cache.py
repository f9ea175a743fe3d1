"""A teacher whose answers are kept on disk, for runs that see the same faces.

Batches depend on the seed and the step alone, so the arms of an ablation, and networks of several
sizes, ask the same questions; an ensemble takes longer to answer them than a small network takes
to learn.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import sha256
from os import getpid
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill.networks.features import Features
from distill.training.teacher_outputs import Teacher, TeacherOutputs

READINGS = ("face", "units")
"""Which of the answers are a network's readings."""


@dataclass(frozen=True)
class CachedTeacher:
    """Outputs of `teacher`, kept in `folder`: one file a batch, named by its pixels.

    The folder belongs to this teacher alone.
    """

    teacher: Teacher
    folder: Path

    def __call__(self, images: Tensor) -> TeacherOutputs:
        """As the teacher answers, to the last bit; what an MF² attended to is not kept."""
        name = sha256(images.contiguous().numpy(force=True).tobytes()).hexdigest()[:32]
        path = self.folder / f"{name}.pt"
        if path.is_file():
            content = torch.load(path, map_location=images.device, weights_only=True)
            return _unpacked(content)
        answers = self.teacher(images)
        self.folder.mkdir(parents=True, exist_ok=True)
        own = path.with_suffix(f".{getpid()}")  # another run may be writing the same
        torch.save(_packed(answers), own)
        own.replace(path)
        return answers


def _packed(answers: TeacherOutputs) -> dict[str, Any]:
    content = answers._asdict()
    for name in READINGS:
        reading = content[name]
        content[name] = (
            None
            if reading is None
            else {part.name: getattr(reading, part.name) for part in fields(Features)}
        )
    return content


def _unpacked(content: dict[str, Any]) -> TeacherOutputs:
    for name in READINGS:
        if (parts := content[name]) is not None:
            content[name] = Features(**parts)
    return TeacherOutputs(**content)
