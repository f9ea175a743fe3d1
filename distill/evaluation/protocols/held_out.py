"""A part of a data set that was held out, and what an exported file answered on its faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distill.config import DatasetConfig, Recipe
from distill.datasets import READERS, LabelledFace
from distill.datasets.tree import open_tree
from distill.evaluation.artifact import ArtifactFile, Logits, run_on_store
from distill.evaluation.metrics.emotion import EvaluatedPart, emotion_report
from distill.evaluation.protocols.raters import rater_report
from distill.evaluation.protocols.recipe import splits
from distill.evaluation.reports.schema import (
    EmotionReport,
    PropertyReport,
    RaterReport,
    SliceReport,
)
from distill.evaluation.robustness.properties import property_reports
from distill.evaluation.robustness.slices import SlicedPart, slice_report
from distill.faces.augment import centre
from distill.faces.store import FaceStore
from distill.training.sources.stored import evaluation_stores
from mf2_edge.bundle.schema import Manifest


@dataclass(frozen=True)
class HeldOutPart:
    """Rows of a store with an emotion label, and the file's logits on them.

    `words` say which part it is, `rule` how its labels came about.
    """

    recipe: Recipe
    name: str
    store: FaceStore
    split: str
    words: str
    rule: str
    rows: NDArray[np.int64]
    logits: Logits

    @property
    def data(self) -> DatasetConfig:
        """The data set that it is a part of."""
        return self.recipe.data[self.name]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of the faces, [n]."""
        return self.store.majority[self.rows]

    @property
    def is_last_word(self) -> bool:
        """Whether the data set has no part that was used less than this one."""
        return self.split == "test" or "test" not in self.store.splits

    def emotions(self, manifest: Manifest) -> EmotionReport:
        """Decisions, confusions and calibration."""
        fitted = f"{self.data.title} validation" in manifest.calibration.emotion.fitted_on
        known = "fitting the temperature, and for choices in training"
        part = EvaluatedPart(
            dataset=self.data.title,
            split=self.words,
            labels_are=self.rule,
            used_for=known if fitted and self.split == "valid" else "nothing else",
            labels=self.labels,
        )
        temperature = manifest.calibration.emotion.temperature
        emotions, seed = self.recipe.emotions, self.recipe.seed
        return emotion_report(part, self.logits.emotions, emotions, temperature, seed)

    def properties(self) -> list[PropertyReport]:
        """By what can be measured on the pixels."""
        size = self.recipe.alignment
        faces = [centre(self.store.images[row], size.width, size.height) for row in self.rows]
        right = self.logits.emotions.argmax(axis=1) == self.labels
        return property_reports(self.data.title, self.words, faces, right, self.recipe.seed)

    def raters(self) -> RaterReport | None:
        """Beside a single rater; None if the data set publishes no votes.

        Raises FileNotFoundError where the data set's own labels are not there.
        """
        faces = self._faces()
        if faces[0].votes is None:
            return None
        answers = [self.recipe.emotions[place] for place in self.logits.emotions.argmax(axis=1)]
        return rater_report(self.data.title, self.words, faces, answers, self.recipe.seed)

    def slices(self, which: ArtifactFile, scratch: Path, workers: int) -> SliceReport:
        """Under worse conditions; raises FileNotFoundError where the pictures are not there."""
        part = SlicedPart(
            self.data.title, self.words, Path(self.data.root), tuple(self._faces()), self.labels
        )
        return slice_report(part, which, scratch, self.recipe.seed, workers)

    def _faces(self) -> list[LabelledFace]:
        """What the data set itself says of the faces."""
        found = {
            face.identity: face
            for face in READERS[self.data.reader](open_tree(Path(self.data.root)))
        }
        return [found[name] for name in self.store.names[self.rows].tolist()]


def held_out_parts(
    recipe: Recipe, which: ArtifactFile, scratch: Path, workers: int
) -> Iterator[HeldOutPart]:
    """Every evaluated part of the recipe's emotion data, run; resumes from files in `scratch`.

    Raises FileNotFoundError for faces that are not in the cache.
    """
    for name, store in evaluation_stores(recipe):
        for split, (words, rule) in splits(store, recipe, name):
            rows = store.labelled(split)
            if len(rows):
                logits = run_on_store(which, recipe.cache_folder / name, rows, scratch, workers)
                yield HeldOutPart(recipe, name, store, split, words, rule, rows, logits)
