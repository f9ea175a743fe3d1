"""The command line: what stops a command is said in a line, and it goes on when run again."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import distill.prepare
from distill.__main__ import main
from distill.faces.store import load_store
from distill.training.checkpoint import save_atomically
from tests.helpers.tiny_training import RECIPE

pytestmark = pytest.mark.slow

DRAWINGS = 30


@pytest.fixture
def prepare(tmp_path: Path) -> list[str]:
    """The command that prepares drawings, in a folder of its own."""
    return [
        *("prepare", "--config", str(RECIPE.with_name("made-up.toml"))),
        *("--set", f"runs={tmp_path}/runs", "--set", f"data.made_up.root=made-up:{DRAWINGS}"),
    ]


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_what_was_there_is_kept(
    prepare: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with room(DRAWINGS * 128 * 128):  # a third of the faces
        assert main(prepare) == 2
    assert "no room on the disk" in capsys.readouterr().err
    assert not list(tmp_path.rglob(".partial-*"))
    assert main(prepare) == 0
    assert len(load_store(tmp_path / "runs/cache/made_up").names) == DRAWINGS
    path = tmp_path / "last.pt"
    save_atomically({"step": 1}, path)
    with room(100_000), pytest.raises(OSError, match="File too large"):
        save_atomically({"step": 2, "weights": torch.zeros(100_000)}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert not list(tmp_path.glob(".partial-*"))


def test_ctrl_c_ends_a_command_in_a_line_and_it_goes_on_where_it_was(
    prepare: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done: list[Any] = []
    align = distill.prepare._align_one

    def stopped(job: Any) -> Any:
        if len(done) == 7:
            signal.raise_signal(signal.SIGINT)
        done.append(job)
        return align(job)

    monkeypatch.setattr(distill.prepare, "_align_one", stopped)
    assert main(prepare) == 130
    assert "prepare: stopped; run it again to go on" in capsys.readouterr().err
    done.append(None)  # no eighth stop
    assert main(prepare) == 0
    assert len(done) == 1 + DRAWINGS
    assert load_store(tmp_path / "runs/cache/made_up").aligned.shape == (DRAWINGS,)


def test_a_shard_that_is_a_command_is_refused_before_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from distill.config import load_recipe
    from distill.mfa.errors import ShardError
    from distill.training.sources.shards import open_streams

    made = tmp_path / "made"
    recipe = load_recipe(
        RECIPE,
        [
            *("data.rafdb.reader=shards", "data.rafdb.validation=0"),
            f"data.rafdb.root='pipe:touch {made}'",
        ],
    )
    with pytest.raises(ShardError, match="expected a path, or an address"):
        open_streams(recipe)
    assert not made.exists()
    assert capsys.readouterr().err == ""
