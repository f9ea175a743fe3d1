"""A bundle as a teacher: its exported file answers, so nobody needs the checkpoints it came from.

It answers about emotion, and shows the face vector that it does so from, if its file tells that. A
file that ships has seen every subject with human FACS codes, so a network that listened to its
Action Units in a fold would hear of that fold's subjects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import ConfigError, Recipe
from distill.networks.export_net import EMBEDDINGS
from distill.training.teacher_outputs import TeacherOutputs
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.schema import EmbeddingSpec, Manifest, PreprocessingSpec


@dataclass(frozen=True)
class BundleTeacher:
    """The open bundle, and how the learner's faces were normalised."""

    analyzer: FaceStateAnalyzer
    normalised: PreprocessingSpec
    vector: EmbeddingSpec | None
    """What is told beside the emotions."""

    def __call__(self, images: Tensor) -> TeacherOutputs:
        """Emotion logits of each face, and its vector."""
        mean, std = (
            torch.tensor(values).view(3, 1, 1)
            for values in (self.normalised.mean, self.normalised.std)
        )
        pixels = (images.detach().float().cpu() * std + mean).round().clamp(0, 255)
        faces = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        told = [self.analyzer.runtime.run(self.analyzer.preprocess(face)) for face in faces]
        emotion = self.analyzer.bundle.manifest.head("emotion").output
        answers = TeacherOutputs(_stacked(told, emotion, images.device), None)
        if self.vector is None:
            return answers
        vector = _stacked(told, self.vector.output, images.device)
        return answers._replace(face_vector=vector)


def _stacked(told: Sequence[Sequence[NDArray[Any]]], output: int, device: torch.device) -> Tensor:
    rows = np.stack([np.asarray(outputs[output][0], np.float32) for outputs in told])
    return torch.from_numpy(rows).to(device)


def open_bundle_teacher(recipe: Recipe) -> BundleTeacher:
    """The bundle that a recipe names as its teacher, by name or folder.

    Raises ConfigError if it reads other faces or tells other emotions than the recipe, or not the
    face vector that the recipe is to learn; BundleError if it is not there or damaged.
    """
    analyzer = FaceStateAnalyzer(recipe.teacher, num_threads=1)
    manifest = analyzer.bundle.manifest
    theirs = (manifest.alignment, manifest.head("emotion").labels)
    for what, own, found in zip(
        ("alignment", "emotions"), (recipe.alignment, recipe.emotions), theirs, strict=True
    ):
        if own != found:
            raise ConfigError(
                f"the teacher {manifest.name} and {recipe.name} differ in {what}: a bundle teaches "
                "recipes that share alignment and emotions with it"
            )
    return BundleTeacher(analyzer, recipe.preprocessing, _face_vector(recipe, manifest))


def _face_vector(recipe: Recipe, manifest: Manifest) -> EmbeddingSpec | None:
    if recipe.lessons is None or not recipe.lessons.embedding:
        return None
    found = [vector for vector in manifest.embeddings if vector.name == EMBEDDINGS[0]]
    if [vector.width for vector in found] != [recipe.network.taught_width]:
        told = f"one of {found[0].width} values" if found else "none"
        raise ConfigError(
            f"{recipe.name} learns a face vector of {recipe.network.taught_width} values, and "
            f"{manifest.name} tells {told}: set lessons.embedding to 0, or name another teacher"
        )
    return found[0]


def bundle_teacher_key(recipe: Recipe) -> str:
    """Which file would answer; another text or figure in its manifest trains nothing anew."""
    return FaceStateAnalyzer(recipe.teacher, num_threads=1).artifact.sha256
