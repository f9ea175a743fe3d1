"""A recipe trained and judged by a data set's published protocol: the table that papers print.

For each seed a network is trained for each fold without the fold's subjects, or one on the data
set's training part, and scores the faces that it never saw. Units are present from a probability
of 0.5 on; no threshold is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import ConfigError, DatasetConfig, Recipe
from distill.datasets import READERS, LabelledFace
from distill.datasets.tree import open_tree
from distill.evaluation.conditions import machine, today
from distill.evaluation.protocols.datasets import find_protocol
from distill.evaluation.protocols.evaluator import Evaluator
from distill.evaluation.protocols.folds import EvaluationProtocol, Fold, ProtocolError
from distill.evaluation.reports.markdown import table
from distill.evaluation.scoring import Scores
from distill.faces.store import FaceStore, load_faces
from distill.training.distributed import join_world
from distill.training.loop import train
from distill.training.qat import quantize
from distill.training.sources.stored import subject_folds
from distill.training.sources.validation import predict
from distill.training.trained import load_trained, shipped_precisions
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.atomic import write_json
from mf2_edge.pipeline.activations import sigmoid, softmax


class ProtocolReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `distill protocol` writes: every seed's results, and the table's figures."""

    dataset: str
    protocol: str
    recipe: str
    recipe_sha256: str
    steps: int
    seeds: tuple[int, ...]
    figures: dict[str, dict[str, list[float]]]
    """By metric and label, "mean" being over labels: a value a seed, over folds where there are."""
    results: list[AccuracySpec]
    date: str
    machine: str


@dataclass
class TrainedLabels:
    """What an evaluator asks of a trained recipe: its labels, and thresholds of 0.5."""

    emotions: tuple[str, ...]
    units: tuple[str, ...]
    title: str
    thresholds: NDArray[np.float64]
    data: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TrainedRecipe:
    """A trained recipe, and the number of its training for each fold by name; None: of one for all.

    Scores are those of the store's faces, which are the protocol's.
    """

    recipe: Recipe
    store: FaceStore
    numbers: dict[str, int | None]

    def evaluator(
        self, protocol: EvaluationProtocol, faces: Sequence[LabelledFace], folds: Sequence[Fold]
    ) -> Evaluator:
        """What evaluates it by a protocol."""
        recipe, several = self.recipe, protocol.fold_subjects is not None
        scorer = TrainedLabels(
            recipe.emotions,
            recipe.action_units,
            f"network {recipe.name}, {shipped_precisions(recipe)[-1]}",
            np.full(len(recipe.action_units), 0.5),
        )
        how = "trained on the other folds" if several else "trained on the training part"
        return Evaluator(protocol, faces, folds, scorer, self.scores, how, places_thresholds=False)

    def scores(self, fold: Fold) -> Scores:
        """Of the fold's evaluated faces, by the network that saw none of them."""
        recipe, count = self.recipe, len(self.store.names)
        network = load_trained(recipe, shipped_precisions(recipe)[-1], self.numbers[fold.name])
        logits = predict(network, recipe, self.store, fold.evaluated)
        emotions = np.full((count, len(recipe.emotions)), np.nan)
        units = np.full((count, len(recipe.action_units)), np.nan)
        emotions[fold.evaluated] = softmax(logits["emotion"])
        units[fold.evaluated] = sigmoid(logits["action_units"])
        return Scores(emotions, units, ~self.store.aligned)


def run_protocol(
    recipe: Recipe, dataset: str, name: str, seeds: Sequence[int], out: Path
) -> ProtocolReport | None:
    """Train and judge, write the report to `out`; None in processes that do not lead.

    dataset: a key of the recipe's data, whose faces were prepared. What is trained already is not
    trained again. Raises ConfigError or ProtocolError where recipe and protocol do not fit.
    """
    data = recipe.data.get(dataset)
    if data is None:
        raise ConfigError(f"no data.{dataset} in {recipe.name}: there are {', '.join(recipe.data)}")
    protocol = find_protocol(data.reader, name)
    store = load_faces(recipe, dataset)
    faces = _faces(data, store)
    folds = protocol.folds(faces)
    numbers = _fold_numbers(recipe, dataset, protocol, folds, store)
    members = [member_of(recipe, seed) for seed in seeds]
    for member in members:
        for number in numbers:
            train(member, number)
            if member.qat is not None:
                quantize(member, member.qat, number)
    if not join_world().leads:
        return None
    results: list[AccuracySpec] = []
    for member, seed in zip(members, seeds, strict=True):
        trained = TrainedRecipe(
            member, store, dict(zip([f.name for f in folds], numbers, strict=True))
        )
        judged = trained.evaluator(protocol, faces, folds).results()
        results += [msgspec.structs.replace(result, seed=seed) for result in judged]
    report = ProtocolReport(
        dataset=data.title,
        protocol=protocol.split,
        recipe=recipe.name,
        recipe_sha256=sha256(msgspec.json.encode(recipe)).hexdigest(),
        steps=recipe.train.steps,
        seeds=tuple(seeds),
        figures=_figures(results, seeds),
        results=results,
        date=today(),
        machine=machine(),
    )
    write_json(out, report)
    return report


