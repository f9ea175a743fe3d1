"""Phase 1 trains from shards: on disk, by HTTP, killed and resumed, in any number of processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from distill.config import ConfigError, DatasetConfig, Recipe
from distill.faces.batches import make_batches
from distill.mfa.errors import ShardError
from distill.mfa.faces import iterate_faces
from distill.mfa.prompt.offline import describe_offline
from distill.mfa.records.store import open_store
from distill.mfa.shards.index import layout_of
from distill.mfa.shards.sample import find_faces
from distill.mfa.shards.write import export
from distill.prepare import prepare
from distill.training.checkpoint import load_network
from distill.training.loop import train
from distill.training.sources import shards as shard_sources
from distill.training.sources.shards import open_streams
from distill.training.sources.stored import load_source
from tests.helpers.shard_server import serve
from tests.helpers.tiny_training import tiny_recipe, write_recipe

pytestmark = pytest.mark.slow

replace = msgspec.structs.replace
SIZE = 12  # records a shard: an epoch of several shards, the last of them short


def write_shards(recipe: Recipe, folder: Path, *datasets: str, splits: tuple[str, ...]) -> None:
    """Describe the data sets offline and export them."""
    folder.mkdir()
    with open_store(folder.parent / f"{folder.name}.sqlite") as store:
        describe_offline(iterate_faces(recipe, datasets, splits), store)
        samples = find_faces(list(store.records()), recipe)
    export(samples, layout_of(recipe), folder, SIZE)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A miniature whose RAF-DB and FER+ are shards together, beside the caches they came from."""
    folder = tmp_path_factory.mktemp("stream")
    recipe = tiny_recipe(folder)
    prepare(recipe, workers=1)
    write_shards(recipe, folder / "shards", "rafdb", "ferplus", splits=("train",))
    return recipe


@pytest.fixture(scope="module")
def shards(prepared: Recipe) -> Path:
    return Path(prepared.runs).parent / "shards"


@pytest.fixture(scope="module")
def recipe(prepared: Recipe, shards: Path) -> Recipe:
    return streaming(prepared, str(shards))


def streaming(recipe: Recipe, where: str, buffer: int = 2, **more: str) -> Recipe:
    """The recipe with training from shards, validated on the caches."""
    count = len(list((Path(recipe.runs).parent / "shards").glob("*.tar")))
    faces = DatasetConfig(
        reader="shards",
        root=f"{where}/mfa-train-{{000000..{count - 1:06d}}}.tar",
        terms="none",
        title="shards",
        buffer=buffer,
    )
    batch = {"faces": 8}
    return replace(
        recipe,
        data={**recipe.data, "faces": faces},
        train=replace(recipe.train, batch=batch, steps=6),
        **more,
    )


def drawn(recipe: Recipe, steps: range) -> list[str]:
    """Keys of the faces of some steps, in the order of their draw."""
    [source] = open_streams(recipe)
    return [
        face.args[0].record["key"]  # type: ignore[attr-defined]
        for step in steps
        for face in source.draw(8, 0, step)
    ]


def weights(recipe: Recipe) -> torch.Tensor:
    network = load_network(recipe.run_folder / "network.pt").network
    return torch.cat([parameter.flatten() for parameter in network.parameters()])


@pytest.fixture(scope="module")
def trained(recipe: Recipe) -> torch.Tensor:
    """Weights after training from the disk, without a break."""
    straight = replace(recipe, name="straight")
    train(straight)
    return weights(straight)


