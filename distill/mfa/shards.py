"""Export: faces with their texts as WebDataset shards, and the stream that training reads.

A shard is a tar archive with two files for each record, `<key>.png` (the aligned face, lossless)
and `<key>.json` (labels, texts, source, model). Equal records make equal bytes. Each split has
shards of its own, `mfa-<split>-000000.tar`; `index.json` lists them all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from distill.mfa.options import add_store, recipe_of, store_path
from distill.mfa.problems import find_problems
from distill.mfa.samples import Sample, ShardError, digest, find_faces
from distill.mfa.selection import add_source, select
from distill.mfa.store import open_store
from mf2_edge.atomic import replacing
from mf2_edge.extras import require

RECORDS_PER_SHARD: Final = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `export`."""
    add_store(parser)
    add_source(parser)
    parser.add_argument(
        "--out", type=Path, help="folder of the shards (default: shards by the store)"
    )
    parser.add_argument(
        "--records-per-shard", type=int, default=RECORDS_PER_SHARD, help=f"{RECORDS_PER_SHARD}"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the shards of all records without problems; shards that are there are kept."""
    recipe = recipe_of(arguments)
    path = store_path(arguments, recipe)
    with open_store(path) as store:
        records = select(store, arguments.source)
    checked = tqdm(records, desc="check", unit="record")
    sound = [record for record in checked if not find_problems(record)]
    folder = arguments.out or path.with_name("shards")
    samples = find_faces(sound, recipe.cache_folder)
    index = export(samples, folder, arguments.records_per_shard)
    sys.stdout.write(
        f"{len(sound):,} records in {len(index):,} shards in {folder}; "
        f"{len(records) - len(sound):,} left out, see `python -m distill mfa check`\n"
    )
    return 0


def export(samples: Sequence[Sample], folder: Path, size: int) -> dict[str, dict[str, Any]]:
    """Write shards of up to `size` records and the index; returns the index by shard.

    Records are in the order of their keys, which are hashes: every shard is a mixture. A shard
    whose content the index knows already is kept, so an interrupted export goes on; shards of an
    earlier export that are not part of this one are removed. Raises ShardError for a size below 1.
    """
    if size < 1:
        raise ShardError(f"a shard cannot have {size} records; expected 1 or more")
    before = _read_index(folder)
    index: dict[str, dict[str, Any]] = {}
    with tqdm(total=len(samples), desc="export", unit="record") as progress:
        for name, part in _plan(samples, size).items():
            entry = {"records": len(part), "digest": digest(part)}
            if before.get(name) != entry or not (folder / name).is_file():
                with replacing(folder / name) as partial:
                    _write(partial, part)
            index[name] = entry
            _write_index(folder, {**before, **index})
            progress.update(len(part))
    for name in before.keys() - index.keys():
        (folder / name).unlink(missing_ok=True)
    _write_index(folder, index)
    return index


def stream(
    shards: Sequence[str | Path], *, shuffle: int = 0, seed: int = 0
) -> Iterable[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Faces uint8 [H, W, 3], RGB, and their records, from files or URLs (these through `curl`).

    The result is a torch IterableDataset: processes and DataLoader workers share the shards. With
    `shuffle`, shards come in seeded order and records are drawn from a buffer of that many; take
    another seed each epoch. A record is a dict of key, dataset, name, split, labels, source,
    model and description. Iterating raises ShardError for a shard that cannot be read or ends too
    early. Raises MissingExtraError without webdataset.
    """
    wds = require("webdataset", extra="mfa")
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


def _plan(samples: Sequence[Sample], size: int) -> dict[str, list[Sample]]:
    """Which records each shard has."""
    ordered = sorted(samples, key=lambda sample: sample.record.key)
    plan = {}
    for split in sorted({sample.split for sample in samples}):
        part = [sample for sample in ordered if sample.split == split]
        for number, start in enumerate(range(0, len(part), size)):
            plan[f"mfa-{split}-{number:06d}.tar"] = part[start : start + size]
    return plan


def _write(path: Path, samples: Sequence[Sample]) -> None:
    wds = require("webdataset", extra="mfa")
    with path.open("wb") as file, wds.TarWriter(file, user="", group="", mtime=0) as tar:
        for sample in samples:
            # A reader cannot see that the end of a tar archive is missing, unless it counts.
            content = {**sample.to_dict(), "shard_records": len(samples)}
            text = json.dumps(content, ensure_ascii=False).encode()
            tar.write({"__key__": sample.record.key, "json": text, "png": sample.to_png()})


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


def _decode(sample: Mapping[str, Any]) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    encoded = np.frombuffer(sample["png"], dtype=np.uint8)
    record = {field: value for field, value in sample["record"].items() if field != "shard_records"}
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), dtype=np.uint8), record


def _read_index(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "index.json"
    shards: dict[str, dict[str, Any]] = json.loads(path.read_bytes()) if path.is_file() else {}
    return shards


def _write_index(folder: Path, index: Mapping[str, Mapping[str, Any]]) -> None:
    with replacing(folder / "index.json") as partial:
        partial.write_text(json.dumps(index, indent=1) + "\n")
