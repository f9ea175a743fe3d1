"""Teacher outputs kept in files: an ensemble takes longer than a small network takes to learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from distill.config import ConfigError, Recipe
from distill.faces.batches import Batch, FaceSource, Source, centre_tensor
from distill.training.teachers.outputs import Teacher, TeacherOutputs
from mf2_edge.io.atomic import replacing

CHUNK = 64

Outputs = dict[str, dict[str, NDArray[np.float32]]]
"""Logits [faces, labels] of every face of a store, by data set and head; NaN where not kept."""


@dataclass(frozen=True)
class CachedTeacher:
    """A teacher that was run once on each face, unaugmented and mirrored."""

    outputs: Outputs

    def __call__(self, batch: Batch) -> TeacherOutputs:
        """Logits of the batch's faces; raises ConfigError for a face that was not kept."""
        logits: dict[str, Tensor] = {}
        for head in next(iter(self.outputs.values())):
            rows = [self._row(head, *key) for key in batch.keys]
            logits[head] = torch.from_numpy(np.stack(rows)).to(batch.images.device)
        return TeacherOutputs(logits)

    def _row(self, head: str, name: str, row: int) -> NDArray[np.float32]:
        found = self.outputs.get(name)
        if found is None or np.isnan(found[head][row]).any():
            raise ConfigError(
                f"the teacher's outputs for face {row} of {name or 'shards'} were not kept: set "
                "distillation.cached to false, or train on prepared data sets alone"
            )
        logits: NDArray[np.float32] = found[head][row]
        return logits


def cache_outputs(
    teacher: Teacher, recipe: Recipe, sources: Sequence[FaceSource], folder: Path
) -> Outputs:
    """Logits of every face of the sources, from `folder`, one file a data set, where it is there.

    They are averaged over each face and its mirror image.
    """
    outputs: Outputs = {}
    for source in sources:
        if not isinstance(source, Source):
            raise ConfigError(f"{source.name} is shards: set distillation.cached to false")
        path = folder / f"{source.name}.npz"
        if path.is_file():
            with np.load(path) as kept:
                outputs[source.name] = {head: kept[head] for head in kept.files}
            continue
        outputs[source.name] = _run(teacher, recipe, source)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            np.savez(partial, allow_pickle=False, **outputs[source.name])
    return outputs


def _run(teacher: Teacher, recipe: Recipe, source: Source) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    parts = np.array_split(source.rows, max(1, len(source.rows) // CHUNK))
    for rows in tqdm(parts, desc=f"teacher on {source.name}", mininterval=5):
        images = centre_tensor(recipe, source.store.images[rows])
        views = [teacher(Batch(x, {}, x[:, 0, 0], 0)).logits for x in (images, images.flip(3))]
        for head in views[0]:
            mean = torch.stack([view[head].float().cpu() for view in views]).mean(dim=0).numpy()
            blank = np.full((len(source.store.names), mean.shape[1]), np.nan, dtype=np.float32)
            found.setdefault(head, blank)[rows] = mean
    return found
