"""The teacher of a recipe: an ensemble of trained networks, or a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import torch

from distill.config import Recipe
from distill.ensemble_config import load_ensemble
from distill.faces.batches import FaceSource
from distill.training.teachers.bundle import bundle_teacher_key, open_bundle_teacher
from distill.training.teachers.cache import CachedTeacher, cache_outputs
from distill.training.teachers.ensemble import load_members, open_ensemble
from distill.training.teachers.outputs import Teacher


def find_teacher(
    recipe: Recipe, fold: int | None, device: torch.device, sources: Sequence[FaceSource] = ()
) -> Teacher | None:
    """The recipe's teacher, None if it has none.

    For a fold, the members of an ensemble are those trained without the fold's subjects. A cached
    teacher first runs on every face of `sources` that its file lacks.
    """
    if recipe.teacher is None or recipe.distillation is None:
        return None
    teacher: Teacher
    if not _is_ensemble(recipe.teacher):
        teacher = open_bundle_teacher(recipe)
    else:
        path = Path(recipe.teacher)
        ensemble = load_ensemble(path)
        members = load_members(ensemble, path.parent)
        teacher = open_ensemble(members, ensemble.training_views, fold).to(device)
    if not recipe.distillation.cached:
        return teacher
    own = sha256(teacher_key(recipe, fold).encode()).hexdigest()[:16]
    return CachedTeacher(
        cache_outputs(teacher, recipe, sources, Path(recipe.runs) / "teacher-outputs" / own)
    )


def teacher_key(recipe: Recipe, fold: int | None) -> str:
    """Identifies what `find_teacher` finds: the files, and when they were written."""
    if recipe.teacher is None:
        return ""
    if not _is_ensemble(recipe.teacher):
        return bundle_teacher_key(recipe)
    path = Path(recipe.teacher)
    ensemble = load_ensemble(path)
    files = [m.folder(fold) / "network.pt" for m in load_members(ensemble, path.parent)]
    written = [f"{file}: {file.stat().st_mtime_ns}" for file in files if file.is_file()]
    return f"{ensemble.training_views} {' '.join(written)}"


def _is_ensemble(teacher: str) -> bool:
    return teacher.endswith(".toml")
