"""Training faces that stream from WebDataset shards, on disk or behind a URL.

An epoch takes the shards in seeded order, a few at a time into a buffer that is shuffled whole.
Where a step's faces stand in that order follows from seed and step, so nothing has to be skipped
through: a run that is killed and resumed reads one buffer, and sees the very same batches. Every
process reads every shard, and decodes its own share of the faces.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from logging import getLogger
from time import sleep
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from distill.config import ConfigError, Recipe
from distill.faces.batches import Face
from distill.mfa.errors import ShardError
from distill.mfa.shards.index import NAME, Layout, ShardEntry, layout_of, read_index
from distill.mfa.shards.read import decode_face, read_shard
from distill.mfa.shards.sample import digest
from mf2_edge.extras import require
from mf2_edge.facs import REGIONS

WAITS: Final = (1.0, 5.0)
"""Seconds before a shard behind a URL is requested again."""

logger = getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """A face as it stands in a shard, not decoded yet."""

    shard: str
    png: bytes
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Epoch:
    """How an epoch goes through the shards: those of each buffer, and where each buffer starts."""

    buffers: list[NDArray[np.int64]]
    starts: list[int]


Place = tuple[int, int, int]
"""Of a buffer: seed, epoch, number in the epoch."""


class ShardStream:
    """Faces of one data set in shards, in batches that follow from seed and step."""

    def __init__(
        self, name: str, shards: Mapping[str, ShardEntry], layout: Layout, margin: int, buffer: int
    ) -> None:
        self.name = name
        self._urls, self._entries = list(shards), list(shards.values())
        self._total = sum(entry.records for entry in self._entries)
        size = layout.alignment
        self._shape = (size.height + 2 * margin, size.width + 2 * margin, 3)
        self._buffer = buffer
        self._possible = self._possible_emotions()
        self._epoch = lru_cache(maxsize=2)(self._plan)
        self._ahead = ThreadPoolExecutor(1, f"shards of {name}")
        self._checked: set[str] = set()
        self._read: dict[Place, Future[list[Sample]]] = {}

    def draw(self, count: int, seed: int, step: int) -> list[Callable[[], Face]]:
        """The next `count` faces: epoch after epoch of seeded order, none skipped.

        Raises ShardError, naming the shard, if one cannot be read or is not what the index says.
        """
        first = step * count
        return [partial(self._face, self._at(seed, p)) for p in range(first, first + count)]

    def unit_counts(self) -> NDArray[np.int64]:
        """How often each AU is known to be present and known to be absent, [2, units]."""
        counts = [c for entry in self._entries for c in entry.datasets.values()]
        known: NDArray[np.int64] = np.array([(c.present, c.absent) for c in counts]).sum(axis=0)
        return known

    def _possible_emotions(self) -> dict[str, NDArray[np.float32]]:
        """float32 [emotions] a data set: 0 for emotions that none of its faces has a vote for."""
        counts = [pair for entry in self._entries for pair in entry.datasets.items()]
        return {
            name: np.any([c.voted for n, c in counts if n == name], axis=0).astype(np.float32)
            for name in {name for name, _ in counts}
        }

    def _plan(self, seed: int, epoch: int) -> Epoch:
        order = np.random.default_rng((seed, epoch)).permutation(len(self._urls))
        buffers = np.split(order, range(self._buffer, len(order), self._buffer))
        sizes = [sum(self._entries[shard].records for shard in part) for part in buffers]
        return Epoch(buffers, [0, *accumulate(sizes)][:-1])

    def _at(self, seed: int, position: int) -> Sample:
        """The face at a place of the endless order."""
        epoch, place = divmod(position, self._total)
        starts = self._epoch(seed, epoch).starts
        number = bisect_right(starts, place) - 1
        return self._samples((seed, epoch, number))[place - starts[number]]

    def _samples(self, wanted: Place) -> list[Sample]:
        """A buffer's faces; the buffer after it is read meanwhile."""
        seed, epoch, number = wanted
        last = number + 1 == len(self._epoch(seed, epoch).buffers)
        following = (seed, epoch + 1, 0) if last else (seed, epoch, number + 1)
        read = {
            place: self._read.get(place) or self._ahead.submit(self._load, place)
            for place in (wanted, following)
        }
        self._read = read  # threads of other steps may put theirs in its place
        return read[wanted].result()

    def _load(self, place: Place) -> list[Sample]:
        seed, epoch, number = place
        samples = []
        for shard in self._epoch(seed, epoch).buffers[number]:
            url, expected = self._urls[shard], self._entries[shard].records
            found = _read_patiently(url)
            if len(found) != expected:
                raise ShardError(
                    f"{url} has {len(found)} records where its {NAME} says {expected}; they are of "
                    "different exports, bring both from the same one"
                )
            if url not in self._checked:  # once: decoding again costs more than it finds
                _check_digest(url, found, self._entries[shard].digest)
                self._checked.add(url)
            samples += [Sample(url, png, record) for png, record in found]
        order = np.random.default_rng(place).permutation(len(samples))
        return [samples[row] for row in order]

    def _face(self, sample: Sample) -> Face:
        image, record = decode_face(sample.png), sample.record
        if image.shape != self._shape:
            raise ShardError(
                f"{sample.shard}: face {record['key']} is {image.shape}, expected {self._shape}"
            )
        units = np.array(record["action_units"], dtype=np.float32)  # null becomes NaN
        targets = {
            "emotion": np.array(record["votes"], dtype=np.float32),
            "action_units": units,
            "strength": np.full_like(units, np.nan),
            "visibility": np.full(len(REGIONS), np.nan, dtype=np.float32),
        }
        return Face(image, targets, self._possible[record["dataset"]])


