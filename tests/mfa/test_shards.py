"""MFA's shards: made deterministically, resumed after a kill, streamed from disk and by HTTP."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader, IterableDataset

from distill.config import Recipe, load_recipe
from distill.faces.store import load_store
from distill.mfa.cli import main
from distill.mfa.errors import ShardError
from distill.mfa.records.schema import Record
from distill.mfa.shards.index import layout_of
from distill.mfa.shards.read import stream
from distill.mfa.shards.sample import Sample, find_faces
from distill.mfa.shards.write import export
from tests.helpers.mfa.records import (
    random_records,
    record_of,
    refused,
    write_cache,
    write_recipe,
    write_store,
)
from tests.helpers.shard_server import serve

COUNT = 40
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """With a cache of faces."""
    runs = tmp_path_factory.mktemp("runs")
    recipe = load_recipe(write_recipe(runs))
    write_cache(recipe.cache_folder / "rafdb", COUNT)
    return recipe


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return random_records(COUNT)


@pytest.fixture(scope="module")
def samples(records: list[Record], recipe: Recipe) -> list[Sample]:
    return find_faces(records, recipe)


@pytest.fixture(scope="module")
def shards(samples: list[Sample], recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    export(samples, layout_of(recipe), folder, 10)
    return folder


@pytest.fixture
def url(shards: Path) -> Iterator[str]:
    with serve(shards) as url:
        yield url


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def keys(shards: list[Path], **options: int) -> list[str]:
    return [record["key"] for _, record in stream(shards, **options)]


def test_shards_follow_the_convention_and_the_splits(shards: Path, samples: list[Sample]) -> None:
    names = [f"mfa-test-{n:06d}.tar" for n in (0,)] + [f"mfa-train-{n:06d}.tar" for n in range(4)]
    assert sorted(path.name for path in shards.glob("*.tar")) == names
    with tarfile.open(shards / names[0]) as tar:
        files = tar.getnames()
        assert all(member.mtime == 0 for member in tar.getmembers())
    tested = sorted(sample.record.key for sample in samples if sample.split == "test")
    assert files == [f"{key}.{end}" for key in tested for end in ("json", "png")]
    index = json.loads((shards / "index.json").read_text())["shards"]
    assert {name: entry["records"] for name, entry in index.items()} == dict(
        zip(names, (8, 10, 10, 10, 2), strict=True)
    )
    assert {entry["split"] for entry in index.values()} == {"test", "train"}


def test_what_goes_in_comes_out(shards: Path, records: list[Record], recipe: Recipe) -> None:
    faces = load_store(recipe.cache_folder / "rafdb")
    expected = {record.key: record for record in records}
    seen = set()
    for image, read in stream(sorted(shards.glob("*.tar"))):
        record = expected[read["key"]]
        row = int(record.name.removesuffix(".png"))
        np.testing.assert_array_equal(image, faces.images[row])
        assert record.description is not None
        assert read == {
            "key": record.key,
            "dataset": "rafdb",
            "name": record.name,
            "split": str(faces.splits[row]),
            "labels": {
                "emotion": record.labels.emotion,
                "present": sorted(record.labels.present),
                "absent": sorted(record.labels.absent),
            },
            "votes": [None] * 8,
            "action_units": [None] * 21,
            "source": "template",
            "model": record.model,
            "description": record.description.model_dump(),
        }
        seen.add(record.key)
    assert seen == expected.keys()


def test_equal_records_make_equal_bytes(
    shards: Path, samples: list[Sample], recipe: Recipe, tmp_path: Path
) -> None:
    export(samples[::-1], layout_of(recipe), tmp_path, 10)
    assert content(tmp_path) == content(shards)


def test_a_killed_export_goes_on(
    shards: Path, samples: list[Sample], recipe: Recipe, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code = (
        "import sys, time; from pathlib import Path; from distill.config import load_recipe\n"
        "from distill.mfa.shards.sample import find_faces\n"
        "from distill.mfa.shards import write\n"
        "from distill.mfa.shards.index import layout_of\n"
        "from tests.helpers.mfa.records import random_records\n"
        "recipe = load_recipe(Path(sys.argv[1]))\n"
        f"samples = find_faces(random_records({COUNT}), recipe)\n"
        # It waits behind its first shard: on a busy machine it could be done before it is killed.
        "index = write.write_index\n"
        "write.write_index = lambda *those: (index(*those), time.sleep(600))\n"
        "write.export(samples, layout_of(recipe), Path(sys.argv[2]), 10)"
    )
    config = Path(recipe.runs) / "recipe.toml"
    run = subprocess.Popen([sys.executable, "-c", code, str(config), str(out)], cwd=ROOT)
    while not (out / "index.json").is_file() and run.poll() is None:
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL  # it was at work
    index = out / "index.json"
    finished = json.loads(index.read_text())["shards"] if index.is_file() else {}
    done = {name: (out / name).stat().st_mtime_ns for name in finished}
    export(samples, layout_of(recipe), out, 10)
    assert {name: (out / name).stat().st_mtime_ns for name in done} == done
    assert content(out) == content(shards)


def test_only_what_changed_is_written_again(
    samples: list[Sample], recipe: Recipe, tmp_path: Path
) -> None:
    export(samples, layout_of(recipe), tmp_path, 10)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")}
    export(samples, layout_of(recipe), tmp_path, 10)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")} == before
    (tmp_path / "mfa-test-000000.tar").unlink()
    last = max((s for s in samples if s.split == "train"), key=lambda sample: sample.record.key)
    darker = replace(last, image=last.image // 2)
    export([darker if s is last else s for s in samples], layout_of(recipe), tmp_path, 10)
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.tar")}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"mfa-test-000000.tar", "mfa-train-000003.tar"}


def test_shards_of_an_earlier_export_do_not_stay(
    samples: list[Sample], recipe: Recipe, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    export(samples, layout_of(recipe), tmp_path, 5)
    export(samples, layout_of(recipe), tmp_path, 1000)
    names = {path.name for path in tmp_path.iterdir()}
    tars = {"mfa-test-000000.tar", "mfa-train-000000.tar"}
    assert names == {"notes.txt", "index.json", *tars}


def test_streaming_by_http(url: str, shards: Path) -> None:
    names = sorted(path.name for path in shards.glob("*.tar"))
    fetched = [record["key"] for _, record in stream([f"{url}/{name}" for name in names])]
    assert fetched == keys([shards / name for name in names])
    assert len(fetched) == COUNT
    with pytest.raises(ShardError, match=r"cannot be read: .*gone\.tar"):
        list(stream([f"{url}/gone.tar"]))


def test_a_shard_that_is_not_there_or_damaged_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=r"cannot be read: .*gone\.tar"):
        list(stream([tmp_path / "gone.tar"]))
    whole = (shards / "mfa-test-000000.tar").read_bytes()
    (tmp_path / "half.tar").write_bytes(whole[: len(whole) // 2 + 100])
    with pytest.raises(ShardError, match=r"cannot be read: .*half\.tar"):
        list(stream([tmp_path / "half.tar"]))


def test_a_shard_that_was_cut_off_is_refused(shards: Path, tmp_path: Path) -> None:
    """Between two members: nothing in the tar format tells."""
    whole = shards / "mfa-test-000000.tar"
    with tarfile.open(whole) as tar:
        middle = tar.getmembers()[6].offset
    (tmp_path / "cut.tar").write_bytes(whole.read_bytes()[:middle])
    with pytest.raises(ShardError, match=r"cut\.tar was cut off, 5 records are missing"):
        list(stream([tmp_path / "cut.tar"]))
    with pytest.raises(ShardError, match="5 records are missing"):
        list(stream([tmp_path / "cut.tar", whole]))


def test_shuffling_is_seeded(shards: Path) -> None:
    paths = sorted(shards.glob("*.tar"))
    plain, mixed = keys(paths), keys(paths, shuffle=20, seed=1)
    assert mixed == keys(paths, shuffle=20, seed=1)
    assert mixed != plain
    assert mixed != keys(paths, shuffle=20, seed=2)
    assert sorted(mixed) == sorted(plain)


def test_workers_share_the_shards(shards: Path) -> None:
    dataset = stream(sorted(shards.glob("*.tar")))
    assert isinstance(dataset, IterableDataset)
    loaded = [r["key"] for _, r in DataLoader(dataset, batch_size=None, num_workers=2)]
    assert len(loaded) == len(set(loaded)) == COUNT


def test_the_command_leaves_out_what_check_refuses(
    tmp_path: Path, records: list[Record], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_recipe(tmp_path)
    write_cache(tmp_path / "cache" / "rafdb", COUNT)
    store = write_store(tmp_path / "mfa.sqlite", [refused(records[0]), *records[1:]])
    command = ["export", "--config", str(recipe), "--store", str(store)]
    assert main([*command, "--records-per-shard", "16"]) == 0
    assert "39 records in 3 shards in" in capsys.readouterr().out
    assert records[0].key not in keys(sorted((tmp_path / "shards").glob("*.tar")))
    assert main([*command, "--records-per-shard", "0"]) == 2
    assert "a shard cannot have 0 records" in capsys.readouterr().err
    assert main([*command, "--dataset", "ferplus"]) == 2
    assert "has no records of ferplus" in capsys.readouterr().err
    (tmp_path / "shards" / "index.json").write_text('{"mfa-train-000000.tar": {"records": 3}}')
    assert main(command) == 2
    assert "is not an index of this release" in capsys.readouterr().err


def test_a_face_that_is_not_in_the_cache_is_named(recipe: Recipe) -> None:
    stranger = record_of(random_records(1)[0].labels, name="elsewhere.png")
    with pytest.raises(ShardError, match=r"rafdb has no face elsewhere\.png"):
        find_faces([stranger], recipe)
