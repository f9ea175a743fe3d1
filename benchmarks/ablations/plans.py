"""What `python -m benchmarks.ablations.run` compares: arms as changes of a recipe, by plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from distill.config import Recipe
from distill.datasets.tree import placed
from distill.evaluation.metrics.scores import auc
from distill.faces.store import load_faces
from distill.language.zero_shot import grammar_directions, plain_directions, read_by_text
from distill.networks.features import FeatureNet
from distill.networks.network import FaceStateNet
from distill.train_config import DistillationConfig
from distill.training.sources.stored import evaluation_stores
from distill.training.sources.validation import predict, validate

CONFIGS = Path("distill/configs")
FACE = str(placed(Path("MobileFaceNet.tflite")))
LEVELS = ("au", "emotion", "face")
replace = msgspec.structs.replace
Arm = Callable[[Recipe], Recipe]


Metrics = Callable[[FaceStateNet, Recipe], dict[str, float]]


def emotion_accuracy(network: FaceStateNet, recipe: Recipe) -> dict[str, float]:
    """Accuracy on the validation part of each data set."""
    return validate(network, recipe, evaluation_stores(recipe))


def contempt_by_text(network: FaceStateNet, recipe: Recipe) -> dict[str, float]:
    """AUC of contempt among CK+'s faces with an emotion, asked for by text and by head.

    Ranked by how far contempt's score is from the best of the others. Training never saw CK+.
    """
    assert isinstance(network, FeatureNet)  # as the plan's arms say
    store = load_faces(recipe, "ckplus")
    rows = np.flatnonzero(store.majority >= 0)
    contempt = recipe.emotions.index("contempt")
    truth = store.majority[rows] == contempt
    ways = {
        "by the grammar": read_by_text(network, recipe, store, rows, grammar_directions(recipe)),
        "by plain words": read_by_text(network, recipe, store, rows, plain_directions(recipe)),
        "by the head": (predict(network, recipe, store, rows)["emotion"],),
    }
    margins = {way: margin(scores[0], contempt) for way, scores in ways.items()}
    figures = {f"AUC of contempt, CK+, {way}": auc(margins[way], truth) for way in margins}
    return figures | emotion_accuracy(network, recipe)


def margin(scores: NDArray[np.float32], label: int) -> NDArray[np.float32]:
    """How far a label's score is from the best of the others, [n]; scores [n, labels]."""
    return np.asarray(scores[:, label] - np.delete(scores, label, axis=1).max(axis=1))


@dataclass(frozen=True)
class Plan:
    """what: in words. steps: the budget; folds: whether CK+ is measured by fold; both unless given.

    metrics: the figures of the trained network.
    """

    what: str
    config: Path
    arms: dict[str, Arm]
    steps: int
    folds: bool
    metrics: Metrics = emotion_accuracy


def part_of_mf2(
    recipe: Recipe,
    levels: tuple[str, ...] | None,
    unseen: tuple[str, ...] = (),
    *,
    laboratory: bool = True,
) -> Recipe:
    """MF² aligned with some levels of text; None stands for no AU tokens either."""
    architecture = "student" if levels is None else "mf2"
    batch = recipe.train.batch | {"ckplus": 0}
    return replace(
        recipe,
        unseen=unseen,
        train=recipe.train if laboratory else replace(recipe.train, batch=batch),
        network=replace(recipe.network, architecture=architecture, init_from=None, weights=FACE),
        texts=replace(recipe.texts, levels=levels) if recipe.texts and levels else None,
    )


def from_a_bundle(recipe: Recipe, teacher: str | None, *, vector: bool = False) -> Recipe:
    """The network whose teacher is a bundle, taught so much."""
    taught = DistillationConfig(share=0.7, embedding=1.0 if vector else 0.0)
    network = replace(recipe.network, init_from=None, weights="imagenet", architecture="edge")
    return replace(
        recipe,
        network=network,
        teacher=teacher,
        distillation=taught if teacher else None,
    )


PLANS: dict[str, Plan] = {
    "mf2": Plan(
        "MF² without each of its parts",
        CONFIGS / "mf2.toml",
        {
            "global only": partial(part_of_mf2, levels=None),
            "+ local": partial(part_of_mf2, levels=()),
            "+ text, face level": partial(part_of_mf2, levels=("face",)),
            "+ text, all levels": partial(part_of_mf2, levels=LEVELS),
        },
        steps=250,
        folds=True,
    ),
    "unseen": Plan(
        "MF² that never met contempt, asked for it",
        CONFIGS / "mf2.toml",
        {
            "contempt in training": partial(part_of_mf2, levels=LEVELS, laboratory=False),
            "contempt never met": partial(
                part_of_mf2, levels=LEVELS, unseen=("contempt",), laboratory=False
            ),
        },
        steps=250,
        folds=False,
        metrics=contempt_by_text,
    ),
    "bundle-teacher": Plan(
        "mf2-edge-s without each part of what it is taught",
        CONFIGS / "mf2-edge-s.toml",
        {
            "labels alone": partial(from_a_bundle, teacher=None),
            "+ answers of mf2-edge-base": partial(from_a_bundle, teacher="mf2-edge-base"),
            "+ answers of mf2-edge-m": partial(from_a_bundle, teacher="mf2-edge-m"),
            "+ its face vectors": partial(from_a_bundle, teacher="mf2-edge-m", vector=True),
        },
        steps=250,
        folds=False,
    ),
}
