"""Evaluation of an ensemble and of each of its members, with one view of a face and with all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from distill.config import ConfigError, Recipe
from distill.ensemble_config import ViewConfig, load_ensemble
from distill.evaluation.calibrate import HeldOut
from distill.evaluation.protocols.out_of_fold import Folds, action_unit_accuracy, pool_folds
from distill.evaluation.protocols.recipe import part_accuracy, splits
from distill.faces.batches import Batch, centre_tensor
from distill.faces.store import FaceStore
from distill.faces.views import views
from distill.training.sources.stored import evaluation_stores
from distill.training.sources.validation import Logits
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


@dataclass(frozen=True)
class _Answers:
    """What each member answers to each view of faces: computed once, averaged as asked."""

    seen: ViewConfig
    kept: dict[tuple[str, int | None, str], list[Logits]] = field(default_factory=dict)

    def mean(
        self,
        members: Sequence[Recipe],
        views_used: int,
        fold: int | None,
        part: str,
        faces: tuple[FaceStore, NDArray[np.int64]],
    ) -> Logits:
        """Mean logits of members, trained without `fold`, over the first views of a part's faces.

        Of emotions, the mean of log-probabilities.
        """
        answers = [
            each for member in members for each in self._of(member, fold, part, *faces)[:views_used]
        ]
        heads = {head for each in answers for head in each}
        return {
            head: np.mean([each[head] for each in answers if head in each], axis=0)
            for head in heads
        }

    def _of(
        self,
        member: Recipe,
        fold: int | None,
        part: str,
        store: FaceStore,
        rows: NDArray[np.int64],
    ) -> list[Logits]:
        key = (member.name, fold, part)
        if key not in self.kept:
            network = open_ensemble([member], ONCE, fold)
            self.kept[key] = _run(network, member, store, rows, self.seen)
        return self.kept[key]


def evaluate_teacher(path: Path, out: Path) -> list[TeacherMetrics]:
    """Measure the ensemble described by a TOML file; writes the figures as JSON."""
    config = load_ensemble(path)
    if config.views.scales[:1] != (1.0,):
        raise ConfigError(
            f"{path}: views.scales has to begin with 1.0, the one view of the figures"
        )
    members = load_members(config, path.parent)
    torch.set_num_threads(members[0].threads)
    answers = _Answers(config.views)
    count = len(config.views.scales) * (2 if config.views.mirrored else 1)
    combinations = [*((member.name, [member]) for member in members), (config.name, members)]
    figures = [
        _measure(name, chosen, views_used, answers)
        for views_used in dict.fromkeys((1, count))
        for name, chosen in combinations
    ]
    write_json(out, figures)
    return figures


def _measure(
    name: str, members: Sequence[Recipe], views_used: int, answers: _Answers
) -> TeacherMetrics:
    recipe = members[0]
    found: list[AccuracySpec] = []
    for dataset, store in evaluation_stores(recipe):
        for split, words in splits(store, recipe, dataset):
            rows = store.rows(split)
            logits = answers.mean(members, views_used, None, f"{dataset} {split}", (store, rows))
            part = HeldOut(recipe.data[dataset].title, store, rows, logits)
            found += part_accuracy(part, recipe, None, dataset, words)
    folds = _out_of_fold(members, views_used, answers)
    if folds is not None:
        found = [*action_unit_accuracy(recipe, folds), *found]
    sums = checkpoint_sums(members)
    return TeacherMetrics(network=name, views=views_used, sha256=sums, accuracy=found)


def _out_of_fold(members: Sequence[Recipe], views_used: int, answers: _Answers) -> Folds | None:
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
        found = answers.mean(members, views_used, number, f"fold {number}", (store, rows))
        return found["action_units"]

    return pool_folds(recipe, trained, logits_of)


def _run(
    teacher: Teacher,
    recipe: Recipe,
    store: FaceStore,
    rows: NDArray[np.int64],
    seen: ViewConfig,
) -> list[Logits]:
    """Logits of faces, once for each view."""
    parts: list[list[Logits]] = []
    for part in tqdm(np.array_split(rows, max(1, len(rows) // 32)), mininterval=5):
        images = centre_tensor(recipe, store.images[part])
        parts.append(
            [
                {
                    head: logits.numpy()
                    for head, logits in teacher(Batch(x, {}, x[:, 0, 0], 0)).logits.items()
                }
                for x in views(images, seen)
            ]
        )
    return [
        {head: np.concatenate([each[head] for each in view]) for head in view[0]}
        for view in zip(*parts, strict=True)
    ]


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
