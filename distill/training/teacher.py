"""Who a network in training listens to: phase 1's own answers, a bundle, or an ensemble.

An ensemble averages the logits of its members over several views of a face. Its emotions come from
the members' phase 1, its units from their phase 2: fold by fold, so that a network that learns
from it for a fold never hears, at second hand either, of that fold's subjects.
"""

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
from distill.faces.views import views
from distill.networks.features import FeatureNet, Features
from distill.networks.network import FaceStateNet, channels_last
from distill.training.bundle_teacher import bundle_teacher_key, open_bundle_teacher
from distill.training.checkpoint import load_network
from distill.training.teacher_cache import CachedTeacher
from distill.training.teacher_outputs import Teacher, TeacherOutputs
from mf2_edge.bundle.schema import HeadName


@dataclass(frozen=True)
class PhaseOne:
    """A network's own answers of before; its AU branch had pseudo-labels alone to learn from."""

    network: FaceStateNet

    @torch.no_grad()
    def __call__(self, images: Tensor) -> TeacherOutputs:
        """Emotion alone."""
        return TeacherOutputs(self.network.emotions(images), None)


@dataclass(frozen=True)
class Ensemble:
    """Trained networks that answer together."""

    for_emotion: Sequence[FaceStateNet]
    for_units: Sequence[FaceStateNet]
    seen: ViewConfig

    def to(self, device: torch.device) -> Ensemble:
        """The same networks, moved to a device."""
        for network in (*self.for_emotion, *self.for_units):
            network.to(device)
        return self

    @torch.no_grad()
    def __call__(self, images: Tensor) -> TeacherOutputs:
        """Logits averaged over members and views."""
        faces = views(images, self.seen)
        face, emotion = _ask(self.for_emotion, "emotion", faces)
        read, units = _ask(self.for_units, "action_units", faces)
        heads = [n.emotion.head for n in self.for_emotion if isinstance(n, FeatureNet)]
        return TeacherOutputs(
            torch.stack([logits.log_softmax(dim=1) for logits in emotion]).mean(dim=0),
            torch.stack(units).mean(dim=0) if units else None,
            face,
            read,
            (heads[-1].weight, heads[-1].bias) if heads else None,
        )


def _ask(
    networks: Sequence[FaceStateNet], head: HeadName, faces: Sequence[Tensor]
) -> tuple[Features | None, list[Tensor]]:
    """What the last MF² reads in the first view; every network's logits of each view."""
    own, logits = None, []
    for network in networks:
        for place, view in enumerate(faces):
            if isinstance(network, FeatureNet):
                reading = network.read(view)
                own = reading if place == 0 else own
                logits.append(reading.emotion if head == "emotion" else reading.action_units)
            else:
                logits.append(network.emotions(view) if head == "emotion" else network.units(view))
    return own, logits


def find_teacher(
    recipe: Recipe, wild: FaceStateNet, job: str | None, device: torch.device
) -> Teacher:
    """Whom a recipe listens to: in a fold ("0"), on all faces ("all"), on emotion alone (None)."""
    if recipe.teacher is None:
        return PhaseOne(wild.to(device))
    if not _is_ensemble(recipe.teacher):
        return open_bundle_teacher(recipe)
    path = Path(recipe.teacher)
    ensemble = load_ensemble(path)
    members = load_members(ensemble, path.parent)
    found = open_ensemble(members, ensemble.lesson_views, job).to(device)
    if recipe.lessons is None or not recipe.lessons.remembered:
        return found
    own = sha256(f"{job} {teacher_key(recipe, job)}".encode()).hexdigest()[:16]
    return CachedTeacher(found, Path(recipe.runs) / "answers" / own)


def teacher_key(recipe: Recipe, job: str | None) -> str:
    """Who `find_teacher` would find, as the files and when they were written; "" for phase 1."""
    if recipe.teacher is None:
        return ""
    if not _is_ensemble(recipe.teacher):
        return bundle_teacher_key(recipe)
    path = Path(recipe.teacher)
    ensemble = load_ensemble(path)
    folders = [member.run_folder for member in load_members(ensemble, path.parent)]
    files = [folder / "wild.pt" for folder in folders]
    files += [folder / "folds" / f"{job}.pt" for folder in folders if job is not None]
    written = [f"{file}: {file.stat().st_mtime_ns}" for file in files if file.is_file()]
    return f"{ensemble.lesson_views} {' '.join(written)}"


def _is_ensemble(teacher: str) -> bool:
    return teacher.endswith(".toml")


def load_members(config: EnsembleConfig, folder: Path) -> list[Recipe]:
    """The recipes of an ensemble's members, beside its own file in `folder`.

    Raises ConfigError if they do not share labels, input and folds.
    """
    members = [load_recipe(folder / name) for name in config.members]
    for member in members[1:]:
        for same in ("seed", "emotions", "action_units", "alignment", "preprocessing", "runs"):
            if getattr(member, same) != getattr(members[0], same):
                raise ConfigError(
                    f"{member.name} and {members[0].name} differ in {same}: the members of an "
                    "ensemble must agree on it"
                )
    return members


def checkpoint_sums(member: Recipe) -> dict[str, str]:
    """sha256 of a member's checkpoints of phases 1 and 2, by their paths."""
    folder = member.run_folder
    paths = [folder / "wild.pt", *sorted((folder / "folds").glob("*.pt"))]
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in paths}


def open_ensemble(members: Sequence[Recipe], seen: ViewConfig, job: str | None) -> Ensemble:
    """The members as trained for a fold ("0") or on all faces ("all"); None: without units."""
    units = [open_units(member, job) for member in members] if job is not None else []
    return Ensemble([open_emotion(member) for member in members], units, seen)


def open_emotion(member: Recipe) -> FaceStateNet:
    """A member after phase 1; raises CheckpointError if it was not trained."""
    network = channels_last(load_network(member.run_folder / "wild.pt").network)
    return network.requires_grad_(False)


def open_units(member: Recipe, job: str) -> FaceStateNet:
    """A member as phase 2 left it; raises FileNotFoundError if the fold was not trained."""
    path = member.run_folder / "folds" / f"{job}.pt"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: train {member.name} first (distill train)")
    network = open_emotion(member)
    network.load_state_dict(torch.load(path, weights_only=True)["network"])
    return network
