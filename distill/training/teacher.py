"""Teachers of a recipe: an ensemble of trained networks, or a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from distill.config import (
    ConfigError,
    EnsembleConfig,
    Recipe,
    ViewConfig,
    load_ensemble,
    load_recipe,
)
from distill.faces.batches import Batch, FaceSource
from distill.faces.views import views
from distill.networks.features import FeatureNet, Features
from distill.networks.network import FaceStateNet, channels_last
from distill.training.bundle_teacher import bundle_teacher_key, open_bundle_teacher
from distill.training.checkpoint import load_network
from distill.training.teacher_cache import CachedTeacher, cache_outputs
from distill.training.teacher_outputs import Teacher, TeacherOutputs


@dataclass(frozen=True)
class Ensemble:
    """Trained networks whose logits are averaged over members and views of a face."""

    members: Sequence[FaceStateNet]
    seen: ViewConfig

    def to(self, device: torch.device) -> Ensemble:
        """The same networks, moved to a device."""
        for network in self.members:
            network.to(device)
        return self

    @torch.no_grad()
    def __call__(self, batch: Batch) -> TeacherOutputs:
        """Logits of every head that some member has; features of the last MF², in the first view.

        Emotion logits are averaged log-probabilities.
        """
        collected: dict[str, list[Tensor]] = {}
        features: Features | None = None
        head: tuple[Tensor, Tensor] | None = None
        for network in self.members:
            for place, view in enumerate(views(batch.images, self.seen)):
                outputs: tuple[Tensor, ...]
                if isinstance(network, FeatureNet):
                    found = network.read(view)
                    outputs = (found.emotion, found.action_units, *found.extra)
                    if place == 0:
                        features = found
                        head = (network.emotion.head.weight, network.emotion.head.bias)
                else:
                    outputs = network(view)
                for name, logits in zip(network.heads, outputs, strict=True):
                    value = logits.log_softmax(dim=1) if name == "emotion" else logits
                    collected.setdefault(name, []).append(value)
        mean = {name: torch.stack(values).mean(dim=0) for name, values in collected.items()}
        return TeacherOutputs(mean, features, head)


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


def load_members(config: EnsembleConfig, folder: Path) -> list[Recipe]:
    """The recipes of an ensemble's members, beside its own file in `folder`.

    Raises ConfigError if they do not share labels, input and folds.
    """
    members = [load_recipe(folder / name) for name in config.members]
    for member in members[1:]:
        for same in ("seed", "emotions", "action_units", "alignment", "preprocessing", "folds"):
            if getattr(member, same) != getattr(members[0], same):
                raise ConfigError(
                    f"{member.name} and {members[0].name} differ in {same}: the members of an "
                    "ensemble must agree on it"
                )
    return members


def open_ensemble(members: Sequence[Recipe], seen: ViewConfig, fold: int | None) -> Ensemble:
    """The trained members; raises CheckpointError for one that was not trained."""
    networks = [load_network(member.folder(fold) / "network.pt").network for member in members]
    return Ensemble([channels_last(net).requires_grad_(False) for net in networks], seen)