def open_streams(recipe: Recipe) -> list[ShardStream]:
    """The data sets that training draws from and that are shards.

    Raises ShardError for shards that the index beside them does not name, that were written for
    another recipe's faces or labels, or that hold faces that training must not see. Raises
    MissingExtraError without webdataset.
    """
    drawn = [name for name, count in recipe.train.batch.items() if count]
    return [_open(recipe, name) for name in drawn if recipe.data[name].streamed]


def _open(recipe: Recipe, name: str) -> ShardStream:
    data, layout = recipe.data[name], layout_of(recipe)
    if data.buffer < 1:
        raise ConfigError(f"data.{name}.buffer is {data.buffer}; expected 1 shard or more")
    urls = require("webdataset.shardlists", extra="mfa").expand_urls(data.root)
    folders = {url: url.rpartition("/")[0] or "." for url in urls}
    indexes = {folder: read_index(folder) for folder in dict.fromkeys(folders.values())}
    shards = {}
    for url, folder in folders.items():
        if indexes[folder].faces != layout:
            raise ShardError(
                f"{folder}/{NAME}: the faces were cut or labelled for another recipe; export with "
                f"the alignment, margin, emotions and action_units of {recipe.name}"
            )
        entry = indexes[folder].shards.get(url.rpartition("/")[2])
        if entry is None:
            raise ShardError(f"{folder}/{NAME} has no shard {url}; correct data.{name}.root")
        _refuse_held_out(url, entry, recipe.folds.dataset if recipe.folds else None)
        shards[url] = entry
    return ShardStream(name, shards, layout, recipe.margin, data.buffer)


def _refuse_held_out(url: str, entry: ShardEntry, coded: str | None) -> None:
    if coded in entry.datasets:
        raise ShardError(
            f"{url} has faces of {coded}, whose subjects are held out fold by fold: leave it out "
            "with `mfa export --dataset`"
        )
    if entry.split != "train":
        raise ShardError(f"{url} has faces of the {entry.split} split; train on mfa-train-*.tar")


def _check_digest(url: str, found: Sequence[tuple[bytes, dict[str, Any]]], expected: str) -> None:
    if digest((record, decode_face(png)) for png, record in found) != expected:
        raise ShardError(
            f"{url} is not what its {NAME} says: the shard was damaged or changed, or they are of "
            "different exports; fetch both again"
        )


def _read_patiently(url: str) -> list[tuple[bytes, dict[str, Any]]]:
    """A shard, requested again after a failure if it comes over the network."""
    for wait in WAITS if "://" in url else ():
        try:
            return read_shard(url)
        except ShardError as error:
            logger.warning("%s; requested again in %g s", error, wait)
            sleep(wait)
    return read_shard(url)
