"""Evaluate on a data set by one of its protocols: the figures that papers' tables hold.

What is measured is frozen. A protocol's folds then only place thresholds, on the faces of the
other subjects; thresholds are never fitted on faces that are evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from distill.datasets import READERS
from distill.datasets.tree import open_tree
from distill.evaluation.evaluator import Evaluator
from distill.evaluation.protocols.datasets import find_protocol
from distill.evaluation.scoring import Measured, open_scorer, score_faces
from distill.faces.resumable import fingerprint, remove_rows
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.atomic import write_json


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
