"""Evaluation of an ensemble and of each of its members, with one view of a face and with all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from distill.config import Recipe
from distill.ensemble_config import EnsembleConfig, ViewConfig, load_ensemble
from distill.evaluation.calibrate import HeldOut
from distill.evaluation.protocols.out_of_fold import Folds, action_unit_accuracy, pool_folds
from distill.evaluation.protocols.recipe import part_accuracy, splits
from distill.faces.batches import Batch, centre_tensor
from distill.faces.store import FaceStore
from distill.training.sources import evaluation_stores
from distill.training.teachers.ensemble import load_members, open_ensemble
from distill.training.teachers.outputs import Teacher
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.atomic import write_json

ONCE = ViewConfig(scales=(1.0,), mirrored=False)


class TeacherMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one network, or of all together; `views` is how many of a face were averaged."""

    network: str
    views: int
    sha256: dict[str, str]
    """Of each checkpoint, by its path."""
    accuracy: list[AccuracySpec]


def evaluate_teacher(path: Path, out: Path) -> list[TeacherMetrics]:
    """Measure the ensemble described by a TOML file; writes the figures as JSON."""
    config = load_ensemble(path)
    members = load_members(config, path.parent)
    torch.set_num_threads(members[0].threads)
    alone = [msgspec.structs.replace(config, name=member.name) for member in members]
    figures = [
        _measure(each, chosen, seen)
        for seen in (ONCE, config.views)
        for each, chosen in [
            *((own, [member]) for own, member in zip(alone, members, strict=True)),
            (config, members),
        ]
    ]
    write_json(out, figures)
    return figures


def _measure(config: EnsembleConfig, members: Sequence[Recipe], seen: ViewConfig) -> TeacherMetrics:
    recipe, ensemble = members[0], open_ensemble(members, seen, None)
    found: list[AccuracySpec] = []
    for name, store in evaluation_stores(recipe):
        for split, words in splits(store, recipe, name):
            rows = store.rows(split)
            logits = _run(ensemble, recipe, store, rows)
            part = HeldOut(recipe.data[name].title, store, rows, logits)
            found += part_accuracy(part, recipe, None, name, words)
    folds = _out_of_fold(members, seen)
    if folds is not None:
        found = [*action_unit_accuracy(recipe, folds), *found]
    return TeacherMetrics(
        network=config.name,
        views=len(seen.scales) * (2 if seen.mirrored else 1),
        sha256=checkpoint_sums(members),
        accuracy=found,
    )


def _out_of_fold(members: Sequence[Recipe], seen: ViewConfig) -> Folds | None:
    """Unit logits of the coded data set, each fold by members that never saw its subjects."""
    recipe = members[0]
    if recipe.folds is None:
        return None
    trained = [
        number
        for number in range(recipe.folds.count)
        if all((member.folder(number) / "network.pt").is_file() for member in members)
    ]

    def logits_of(number: int, store: FaceStore, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        ensemble = open_ensemble(members, seen, number)
        return _run(ensemble, recipe, store, rows)["action_units"]

    return pool_folds(recipe, trained, logits_of)


def _run(
    teacher: Teacher, recipe: Recipe, store: FaceStore, rows: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for part in tqdm(np.array_split(rows, max(1, len(rows) // 32)), mininterval=5):
        images = centre_tensor(recipe, store.images[part])
        for head, logits in teacher(Batch(images, {}, images[:, 0, 0], 0)).logits.items():
            parts.setdefault(head, []).append(logits.numpy())
    return {head: np.concatenate(values) for head, values in parts.items()}


def checkpoint_sums(members: Sequence[Recipe]) -> dict[str, str]:
    """sha256 of the members' trained networks, those of folds among them, by their paths."""
    paths = [
        path
        for member in members
        for path in (
            member.run_folder / "network.pt",
            *sorted(member.run_folder.glob("folds/*/network.pt")),
        )
    ]
    return {str(path): sha256(path.read_bytes()).hexdigest() for path in paths}


def table(figures: Sequence[TeacherMetrics]) -> Iterator[str]:
    """A line a network: its figures in the order in which they were measured."""
    for row in figures:
        values = ", ".join(f"{a.dataset} {a.metric} {a.value:.4f}" for a in row.accuracy)
        yield f"{row.network}, {row.views} view{'s' * (row.views > 1)}: {values}"
