"""Measure an ensemble and each of its members, seen once and in all views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from distill.config import Recipe, ViewConfig, load_ensemble
from distill.evaluation.evaluate import action_unit_accuracy, emotion_accuracy, splits
from distill.evaluation.evaluate_blendshapes import blendshape_agreement, blendshape_scores
from distill.faces.batches import Source, centre_tensor
from distill.faces.views import views
from distill.networks.network import FaceStateNet
from distill.training.phase2 import coded_source, subject_folds
from distill.training.pretrain import wild_sources
from distill.training.teacher import checkpoint_sums, load_members, open_emotion, open_units
from distill.training.trained import Folds
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.io.atomic import replacing

ONCE = ViewConfig(scales=(1.0,), mirrored=False)


class TeacherFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one network, or all together, reach; `views` is how often a face was looked at."""

    network: str
    views: int
    sha256: dict[str, str]
    """Of each checkpoint that answered, by its path."""
    accuracy: list[AccuracySpec]


class Outputs(msgspec.Struct, frozen=True):
    """Logits of a network in every view.

    emotion: a judged part (data set, split) -> [views, faces, emotions]; units, out of fold:
    [views, faces, units]. wild_units: those of the network trained on all coded faces, on the
    validation part of a data set that has blendshapes.
    """

    emotion: dict[tuple[str, str], NDArray[np.float32]]
    units: NDArray[np.float32]
    wild_units: dict[str, NDArray[np.float32]]


def evaluate_teacher(path: Path, out: Path) -> list[TeacherFigures]:
    """Measure the ensemble described by a TOML file; writes the figures as JSON."""
    config = load_ensemble(path)
    members = load_members(config, path.parent)
    torch.set_num_threads(members[0].threads)
    outputs = [outputs_of(member, config.views) for member in members]
    sums = [checkpoint_sums(member) for member in members]
    figures = []
    for seen in (slice(0, 1), slice(None)):
        for member, output, own in zip(members, outputs, sums, strict=True):
            figures.append(_figures(member.name, own, members[0], [output], seen))
        everyone = {path: value for own in sums for path, value in own.items()}
        figures.append(_figures(config.name, everyone, members[0], outputs, seen))
    with replacing(out) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    return figures


def outputs_of(member: Recipe, seen: ViewConfig) -> Outputs:
    """A member's logits on every judged face; its units out of fold."""
    network = open_emotion(member)
    emotion = {
        (source.name, split): _see(network, member, source, source.store.labelled(split), seen)[0]
        for source in wild_sources(member)
        for split, _ in splits(source, member)
    }
    coded = coded_source(member)
    fold = subject_folds(coded.store.subjects, member.action_unit_training.folds, member.seed)
    units: NDArray[np.float32] | None = None
    for number in range(member.action_unit_training.folds):
        rows = np.flatnonzero(fold == number)
        logits = _see(open_units(member, str(number)), member, coded, rows, seen)[1]
        if units is None:
            units = np.empty((len(logits), len(fold), logits.shape[2]), dtype=np.float32)
        units[:, rows] = logits
    assert units is not None  # a recipe has folds
    final = open_units(member, "all")
    wild = {
        source.name: _see(final, member, source, source.store.rows("valid"), seen)[1]
        for source in wild_sources(member)
        if source.name in member.pseudo_labels.datasets
    }
    return Outputs(emotion, units, wild)


def _see(
    network: FaceStateNet, recipe: Recipe, source: Source, rows: NDArray[np.int64], seen: ViewConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Emotion (log-probabilities) and AU logits, [views, rows, labels]."""
    parts = []
    batches = np.array_split(rows, max(1, len(rows) // 32))
    with torch.inference_mode():
        for part in tqdm(batches, desc=f"{recipe.name}, {source.name}", mininterval=5):
            faces = views(centre_tensor(recipe, source.store.images[part]), seen)
            answers = [network(view) for view in faces]
            parts.append(
                (
                    np.stack([emotion.log_softmax(dim=1).numpy() for emotion, _ in answers]),
                    np.stack([units.numpy() for _, units in answers]),
                )
            )
    return np.concatenate([p[0] for p in parts], 1), np.concatenate([p[1] for p in parts], 1)


def _figures(
    name: str, sums: dict[str, str], recipe: Recipe, outputs: Sequence[Outputs], seen: slice
) -> TeacherFigures:
    """The mean of the given networks over the given views, against the labels."""
    coded = coded_source(recipe)
    fold = subject_folds(coded.store.subjects, recipe.action_unit_training.folds, recipe.seed)
    units = np.mean([output.units[seen].mean(axis=0) for output in outputs], axis=0)
    folds = Folds(coded.store.action_units, units, fold, coded.store.subjects)
    accuracy = action_unit_accuracy(recipe, folds)
    for source in wild_sources(recipe):
        for split, words in splits(source, recipe):
            key = (source.name, split)
            logits = np.mean([o.emotion[key][seen].mean(axis=0) for o in outputs], axis=0)
            labels = source.store.majority[source.store.labelled(split)]
            accuracy.append(emotion_accuracy(logits, labels, recipe, source.name, words))
        if source.name in outputs[0].wild_units:
            logits = np.mean([o.wild_units[source.name][seen].mean(0) for o in outputs], axis=0)
            shapes = blendshape_scores(recipe.cache_folder / source.name, recipe.action_units)
            rows = source.store.rows("valid")
            accuracy.append(blendshape_agreement(recipe, source.name, logits, shapes[rows]))
    views_seen = len(range(*seen.indices(len(outputs[0].units))))
    return TeacherFigures(network=name, views=views_seen, sha256=sums, accuracy=accuracy)


def table(figures: Sequence[TeacherFigures]) -> Iterator[str]:
    """A line a network: its figures in the order in which they were measured."""
    for row in figures:
        values = ", ".join(f"{a.dataset} {a.metric} {a.value:.4f}" for a in row.accuracy)
        yield f"{row.network}, {row.views} view{'s' * (row.views > 1)}: {values}"
