"""A bundle as a teacher: its exported file is run, no checkpoint is needed.

It teaches the heads that the recipe names (`distillation.heads`), and its embedding where its file
returns it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import ConfigError, Recipe
from distill.faces.batches import Batch
from distill.networks.export_net import EMBEDDINGS
from distill.training.teachers.outputs import TeacherOutputs
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bundle.schema import Manifest, PreprocessingSpec


@dataclass(frozen=True)
class BundleTeacher:
    """The open bundle, and how the student's faces were normalised."""

    analyzer: FaceStateAnalyzer
    normalised: PreprocessingSpec
    heads: Mapping[str, int]
    """Position among the outputs of each head that is to be learned, by name."""
    embedding: int | None
    """Position of the embedding among the outputs, if it is to be learned."""

    def __call__(self, batch: Batch) -> TeacherOutputs:
        """Logits of each face, by head, and its embedding."""
        images = batch.images
        mean, std = (
            torch.tensor(values).view(3, 1, 1)
            for values in (self.normalised.mean, self.normalised.std)
        )
        pixels = (images.detach().float().cpu() * std + mean).round().clamp(0, 255)
        faces = pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        outputs = [self.analyzer.runtime.run(self.analyzer.preprocess(face)) for face in faces]
        logits = {
            name: _stacked(outputs, place, images.device) for name, place in self.heads.items()
        }
        if self.embedding is None:
            return TeacherOutputs(logits)
        embedding = _stacked(outputs, self.embedding, images.device)
        return TeacherOutputs(logits, embedding=embedding)


def _stacked(outputs: Sequence[Sequence[NDArray[Any]]], place: int, device: torch.device) -> Tensor:
    rows = np.stack([np.asarray(each[place][0], np.float32) for each in outputs])
    return torch.from_numpy(rows).to(device)


def open_bundle_teacher(recipe: Recipe) -> BundleTeacher:
    """The bundle that a recipe names as its teacher, by name or folder.

    Raises ConfigError if its faces or the labels of a head are not the recipe's, or it does not
    return the embedding that the recipe is to learn; BundleError if it is not there or damaged.
    """
    analyzer = FaceStateAnalyzer(recipe.teacher, num_threads=1)
    manifest = analyzer.bundle.manifest
    if recipe.alignment != manifest.alignment:
        raise ConfigError(_difference(recipe, manifest, "alignment"))
    heads = {head.name: head for head in manifest.heads}
    places: dict[str, int] = {}
    for name in recipe.distillation.heads if recipe.distillation is not None else ():
        if name not in heads or heads[name].labels != recipe.labels(name):
            raise ConfigError(_difference(recipe, manifest, f"labels of {name}"))
        places[name] = heads[name].output
    return BundleTeacher(analyzer, recipe.preprocessing, places, _embedding(recipe, manifest))


def _difference(recipe: Recipe, manifest: Manifest, what: str) -> str:
    return (
        f"the teacher {manifest.name} and {recipe.name} differ in {what}: a bundle teaches recipes "
        "that share alignment and labels with it"
    )


def _embedding(recipe: Recipe, manifest: Manifest) -> int | None:
    if recipe.distillation is None or not recipe.distillation.embedding:
        return None
    found = [each for each in manifest.embeddings if each.name == EMBEDDINGS[0]]
    if [each.width for each in found] != [recipe.network.taught_width]:
        returned = f"one of {found[0].width} values" if found else "none"
        raise ConfigError(
            f"{recipe.name} learns an embedding of {recipe.network.taught_width} values, and "
            f"{manifest.name} returns {returned}: set distillation.embedding to 0, or name another "
            "teacher"
        )
    return found[0].output


def bundle_teacher_key(recipe: Recipe) -> str:
    """The hash of the file that is run; another text or figure in its manifest changes nothing."""
    return FaceStateAnalyzer(recipe.teacher, num_threads=1).artifact.sha256
