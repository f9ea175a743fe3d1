"""Each face's own descriptions as vectors, at every level, and the same with one unit changed.

The text bank says what is true of many faces; this says what somebody wrote of one. A face has
several texts of the whole (its sentence, its emotion, its regions joined, the grammar's words for
its labels), texts of single regions, and hard negatives: the grammar's words for the same labels
but for one Action Unit, which is taken away or added.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.config import Recipe
from distill.faces.store import load_faces
from distill.language.encode_text import digest_of, encode_texts
from distill.language.texts import is_made_of
from distill.mfa.prompt.template import describe_labels
from distill.mfa.records.schema import CodedDescription, FaceLabels, Record
from distill.mfa.records.store import open_store
from distill.train_config import TextConfig
from mf2_edge.facs import ACTION_UNIT_REGIONS, REGIONS
from mf2_edge.io.atomic import replacing

FILE: Final = "own-texts.npz"
WHOLE, REGION, CHANGED = range(3)
"""Kinds of texts: true of the face; true of a region; of the face, with one unit wrong."""
PRESENT, ABSENT = 0.75, 0.25
"""Labels from and up to which a unit counts as seen and as not there."""


@dataclass(frozen=True)
class OwnTexts:
    """S texts of F faces.

    vectors float32 [S, width], of unit length; kind [S]; face [S], an index into `names`; region
    [S], an index into REGIONS, -1 for texts of the whole; names: str [F], "data set/name".
    """

    vectors: NDArray[np.float32]
    kind: NDArray[np.int64]
    face: NDArray[np.int64]
    region: NDArray[np.int64]
    names: NDArray[np.str_]


@dataclass(frozen=True)
class OwnWords:
    """The own texts of the faces that a training draws.

    rows: by data set and row of its store, the rows of the face's texts.
    """

    texts: OwnTexts
    rows: dict[tuple[str, int], NDArray[np.int64]]

    def draw(
        self, keys: Sequence[tuple[str, int]], kind: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places among `keys` of the faces that have a text of a kind, and one such row of each."""
        places, chosen = [], []
        for place, key in enumerate(keys):
            own = self.rows.get(key)
            if own is not None and len(fitting := own[self.texts.kind[own] == kind]):
                places.append(place)
                chosen.append(int(rng.choice(fitting)))
        return np.array(places, dtype=np.int64), np.array(chosen, dtype=np.int64)

    def vectors(self, rows: NDArray[np.int64], device: torch.device) -> Tensor:
        """Of texts, (len(rows), width)."""
        return torch.from_numpy(self.texts.vectors[rows]).to(device)


def make_own_texts(recipe: Recipe, texts: TextConfig) -> Path:
    """Write `own-texts.npz` from the MFA store; kept if it was made of the same texts.

    Raises ValueError if the store has no record of a face in the wanted sources.
    """
    path = recipe.run_folder / FILE
    with open_store(Path(texts.store)) as store:
        found = [
            (f"{record.dataset}/{record.name}", *text)
            for source in texts.sources
            for record in store.records(source)
            if record.description and record.labels.emotion not in recipe.unseen
            for text in own_texts(record, recipe)
        ]
    if not found:
        raise ValueError(
            f"no descriptions from {' or '.join(texts.sources)} in {texts.store}: run "
            "`python -m distill mfa build` first (docs/mfa.md)"
        )
    of, sentences, kinds, regions = zip(*found, strict=True)
    names, face = np.unique(np.array(of), return_inverse=True)
    about: dict[str, NDArray[Any]] = {
        "kind": np.array(kinds),
        "face": face.astype(np.int64),
        "region": np.array(regions),
        "names": names,
    }
    digest = digest_of(sentences, about, texts.encoder)
    if not is_made_of(path, digest):
        vectors = encode_texts(sentences, texts.encoder)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            np.savez(partial, allow_pickle=False, vectors=vectors, made_of=digest, **about)
    return path


def own_texts(record: Record, recipe: Recipe) -> Iterator[tuple[str, int, int]]:
    """Each text of a record, its kind, and its region or -1."""
    told, labels, seed = record.description, record.labels, int(record.key[:8], 16)
    assert told is not None  # the caller's choice
    yield told.face, WHOLE, -1
    if told.emotion != told.face:
        yield told.emotion, WHOLE, -1
    yield describe_labels(labels, seed).face, WHOLE, -1
    if isinstance(told, CodedDescription):
        if len(told.regions) > 1:
            yield " ".join(part.text for part in told.regions), WHOLE, -1
        for part in told.regions:
            yield part.text, REGION, REGIONS.index(part.region)
    for other in one_unit_off(labels, recipe.action_units, seed):
        yield describe_labels(other, seed).face, CHANGED, -1


def one_unit_off(labels: FaceLabels, units: Sequence[str], seed: int) -> Iterator[FaceLabels]:
    """The labels without one unit that is present, and with one that is absent, drawn by `seed`."""
    rng = np.random.default_rng(seed)
    present = [unit for unit in units if unit in labels.present]
    absent = [unit for unit in units if unit in labels.absent]
    if present:
        one = str(rng.choice(present))
        yield replace(labels, present=labels.present - {one}, absent=labels.absent | {one})
    if absent:
        one = str(rng.choice(absent))
        yield replace(labels, present=labels.present | {one}, absent=labels.absent - {one})


def load_own_words(recipe: Recipe) -> OwnWords:
    """The own texts of the recipe's faces; FileNotFoundError saying how to make them."""
    path = recipe.run_folder / FILE
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run `python -m distill texts --config RECIPE` first")
    with np.load(path) as saved:
        texts = OwnTexts(**{field.name: saved[field.name] for field in fields(OwnTexts)})
    order = np.argsort(texts.face, kind="stable")
    ends = np.cumsum(np.bincount(texts.face))[:-1]
    own = dict(zip(texts.names.tolist(), np.split(order, ends), strict=True))
    rows = {
        (dataset, row): own[f"{dataset}/{name}"]
        for dataset in {name.partition("/")[0] for name in own} & set(recipe.data)
        for row, name in enumerate(load_faces(recipe, dataset).names.tolist())
        if f"{dataset}/{name}" in own
    }
    return OwnWords(texts, rows)


def contradictions(emotion: Tensor, units: Tensor) -> Tensor:
    """Which of N faces cannot share a description with which, bool (N, N).

    emotion (N, emotions), units (N, K), NaN where unknown: their likeliest emotions differ, or a
    unit that one shows is not there in the other. Unknown contradicts nothing.
    """
    likeliest, known = emotion.nan_to_num().argmax(dim=1), ~emotion.isnan().any(dim=1)
    other = (likeliest[:, None] != likeliest) & known[:, None] & known
    return other | _disagree(units)


def region_contradictions(units: Tensor, labels: Sequence[str], region: int) -> Tensor:
    """Which of N faces differ in a unit of a region, bool (N, N)."""
    own = [i for i, unit in enumerate(labels) if ACTION_UNIT_REGIONS[unit] == REGIONS[region]]
    return _disagree(units[:, own])


def _disagree(units: Tensor) -> Tensor:
    present, absent = (units >= PRESENT).float(), (units <= ABSENT).float()
    return (present @ absent.T + absent @ present.T) > 0
