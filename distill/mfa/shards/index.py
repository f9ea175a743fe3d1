"""The index beside shards: which there are, what was written into them, and for which recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from distill.config import Recipe
from distill.mfa.errors import ShardError
from distill.mfa.shards.places import check_place
from distill.mfa.shards.sample import Sample, digest
from mf2_edge.bundle.schema import AlignmentSpec
from mf2_edge.extras import require
from mf2_edge.io.atomic import write_json

NAME: Final = "index.json"


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How faces are cut, and what the places of their labels mean: as in the recipe."""

    alignment: AlignmentSpec
    margin: int
    emotions: tuple[str, ...]
    action_units: tuple[str, ...]


class LabelCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Labels of one data set's faces in a shard. Training needs them before the first face."""

    voted: list[int]
    """Faces with any vote for each emotion."""
    present: list[int]
    """Faces that are known to show each Action Unit."""
    absent: list[int]
    """Faces that are known not to."""


class ShardEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one shard has."""

    split: str
    records: int
    digest: str
    datasets: dict[str, LabelCounts]


class ShardIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a folder of shards has, by their file names."""

    faces: Layout
    shards: dict[str, ShardEntry]


def layout_of(recipe: Recipe) -> Layout:
    """How a recipe's faces are cut and labelled."""
    return Layout(recipe.alignment, recipe.margin, recipe.emotions, recipe.action_units)


def entry_of(samples: Sequence[Sample]) -> ShardEntry:
    """What the index says of a shard of these samples, which share a split."""
    counts = {}
    for name in sorted({sample.record.dataset for sample in samples}):
        part = [sample for sample in samples if sample.record.dataset == name]
        votes = np.stack([sample.votes for sample in part])
        units = np.stack([sample.action_units for sample in part])
        counts[name] = LabelCounts(
            voted=(votes > 0).sum(axis=0).tolist(),
            present=(units == 1).sum(axis=0).tolist(),
            absent=(units == 0).sum(axis=0).tolist(),
        )
    content = digest((sample.to_dict(), sample.image) for sample in samples)
    return ShardEntry(samples[0].split, len(samples), content, counts)


def read_index(folder: str) -> ShardIndex:
    """The index of a folder or URL; raises ShardError if there is none, or of another release."""
    where = f"{folder}/{NAME}"
    check_place(where)
    gopen = require("webdataset.gopen", extra="mfa").gopen
    try:
        with gopen(where) as file:
            content = file.read()
    except OSError as error:
        raise ShardError(
            f"{where} cannot be read ({error}); `python -m distill mfa export` writes it beside "
            "the shards, and it has to be where they are"
        ) from error
    try:
        return msgspec.json.decode(content, type=ShardIndex)
    except msgspec.DecodeError as error:
        raise ShardError(
            f"{where} is not an index of this release: {error}; export again, into another folder"
        ) from error


def write_index(folder: Path, index: ShardIndex) -> None:
    """Write a folder's index."""
    write_json(folder / NAME, index)
