"""An ensemble of trained networks as a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from distill.config import ConfigError, Recipe, load_recipe
from distill.ensemble_config import EnsembleConfig, ViewConfig
from distill.faces.batches import Batch
from distill.faces.views import views
from distill.networks.features import FeatureNet, Features
from distill.networks.network import FaceStateNet, channels_last
from distill.training.checkpoint import load_network
from distill.training.teachers.outputs import TeacherOutputs


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
