"""Export: faces with their labels and texts as WebDataset shards, for training and for others.

A shard is a tar archive with two files for each record, `<key>.png` (the aligned face with the
recipe's margin, lossless) and `<key>.json` (labels, texts, source, model). Equal records make equal
bytes. Each split has shards of its own, `mfa-<split>-000000.tar`; `index.json` lists them all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tqdm import tqdm

from distill.mfa.checks.problems import find_problems
from distill.mfa.errors import MfaError, ShardError
from distill.mfa.options import add_store, recipe_of, store_path
from distill.mfa.records.selection import add_source, select
from distill.mfa.records.store import open_store
from distill.mfa.shards.index import (
    NAME,
    Layout,
    ShardIndex,
    entry_of,
    layout_of,
    read_index,
    write_index,
)
from distill.mfa.shards.sample import Sample, find_faces
from mf2_edge.extras import require
from mf2_edge.io.atomic import replacing

RECORDS_PER_SHARD: Final = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `export`."""
    add_store(parser)
    add_source(parser)
    parser.add_argument(
        "--dataset", action="append", default=[], help="of the recipe; may be repeated; all"
    )
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
    wanted = arguments.dataset or {record.dataset for record in records}
    records = [record for record in records if record.dataset in wanted]
    if not records:
        raise MfaError(f"{path} has no records of {' or '.join(wanted)}")
    checked = tqdm(records, desc="check", unit="record")
    sound = [record for record in checked if not find_problems(record)]
    folder = arguments.out or path.with_name("shards")
    samples = find_faces(sound, recipe)
    index = export(samples, layout_of(recipe), folder, arguments.records_per_shard)
    sys.stdout.write(
        f"{len(sound):,} records in {len(index.shards):,} shards in {folder}; "
        f"{len(records) - len(sound):,} left out, see `python -m distill mfa check`\n"
    )
    return 0


def export(samples: Sequence[Sample], faces: Layout, folder: Path, size: int) -> ShardIndex:
    """Write shards of up to `size` records and the index, which is returned.

    Records are in the order of their keys, which are hashes: every shard is a mixture. A shard
    whose content the index knows already is kept, so an interrupted export goes on; shards of an
    earlier export that are not part of this one are removed. Raises ShardError for a size below 1
    and for a folder whose index is of another release.
    """
    if size < 1:
        raise ShardError(f"a shard cannot have {size} records; expected 1 or more")
    before = _earlier(folder, faces)
    index = ShardIndex(faces, {})
    with tqdm(total=len(samples), desc="export", unit="record") as progress:
        for name, part in _plan(samples, size).items():
            entry = entry_of(part)
            if before.shards.get(name) != entry or not (folder / name).is_file():
                with replacing(folder / name) as partial:
                    _write(partial, part)
            index.shards[name] = entry
            write_index(folder, ShardIndex(faces, before.shards | index.shards))
            progress.update(len(part))
    _remove(folder, before.shards.keys() - index.shards.keys())
    write_index(folder, index)
    return index


def _earlier(folder: Path, faces: Layout) -> ShardIndex:
    """The index of an earlier export; shards with faces of another layout are removed."""
    if not (folder / NAME).is_file():
        return ShardIndex(faces, {})
    before = read_index(str(folder))
    if before.faces == faces:
        return before
    _remove(folder, before.shards.keys())
    return ShardIndex(faces, {})


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


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
