"""`python -m distill text-space`: teach a bundle, as it ships, what faces look like in words.

The bundle's file reads the labelled faces of a recipe once. A linear layer then learns to lay their
face vectors beside the sentences that are true of them, as MF² learns it. No byte of the bundle
changes, and no checkpoint is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)
from tqdm import tqdm

from distill.adapting.frozen import network_digest
from distill.adapting.hidden import HiddenStates, hidden_states
from distill.adapting.text.space import TextSpace, save_text_space
from distill.config import ConfigError, Recipe, load_recipe
from distill.evaluation.protocols.recipe import emotion_accuracy, splits
from distill.faces.augment import centre
from distill.faces.batches import Source
from distill.language.texts import TextBank, compare, load_bank, make_bank
from distill.language.zero_shot import grammar_directions, plain_directions
from distill.parsers import text_space_parser
from distill.train_config import TextConfig
from distill.training.losses.functions import alignment_loss
from distill.training.optimizer import start_optimisation
from distill.training.sources.stored import load_source
from mf2_edge import FaceStateAnalyzer, load_bundle
from mf2_edge.bundle.schema import AccuracySpec
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.atomic import write_json

RANK: Final = 32
"""Of the layer: sentences about eight emotions and nineteen units fill no more of the space."""

VIEWS: Final = 1
"""Augmented views of a face, beside the one that the product sees."""

STEPS: Final = 1500
BATCH: Final = 256


class TextSpaceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle's file reaches, read `by` its head, the grammar's sentences, or plain words."""

    by: str
    bundle: str
    version: str
    sha256: str
    """Of the file that answered."""
    accuracy: list[AccuracySpec]


@dataclass(frozen=True)
class Faces:
    """A data set's faces as the bundle sees them: hidden states of the rows of a source."""

    source: Source
    rows: NDArray[np.int64]
    states: HiddenStates


def main(arguments: Sequence[str]) -> int:
    """Make and measure a bundle's text space; returns the exit code, 2 for a mistake."""
    options = text_space_parser().parse_args(arguments)
    try:
        bundle = load_bundle(options.bundle)
        recipe = load_recipe(options.config)
        figures = teach_text_space(
            bundle.path, recipe, options.out / f"{bundle.manifest.name}.npz", options.figures
        )
    except (ValueError, OSError, Mf2EdgeError) as error:
        sys.stderr.write(f"distill text-space: {error}\n")
        return 2
    for row in figures:
        values = ", ".join(f"{a.dataset} {a.split}: {a.value:.4f}" for a in row.accuracy)
        sys.stdout.write(f"by {row.by}: {values}\n")
    return 0


def teach_text_space(
    bundle: Path, recipe: Recipe, out: Path, figures: Path
) -> list[TextSpaceMetrics]:
    """Write the text space of a bundle, and how well it is read by text alone.

    Raises ConfigError for a recipe without [texts] or of faces aligned otherwise, CheckpointError
    for a bundle that no head can read, FileNotFoundError for faces that were not prepared.
    """
    texts = recipe.texts
    if texts is None:
        raise ConfigError(
            f"{recipe.name} has no [texts] to learn from; take distill/configs/mf2.toml"
        )
    digest = network_digest(bundle)
    analyzer = FaceStateAnalyzer(bundle, num_threads=1)
    manifest = analyzer.bundle.manifest
    if manifest.alignment != recipe.alignment:
        raise ConfigError(f"bundle {manifest.name} and {recipe.name} differ in alignment")
    bank = load_bank(make_bank(recipe, texts))
    drawn = [name for name, count in recipe.train.batch.items() if count]
    sources = [load_source(recipe, name) for name in drawn if not recipe.data[name].streamed]
    train = [_see(bundle, recipe, source, source.rows, VIEWS) for source in sources]
    space = fit_text_space(train, manifest.embeddings[0].width, bank, texts, recipe.seed)
    save_text_space(space, RANK, digest, out)
    found = [
        TextSpaceMetrics(
            by=by,
            bundle=manifest.name,
            version=manifest.version,
            sha256=analyzer.artifact.sha256,
            accuracy=accuracy,
        )
        for by, accuracy in _measure(analyzer, bundle, recipe, sources, space)
    ]
    write_json(figures, found)
    return found


