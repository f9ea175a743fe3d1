"""Outputs never destroy what a command was to read, and take their places whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mf2_edge.cli.main import main
from mf2_edge.errors import OutputError
from mf2_edge.io.atomic import exchange, replacing
from mf2_edge.io.outputs import check_outputs
from mf2_edge.io.video import VideoSource
from tests.helpers.clips import clip
from tests.helpers.make_tiny_bundle import FOLDER

ASTRONAUT = Path(__file__).parents[3] / "mf2_edge" / "samples" / "astronaut.jpg"
Captured = pytest.CaptureFixture[str]


def run(*arguments: str | Path, bundle: Path = FOLDER) -> int:
    return main([*map(str, arguments), "--bundle", str(bundle), "--runtime", "litert"])


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return clip(tmp_path / "v.mp4", 3)


def held(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_photographs_are_not_overwritten_by_their_annotated_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(ASTRONAUT, photos / "me.jpg")
    (tmp_path / "link").symlink_to(photos)
    monkeypatch.chdir(photos)
    before = held(tmp_path)
    for path, folder in ((photos, photos), (Path("me.jpg"), "."), (photos, tmp_path / "link")):
        assert run("predict", path, "--annotate", folder) == 2
        assert "which is an input" in capsys.readouterr().err
    assert held(tmp_path) == before


@pytest.mark.parametrize("option", ["--csv", "--jsonl", "--parquet", "--annotate"])
def test_a_video_is_not_overwritten(film: Path, option: str, capsys: Captured) -> None:
    hard = film.with_name("hard.mp4")
    hard.hardlink_to(film)
    (film.with_name("soft.mp4")).symlink_to(film)
    before = held(film.parent)
    for name in ("v.mp4", "hard.mp4", "soft.mp4", "../" + film.parent.name + "/v.mp4"):
        assert run("watch", film, option, film.parent / name) == 2
        assert "which is an input" in capsys.readouterr().err
    assert held(film.parent) == before


def test_a_report_does_not_overwrite_its_video_or_baseline(film: Path) -> None:
    (rest := film.with_name("rest.json")).write_text("{}")
    before = held(film.parent)
    assert run("report", film, "--html", film) == 2
    assert run("report", film, "--html", rest, "--baseline", rest) == 2
    assert held(film.parent) == before


def test_the_files_of_a_bundle_are_not_overwritten(film: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(FOLDER, tmp_path / "bundle")
    before = held(tmp_path)
    for option in ("--csv", "--annotate"):
        assert run("watch", film, option, bundle / "manifest.json", bundle=bundle) == 2
    export = ["export", "--bundle", str(bundle), "--format", "tflite", "--out", str(bundle)]
    assert main(export) == 2
    assert held(tmp_path) == before


def test_two_outputs_of_one_name_are_refused(film: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "there").symlink_to(tmp_path)
    before = held(tmp_path)
    out = tmp_path / "out.csv"
    assert run("watch", film, "--csv", out, "--jsonl", tmp_path / "there" / "out.csv") == 2
    assert "same file as the output" in capsys.readouterr().err
    assert held(tmp_path) == before


def test_what_cannot_be_written_is_told_before_the_video_is_read(
    film: Path, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "file").write_text("no folder")
    before = held(tmp_path)
    assert run("watch", film, "--csv", tmp_path / "file" / "out.csv") == 2
    assert run("report", film, "--html", tmp_path / "file" / "out.html") == 2
    assert run("report", film, "--html", tmp_path) == 2
    assert run("predict", ASTRONAUT, "--annotate", tmp_path / "file") == 2
    told = capsys.readouterr().err
    assert told.count("is no folder") == 3
    assert "is a folder; expected the name of a file" in told
    assert held(tmp_path) == before


def test_pipes_and_devices_are_not_compared() -> None:
    check_outputs([Path(os.devnull), Path(os.devnull)], [Path(os.devnull)])


def test_a_missing_video_is_told_in_one_line(tmp_path: Path, capsys: Captured) -> None:
    assert run("watch", tmp_path / "nothere.mp4") == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_keeps_its_mode_and_the_link_to_it(tmp_path: Path) -> None:
    secret, link = tmp_path / "secret.json", tmp_path / "link.json"
    secret.write_text("old")
    secret.chmod(0o600)
    link.symlink_to(secret)
    with replacing(link) as partial:
        assert partial.stat().st_mode & 0o777 == 0o600
        partial.write_text("new")
    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("new", 0o600)
    assert link.is_symlink()


def test_writers_at_once_do_not_share_a_partial_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        assert first.suffix == second.suffix == ".json"
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert list(held(tmp_path)) == ["out.json"]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert held(tmp_path) == {"out.json": b"old"}


def test_two_folders_take_each_other_s_place(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / folder.name).touch()
    if not exchange(one, other):
        pytest.skip("this system has no such step")
    assert (one / "other").exists()
    assert (other / "one").exists()
    assert not exchange(one, tmp_path / "none")


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"), replacing(pipe):
        pass
    assert pipe.is_fifo()


@pytest.mark.parametrize("name", [b"bad\xff.mp4", b"a:b.mp4", b"007", b"%03d.mp4"])
def test_every_name_of_a_video_is_read(
    film: Path, tmp_path: Path, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = Path(os.fsdecode(name))
    film.rename(odd)
    for source in (odd, str(odd)):
        with VideoSource(source) as frames:
            assert not frames.live
            assert len(list(frames)) == 3
    out = Path(os.fsdecode(b"out" + name)).with_suffix(".mp4")
    assert run("watch", odd, "--annotate", out) == 0
    with VideoSource(out) as frames:
        assert len(list(frames)) == 3


def test_a_path_is_a_file_even_if_it_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such file"):
        VideoSource(Path("12"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        VideoSource(tmp_path / "pipe")


def test_outputs_raise_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="would overwrite"):
        check_outputs([tmp_path / "a"], [tmp_path / "b" / ".." / "a"])
