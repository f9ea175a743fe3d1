"""The one place where the losses of training are assembled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from distill.config import Recipe
from distill.faces.batches import Batch
from distill.networks.features import FeatureNet, Features
from distill.networks.mf2 import MF2
from distill.training.distributed import World
from distill.training.losses.distillation import distillation_loss
from distill.training.losses.functions import (
    agreement_loss,
    dist_loss,
    emotion_loss,
    masked_bce,
    sigmoid_agreement,
)
from distill.training.losses.text_alignment import Language, text_loss
from distill.training.teachers.outputs import Teacher, TeacherOutputs


@dataclass(frozen=True)
class Objective:
    """From a batch to the losses of each head, of distillation and of text alignment.

    positive_weights (units,): of a positive AU label. precision: see `World.precision`.
    """

    recipe: Recipe
    world: World
    positive_weights: Tensor
    teacher: Teacher | None = None
    language: Language | None = None

    def losses(self, network: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """Unweighted losses of the heads by name, and the weighted others; scalars.

        Dropout and texts follow from the recipe's seed, the step and the batch's place in it: the
        same after a resume, and for any number of processes.
        """
        seed = (self.recipe.training_seed, step, batch.place)
        torch.manual_seed(hash(seed))
        with self.world.precision(self.recipe.train.precision):
            taught = self.teacher(batch) if self.teacher is not None else None
            outputs, features = self._forward(network, batch.images)
        logits = {head: outputs[place].float() for place, head in enumerate(self.recipe.heads)}
        found: dict[str, Tensor] = {
            head: self._head_loss(head, logits[head], batch, taught) for head in logits
        }
        if features is not None and taught is not None and self.recipe.distillation is not None:
            found["distillation"] = distillation_loss(features, taught, self.recipe.distillation)
        if self.language is not None and isinstance(network, MF2) and features is not None:
            rng = np.random.default_rng(seed)
            found["text"] = text_loss(network, features, batch, self.language, rng)
        return found

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        weights = self.recipe.train.weights
        parts = [getattr(weights, name, 1.0) * loss for name, loss in losses.items()]
        return torch.stack(parts).sum()

    def _forward(
        self, network: nn.Module, images: Tensor
    ) -> tuple[tuple[Tensor, ...], Features | None]:
        wanted = self.language is not None or self.recipe.distillation is not None
        if wanted and isinstance(network, FeatureNet):
            features = network.read(images)
            return (features.emotion, features.action_units, *features.extra), features
        return network(images), None

    def _head_loss(
        self, head: str, logits: Tensor, batch: Batch, taught: TeacherOutputs | None
    ) -> Tensor:
        """The loss of a head against the labels and, by the recipe's share, against the teacher."""
        target = batch.targets[head]
        if head == "emotion":
            smoothing = self.recipe.train.label_smoothing
            loss = emotion_loss(logits, target, batch.possible, smoothing)
        else:
            loss = masked_bce(
                logits, target, self.positive_weights if head == "action_units" else None
            )
        settings = self.recipe.distillation
        if taught is None or settings is None or head not in taught.logits:
            return loss
        theirs = taught.logits[head].float()
        if head != "emotion":
            agreement = sigmoid_agreement(logits, theirs)
        elif settings.relation == "dist":
            agreement = dist_loss(logits, theirs)
        else:
            agreement = agreement_loss(logits, theirs)
        return (1 - settings.share) * loss + settings.share * agreement