def test_an_epoch_has_every_face_once_and_the_next_another_order(recipe: Recipe) -> None:
    [source] = open_streams(recipe)
    total = sum(entry.records for entry in source._entries)
    keys = drawn(recipe, range(2 * total // 8 + 1))
    first, second = keys[:total], keys[total : 2 * total]
    assert len(set(first)) == total == len(load_rows(recipe))
    assert sorted(first) == sorted(second)
    assert first != second
    assert first == drawn(recipe, range(total // 8 + 1))[:total]


def load_rows(recipe: Recipe) -> list[str]:
    """Names of the faces of the caches that have a record: known emotion or unit, in training."""
    faces = iterate_faces(recipe, ("rafdb", "ferplus"), ("train",))
    return [face.subject.name for face in faces]


def test_labels_are_those_of_the_caches_and_unknown_stays_unknown(recipe: Recipe) -> None:
    [source] = open_streams(recipe)
    stores = {name: load_source(recipe, name) for name in ("rafdb", "ferplus")}
    rows = {
        (name, str(identity)): row
        for name, s in stores.items()
        for row, identity in enumerate(s.store.names)
    }
    unknown = 0
    for face in source.draw(len(load_rows(recipe)), 0, 0):
        record, read = face.args[0].record, face()  # type: ignore[attr-defined]
        store, row = stores[record["dataset"]], rows[record["dataset"], record["name"]]
        np.testing.assert_array_equal(read.image, store.store.images[row])
        for head, expected in store.store.targets().items():
            np.testing.assert_array_equal(read.targets[head], expected[row])
            assert read.targets[head].dtype == np.float32
        np.testing.assert_array_equal(read.possible, store.possible)
        unknown += int(np.isnan(read.targets["action_units"]).sum())
    assert unknown > 0
    known = sum(store.unit_counts() for store in stores.values())
    np.testing.assert_array_equal(source.unit_counts(), known)


def test_a_later_step_is_the_same_without_the_earlier_ones(recipe: Recipe) -> None:
    assert drawn(recipe, range(5, 9)) == drawn(recipe, range(9))[5 * 8 :]


def test_a_step_is_the_same_faces_for_any_number_of_processes(recipe: Recipe) -> None:
    alone, *shared = (
        make_batches(recipe, open_streams(recipe), {"faces": 8}, 3, rank, world)
        for rank, world in ((0, 1), (0, 2), (1, 2))
    )
    assert len(alone) == 2
    for one, two in zip(alone, (batch for part in shared for batch in part), strict=True):
        torch.testing.assert_close(one.images, two.images, rtol=0, atol=0)
        for head, target in one.targets.items():
            torch.testing.assert_close(target, two.targets[head], rtol=0, atol=0, equal_nan=True)


def test_training_by_http_ends_with_the_same_weights(
    prepared: Recipe, shards: Path, trained: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_sources, "WAITS", (0.01, 0.02))
    cut = {"mfa-train-000001.tar"}  # once: the second attempt gets all of it
    with serve(shards, cut) as url:
        remote = streaming(prepared, url, name="http")
        train(remote)
    assert cut == set()
    assert torch.equal(weights(remote), trained)


def test_training_killed_and_resumed_ends_bit_for_bit_the_same(
    recipe: Recipe, trained: torch.Tensor, tmp_path: Path
) -> None:
    killed = replace(recipe, name="killed")
    write_recipe(killed, tmp_path / "recipe.toml")
    command = [sys.executable, "-m", "distill", "train", "--config", str(tmp_path / "recipe.toml")]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    while not (killed.run_folder / "last.pt").is_file() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed.run_folder / "network.pt").exists()
    train(killed)
    assert torch.equal(weights(killed), trained)


def test_a_shard_that_is_missing_or_cut_off_is_named(
    prepared: Recipe, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_sources, "WAITS", (0.01,))
    copy = shutil.copytree(shards, tmp_path / "copy")
    first, second = copy / "mfa-train-000000.tar", copy / "mfa-train-000001.tar"
    whole = second.read_bytes()
    second.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ShardError, match=r"mfa-train-000001\.tar"):
        drawn(streaming(prepared, str(copy)), range(8))
    second.unlink()
    with pytest.raises(ShardError, match=r"cannot be read: .*mfa-train-000001\.tar"):
        drawn(streaming(prepared, str(copy)), range(8))
    with serve(copy) as url, pytest.raises(ShardError, match=r"read: .*mfa-train-000001\.tar"):
        drawn(streaming(prepared, url), range(8))
    second.write_bytes(whole)
    shutil.copy(second, first)  # as many records, but others
    with pytest.raises(ShardError, match=r"000000\.tar is not what its index\.json says"):
        drawn(streaming(prepared, str(copy)), range(8))
    shutil.copy(max(copy.glob("*.tar")), first)  # the short one
    with pytest.raises(ShardError, match=rf"000000\.tar has \d+ records .* says {SIZE}"):
        drawn(streaming(prepared, str(copy)), range(8))
    (copy / "index.json").unlink()
    for where in (str(copy), "http://127.0.0.1:9"):
        with pytest.raises(ShardError, match=r"index\.json cannot be read"):
            open_streams(streaming(prepared, where))


def test_shards_that_training_must_not_see_are_refused(
    prepared: Recipe, recipe: Recipe, tmp_path: Path
) -> None:
    other = replace(recipe, margin=recipe.margin + 1)
    with pytest.raises(ShardError, match="cut or labelled for another recipe"):
        open_streams(other)
    data = replace(recipe.data["faces"], root=recipe.data["faces"].root.replace("}", "9}"))
    with pytest.raises(ShardError, match="has no shard"):
        open_streams(replace(recipe, data={**recipe.data, "faces": data}))
    data = replace(recipe.data["faces"], buffer=0)
    with pytest.raises(ConfigError, match="expected 1 shard or more"):
        open_streams(replace(recipe, data={**recipe.data, "faces": data}))
    write_shards(prepared, tmp_path / "coded", "ckplus", splits=())
    write_shards(prepared, tmp_path / "valid", "rafdb", splits=("valid",))
    for folder, split, said in (("coded", "dev", "ckplus"), ("valid", "valid", "valid split")):
        root = str(tmp_path / folder / f"mfa-{split}-000000.tar")
        data = replace(recipe.data["faces"], root=root)
        with pytest.raises(ShardError, match=said):
            open_streams(replace(recipe, data={**recipe.data, "faces": data}))
