"""Reading shards, from files or URLs: as an endless supply for others, or one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from distill.mfa.errors import ShardError
from distill.mfa.shards.places import check_place
from mf2_edge.extras import require


def stream(
    shards: Sequence[str | Path], *, shuffle: int = 0, seed: int = 0
) -> Iterable[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Faces uint8 [H, W, 3], RGB, and their records, from files or URLs (these through `curl`).

    The result is a torch IterableDataset: processes and DataLoader workers share the shards. With
    `shuffle`, shards come in seeded order and records are drawn from a buffer of that many; take
    another seed each epoch. A record is a dict of key, dataset, name, split, labels, votes,
    action_units, source, model and description. Iterating raises ShardError for a shard that
    cannot be read or ends too early. Raises MissingExtraError without webdataset.
    """
    wds = require("webdataset", extra="mfa")
    for shard in shards:
        check_place(str(shard))
    dataset = wds.WebDataset(
        [str(shard) for shard in shards],
        handler=_refuse_unreadable,
        shardshuffle=len(shards) if shuffle else False,
        nodesplitter=wds.split_by_node,
        seed=seed,
    ).compose(_whole_shards)
    if shuffle:
        dataset = dataset.shuffle(shuffle, initial=shuffle, seed=seed)
    faces: Iterable[tuple[NDArray[np.uint8], dict[str, Any]]] = dataset.map(_decode)
    return faces


def read_shard(shard: str) -> list[tuple[bytes, dict[str, Any]]]:
    """A shard's faces as PNG files and their records, in order; no process leaves any out.

    Raises ShardError if the shard cannot be read or ends too early.
    """
    wds = require("webdataset", extra="mfa")
    check_place(shard)
    samples = wds.DataPipeline(
        wds.SimpleShardList([shard]), wds.tarfile_to_samples(handler=_refuse_unreadable)
    )
    return [(sample["png"], _record(sample)) for sample in _whole_shards(samples)]


def decode_face(png: bytes) -> NDArray[np.uint8]:
    """A face from its PNG file, uint8 [H, W, 3], RGB."""
    encoded = np.frombuffer(png, dtype=np.uint8)
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def _decode(sample: Mapping[str, Any]) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    return decode_face(sample["png"]), _record(sample)


def _record(sample: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in sample["record"].items() if field != "shard_records"}


def _whole_shards(samples: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Pass samples on; refuse a shard that has fewer than it should."""
    url, missing = "", 0
    for sample in samples:
        record = json.loads(sample["json"])
        if sample["__url__"] != url:
            _refuse_cut(url, missing)
            url, missing = sample["__url__"], record["shard_records"]
        missing -= 1
        yield {"png": sample["png"], "record": record}
    _refuse_cut(url, missing)


def _refuse_cut(url: str, missing: int) -> None:
    if missing:
        raise ShardError(f"{url} was cut off, {missing} records are missing; fetch it again")


def _refuse_unreadable(error: Exception) -> bool:
    """What webdataset calls with every error, from the inner iterator to the outer."""
    if isinstance(error, ShardError):
        raise ShardError(error.args[0]) from error.__cause__
    told = [part for part in error.args if isinstance(part, str)]  # the URL last, if there is one
    text = f"{told[-1]}: {told[0]}" if len(told) > 1 else str(error)
    raise ShardError(f"a shard cannot be read: {text}") from error
