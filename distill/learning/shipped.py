"""A bundle as a teacher: its exported file answers, so nobody needs the checkpoints it came from.

It answers about emotion alone. A file that ships has seen every subject with human FACS codes, so a
network that listened to its Action Units in a fold would hear of that fold's subjects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import ConfigError, Recipe
from distill.learning.answers import Answers
from mf2_edge import FaceStateAnalyzer
from mf2_edge.schema import PreprocessingSpec


@dataclass(frozen=True)
class Shipped:
    """The open bundle, and how the learner's faces were normalised."""

    analyzer: FaceStateAnalyzer
    normalised: PreprocessingSpec

    def __call__(self, images: Tensor) -> Answers:
        """Emotion logits of each face."""
        mean, std = (
            torch.tensor(values).view(3, 1, 1)
            for values in (self.normalised.mean, self.normalised.std)
        )
        pixels = (images.detach().float().cpu() * std + mean).round().clamp(0, 255)
        faces = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        taught = torch.from_numpy(np.stack([self._emotion(face) for face in faces]))
        return Answers(taught.to(images.device), None)

    def _emotion(self, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
        head = self.analyzer.bundle.manifest.head("emotion")
        outputs = self.analyzer.runtime.run(self.analyzer.preprocess(aligned))
        return np.asarray(outputs[head.output][0], np.float32)


def open_shipped(recipe: Recipe) -> Shipped:
    """The bundle that a recipe names as its teacher, by name or folder.

    Raises ConfigError if it reads other faces or tells other emotions than the recipe,
    BundleError if it is not there or damaged.
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
    return Shipped(analyzer, recipe.preprocessing)


def shipped_key(recipe: Recipe) -> str:
    """Which file would answer; another text or figure in its manifest trains nothing anew."""
    return FaceStateAnalyzer(recipe.teacher, num_threads=1).artifact.sha256
