"""Evaluation on a data set by one of its protocols: the figures that papers' tables hold.

What is measured is frozen. A protocol's folds then only place thresholds, on the faces of the
other subjects; thresholds are never fitted on faces that are evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.datasets import READERS, LabelledFace
from distill.datasets.tree import open_tree
from distill.evaluation.conditions import machine, today
from distill.evaluation.metrics.labels import (
    emotion_metrics,
    label_metrics,
    mean_over_folds,
    thresholds_of_best_f1,
)
from distill.evaluation.protocols.datasets import find_protocol
from distill.evaluation.protocols.folds import EvaluationProtocol, Fold, ProtocolError
from distill.evaluation.scoring import EvaluatedModel, Measured, Scores, open_scorer, score_faces
from distill.faces.resumable import fingerprint, remove_rows
from mf2_edge.bundle.schema import AccuracySpec, LabelAccuracy
from mf2_edge.io.atomic import write_json

Labels = dict[str, LabelAccuracy]


@dataclass(frozen=True)
class Order:
    """What to measure, on which data set (a key of `READERS`), by which protocol.

    `out` takes the results, a list of AccuracySpec; None writes them to
    `runs/evaluations/DATASET-PROTOCOL.json`.
    """

    dataset: str
    root: Path
    protocol: str | None
    measured: Measured
    out: Path | None = None


def evaluate_dataset(order: Order, workers: int) -> list[AccuracySpec]:
    """Score and evaluate the faces of the protocol; a killed run goes on from there.

    Raises ProtocolError, LayoutError, BundleError or CheckpointError saying what was expected.
    """
    protocol = find_protocol(order.dataset, order.protocol)
    faces = list(READERS[order.dataset](open_tree(order.root)))
    folds = protocol.folds(faces)
    scorer = open_scorer(order.measured)
    rows = np.unique(np.concatenate([fold.evaluated for fold in folds]))
    out = order.out or Path("runs/evaluations") / f"{order.dataset}-{order.protocol}.json"
    key = fingerprint(scorer.key, order.root, *(faces[row].identity for row in rows))
    path = out.with_name(f"{out.stem}-{key}.npy")
    scores = score_faces(order.measured, order.root, faces, rows, path, workers)
    results = Evaluator(protocol, faces, folds, scorer, lambda _: scores).results()
    write_json(out, results)
    remove_rows(path)
    return results


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the scores that a network gives to the faces of a data set.

    `scores_of` gives the scores of all faces for a fold: the same for every fold if the network is
    frozen; a network that learns from `Fold.train` gives each fold its own, and `how` says so in
    the results. `places_thresholds`: whether thresholds are also fitted, on scores of `Fold.train`.
    """

    protocol: EvaluationProtocol
    faces: Sequence[LabelledFace]
    folds: Sequence[Fold]
    scorer: EvaluatedModel
    scores_of: Callable[[Fold], Scores]
    how: str = "frozen network"
    places_thresholds: bool = True

    def results(self) -> list[AccuracySpec]:
        """All figures of the protocol; raises ProtocolError where nothing can be evaluated."""
        emotions = self.emotions() if self.protocol.emotions else []
        return emotions + (self.units() if self.protocol.has_units else [])

    def emotions(self) -> list[AccuracySpec]:
        """Accuracy among all emotions of the network; accuracy and mean F1 among the set's own."""
        known = self.scorer.emotions
        own = [name for name in known if name in self.protocol.emotions]
        rows: list[int] = []
        parts, unaligned = [], 0
        for fold in self.folds:
            evaluated = [
                r for r in fold.evaluated if self.faces[r].emotion in self.protocol.emotions
            ]
            scores = self.scores_of(fold)
            parts.append(scores.emotions[evaluated])
            unaligned += int(scores.unaligned[evaluated].sum())
            rows += evaluated
        truth = [str(self.faces[row].emotion) for row in rows]
        among_all = emotion_metrics(truth, np.concatenate(parts), known, known)
        among_own = emotion_metrics(truth, np.concatenate(parts), known, own)
        of_all = f"best of all {len(known)} emotions; {self._note(unaligned)}"
        of_own = f"best of the set's own {len(own)} emotions; {self._note(unaligned)}"
        split, n = self.protocol.split, len(rows)
        results = [
            self._result(split, of_all, "accuracy", among_all.accuracy, among_all.recalls, n),
            self._result(split, of_own, "accuracy", among_own.accuracy, among_own.recalls, n),
            self._result(split, of_own, "mean F1", among_own.mean_f1, among_own.f1s, n),
        ]
        return results if len(own) < len(known) else [results[0], results[2]]

    def units(self) -> list[AccuracySpec]:
        """Mean F1. With folds: of each and over all, with thresholds from the others, then shipped.

        Scores stay what they are; only the threshold from which on a unit counts as present moves.
        """
        wanted = self.scorer.units if self.protocol.units is None else self.protocol.units
        units = [unit for unit in wanted if unit in self.scorer.units]
        columns = [self.scorer.units.index(unit) for unit in units]
        shipped = self.scorer.thresholds[columns]
        labels = np.stack([face.unit_labels(units) for face in self.faces])
        by_fitted, by_shipped, counts, unaligned = [], [], [], 0
        for fold in self.folds:
            scores = self.scores_of(fold)
            evaluated, train = self._coded(fold.evaluated), self._coded(fold.train)
            given = scores.units[evaluated][:, columns]
            if self.places_thresholds:
                known = scores.units[train][:, columns]
                fitted = thresholds_of_best_f1(labels[train], known, shipped)
                by_fitted.append(label_metrics(labels[evaluated], given, fitted, units))
            by_shipped.append(label_metrics(labels[evaluated], given, shipped, units))
            counts.append(len(evaluated))
            unaligned += int(scores.unaligned[evaluated].sum())

        def result(figures: Labels, split: str, rule: str, n: int) -> AccuracySpec:
            rule = f"{_extent(figures, wanted)}, {rule}; {self._note(unaligned)}"
            value = float(np.mean([figure.value for figure in figures.values()]))
            return self._result(split, rule, "mean F1", round(value, 4), figures, n)

        if empty := [
            fold.name for fold, part in zip(self.folds, by_shipped, strict=True) if not part
        ]:
            raise ProtocolError(
                f"{self.protocol.title}: in {', '.join(empty)} no unit that the network knows is "
                "present in one evaluated face and absent in another"
            )
        split, total = self.protocol.split, sum(counts)
        as_shipped = f"{self.how}, thresholds as shipped"
        if self.protocol.fold_subjects is None:
            return [result(by_shipped[0], split, as_shipped, total)]
        of_others = f"{self.how}, thresholds of best F1 on the subjects of the other folds"
        parts, rule = (by_fitted, of_others) if self.places_thresholds else (by_shipped, as_shipped)
        found = [
            result(figures, f"{fold.name} of {split}", rule, count)
            for fold, figures, count in zip(self.folds, parts, counts, strict=True)
        ]
        if self.places_thresholds:
            of_fitted = f"mean over folds, {of_others}"
            found.append(result(mean_over_folds(by_fitted), split, of_fitted, total))
        shipped_rule = f"mean over folds, {as_shipped}"
        return [*found, result(mean_over_folds(by_shipped), split, shipped_rule, total)]

    def _coded(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        coded = [self.faces[row].action_units is not None for row in rows]
        return np.asarray(rows[np.array(coded, dtype=bool)], dtype=np.int64)

    def _note(self, unaligned: int) -> str:
        """The conditions that all figures share."""
        notes = [self.protocol.rule, self.scorer.title]
        if unaligned:
            notes.append(f"no landmarks found in {unaligned} faces, which count")
        if self.protocol.title in self.scorer.data:
            part = "the training part of" if self.protocol.held_out else "faces of"
            notes.append(f"the network learned from {part} this data set")
        return "; ".join(notes)

    def _result(
        self, split: str, rule: str, metric: str, value: float, labels: Labels, n: int
    ) -> AccuracySpec:
        return AccuracySpec(
            dataset=self.protocol.title,
            split=split,
            protocol=rule,
            metric=metric,
            value=value,
            n=n,
            seed=None,
            labels=labels,
            date=today(),
            machine=machine(),
        )


def _extent(figures: Labels, wanted: Sequence[str]) -> str:
    missing = [unit for unit in wanted if unit not in figures]
    left_out = f" ({', '.join(missing)} cannot be evaluated)" if missing else ""
    return f"{len(figures)} of {len(wanted)} units{left_out}"