def member_of(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed of training, in a folder of its own."""
    name = f"{recipe.name}-seed{seed}"
    return msgspec.structs.replace(recipe, name=name, training_seed=seed)


def protocol_table(report: ProtocolReport) -> str:
    """The figures as papers print them, in percent: mean and, of several seeds, deviation."""
    parts = []
    for metric, labels in report.figures.items():
        columns = [name for name in labels if name != "mean"]
        cells = [_percent(labels[name]) for name in (*columns, "mean")]
        head = ["", *columns, "accuracy" if metric == "accuracy" else "mean"]
        parts.append(f"{report.dataset}, {report.protocol}: {metric}")
        parts.append(table(head, [[report.recipe, *cells]]))
    seeds = f"{len(report.seeds)} seeds" if len(report.seeds) > 1 else f"seed {report.seeds[0]}"
    conditions = f"{seeds}, {report.steps} steps; {report.date}, {report.machine}."
    return "\n\n".join([*parts, conditions]) + "\n"


def _percent(values: Sequence[float]) -> str:
    mean = f"{100 * np.mean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {100 * np.std(values, ddof=1):.1f}"


def _figures(
    results: Sequence[AccuracySpec], seeds: Sequence[int]
) -> dict[str, dict[str, list[float]]]:
    """A value a seed of each metric and label.

    Of several results of a metric the last counts: the mean over folds, or that among the data
    set's own emotions.
    """
    figures: dict[str, dict[str, list[float]]] = {}
    for seed in seeds:
        own = [result for result in results if result.seed == seed]
        last = {("unit F1" if _of_units(r) else r.metric): r for r in own}
        for metric, result in last.items():
            values = figures.setdefault(metric, {})
            for label, figure in result.labels.items():
                values.setdefault(label, []).append(figure.value)
            values.setdefault("mean", []).append(result.value)
    return figures


def _of_units(result: AccuracySpec) -> bool:
    return any(label.startswith("AU") for label in result.labels)


def _faces(data: DatasetConfig, store: FaceStore) -> list[LabelledFace]:
    """What the data set says of the faces of a store, in its order."""
    faces = list(READERS[data.reader](open_tree(Path(data.root))))
    if [face.identity for face in faces] != store.names.tolist():
        raise ProtocolError(
            f"{data.title}: the faces at {data.root} are not those in the cache; delete its folder "
            "there, and prepare it again"
        )
    return faces


def _fold_numbers(
    recipe: Recipe,
    dataset: str,
    protocol: EvaluationProtocol,
    folds: Sequence[Fold],
    store: FaceStore,
) -> list[int | None]:
    """The number that training knows each fold by; None for one training for all faces."""
    if protocol.fold_subjects is None:
        trained = store.splits[folds[0].evaluated]
        if np.isin(trained, ("train", "dev")).any():
            raise ProtocolError(f"{protocol.title}: the evaluated faces are those of training")
        return [None]
    settings = recipe.folds
    if settings is None or not settings.published or settings.dataset != dataset:
        raise ConfigError(
            f"{recipe.name} trains on faces that {protocol.title}'s folds evaluate: expected "
            f'[folds] with dataset = "{dataset}", count = {len(folds)}, published = true'
        )
    numbers = subject_folds(recipe, store)
    for number, fold in enumerate(folds):
        if (numbers[fold.evaluated] != number).any():
            raise ProtocolError(f"{protocol.title}: {fold.name} has other subjects in training")
    return list(range(len(folds)))