def fit_text_space(
    faces: Sequence[Faces], width: int, bank: TextBank, texts: TextConfig, seed: int
) -> TextSpace:
    """The linear layer from face vectors, the first `width` values of a hidden state, into text."""
    torch.manual_seed(seed)
    values = np.concatenate([part.states.values[:, :, :width] for part in faces])
    votes = np.concatenate([part.source.store.votes[part.rows] for part in faces])
    units = np.concatenate([part.source.store.action_units[part.rows] for part in faces])
    flat = values.reshape(-1, width).astype(np.float32)
    mean, spread = flat.mean(axis=0), np.maximum(flat.std(axis=0), 1e-3)
    layer = _Layer(width, bank.vectors.shape[1])
    optimisation = start_optimisation(
        layer, lambda _: 3e-3, steps=STEPS, warmup=50, weight_decay=0.01, ema=0.99
    )
    for step in tqdm(range(STEPS), desc="text space", unit="step", mininterval=5):
        rng = np.random.default_rng((seed, step))
        rows = rng.integers(0, len(values), BATCH)
        seen = values[rows, rng.integers(0, values.shape[1], BATCH)].astype(np.float32)
        read = F.normalize(layer(torch.from_numpy((seen - mean) / spread)), dim=-1)
        emotions, present = torch.from_numpy(votes[rows]), torch.from_numpy(units[rows])
        drawn = compare(bank, emotions, present, texts, rng)
        loss = alignment_loss(read, drawn.face, drawn.face_truth, layer.scale, layer.bias)
        loss.backward()  # type: ignore[no-untyped-call]
        optimisation.update(step)
    learnt = optimisation.average
    with torch.no_grad():
        weight = learnt.outer.weight @ learnt.inner.weight / torch.from_numpy(spread)
        bias = learnt.outer.bias - weight @ torch.from_numpy(mean)
    return TextSpace(weight, bias, texts.encoder)


class _Layer(nn.Module):
    """A linear layer of low rank, with the scale and bias of the sigmoid loss."""

    def __init__(self, width: int, text_width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, RANK, bias=False)
        self.outer = nn.Linear(RANK, text_width)
        self.scale = nn.Parameter(torch.tensor(log(10.0)))
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def forward(self, x: Tensor) -> Tensor:
        """Into the text space, not of unit length yet."""
        there: Tensor = self.outer(self.inner(x))
        return there


def _see(
    bundle: Path, recipe: Recipe, source: Source, rows: NDArray[np.int64], views: int
) -> Faces:
    images = recipe.cache_folder / source.name / "images.npy"
    folder = Path(recipe.runs) / "text-space"
    states = hidden_states(bundle, images, rows, folder, views=views, seed=recipe.seed, workers=2)
    return Faces(source, rows, states)


def _measure(
    analyzer: FaceStateAnalyzer,
    bundle: Path,
    recipe: Recipe,
    sources: Sequence[Source],
    space: TextSpace,
) -> Iterator[tuple[str, list[AccuracySpec]]]:
    """On faces that taught nothing: by the bundle's own head, then by sentences."""
    evaluated = [
        (_see(bundle, recipe, source, source.store.labelled(split), views=0), words)
        for source in sources
        for split, words in splits(source.store, recipe, source.name)
        if len(source.store.labelled(split))
    ]

    def accuracy(scores: Iterable[NDArray[np.float32]]) -> list[AccuracySpec]:
        return [
            emotion_accuracy(
                found, faces.source.store.majority[faces.rows], recipe, faces.source.name, words
            )
            for found, (faces, words) in zip(scores, evaluated, strict=True)
        ]

    yield "its head", accuracy(_by_head(analyzer, faces) for faces, _ in evaluated)
    ways = {
        "the grammar's sentences": grammar_directions(recipe).emotions,
        "plain words": plain_directions(recipe).emotions,
    }
    for by, directions in ways.items():
        yield by, accuracy(_by_text(space, faces, directions) for faces, _ in evaluated)


def _by_head(analyzer: FaceStateAnalyzer, faces: Faces) -> NDArray[np.float32]:
    """Emotion logits of the file, [n, emotions]."""
    output = analyzer.bundle.manifest.head("emotion").output
    size = analyzer.bundle.manifest.alignment
    pixels = (
        centre(faces.source.store.images[row], size.width, size.height)
        for row in tqdm(faces.rows, desc="head", unit="face", mininterval=5)
    )
    outputs = [analyzer.runtime.run(analyzer.preprocess(np.ascontiguousarray(p))) for p in pixels]
    return np.stack([np.asarray(each[output], np.float32).ravel() for each in outputs])


def _by_text(space: TextSpace, faces: Faces, directions: Tensor) -> NDArray[np.float32]:
    """Likeness to each emotion's sentences, -1..1, [n, emotions]."""
    hidden = torch.from_numpy(faces.states.values[:, 0].astype(np.float32))
    return np.asarray((space.read(hidden) @ directions.T).numpy())
