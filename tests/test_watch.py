"""Videos, real files written here: every frame in order, damaged files, all outputs valid."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from mf2_edge import FaceStateAnalyzer, VideoError
from mf2_edge.bundle import load_bundle
from mf2_edge.cli import main
from mf2_edge.columns import STYLES, columns, row_maker
from mf2_edge.video import VideoSource
from tests.streams import scene

FPS = 25.0


def clip(path: Path, frames: int, code: str = "mp4v", side: int = 320) -> Path:
    """A face that drifts to the right; frame i is a little brighter than frame i - 1."""
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), FPS, (side, side * 3 // 4))
    assert video.isOpened()
    for i in range(frames):
        picture = cv2.resize(scene((80 + 2 * i, 40)), (side, side * 3 // 4))
        video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()
    return path


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clips") / "short.mp4", 20)


def test_frames_come_in_order_with_the_containers_times(short: Path) -> None:
    with VideoSource(short) as source:
        assert (source.live, source.fps, source.frame_count) == (False, FPS, 20)
        frames = list(source)
    assert [round(time_ms) for _, time_ms in frames] == [40 * i for i in range(20)]
    assert frames[0][0].shape == (240, 320, 3)
    assert (source.read, source.dropped) == (20, 0)


def test_a_file_waits_for_a_slow_reader_and_can_be_left(short: Path) -> None:
    with VideoSource(short) as source:
        for number, _ in enumerate(source):
            time.sleep(0.02)
            if number == 9:
                break
    assert source.dropped == 0
    assert 10 <= source.read <= 20


def test_a_live_source_drops_what_nobody_takes(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file played as a camera: it does not wait; when it ends, somebody has pulled the plug."""

    a_file = cv2.VideoCapture(str(short))

    class Camera:
        def __init__(self, name: object) -> None:
            self.file = a_file

        def read(self) -> tuple[bool, object]:
            time.sleep(0.01)
            return self.file.read()

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    monkeypatch.setattr("mf2_edge.video.cv2.VideoCapture", Camera)
    taken = []

    def take_slowly(source: VideoSource) -> None:
        for _, time_ms in source:
            taken.append(time_ms)
            time.sleep(0.05)

    with VideoSource(0) as source, pytest.raises(VideoError, match="still connected"):
        take_slowly(source)
    assert source.live
    assert source.dropped > 3
    assert len(taken) + source.dropped == source.read == 20
    assert taken == sorted(taken)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"", "is empty"), (b"not a video at all" * 99, "cannot read it")],
)
def test_what_is_no_video_says_so(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=said):
        VideoSource(path)


def test_no_camera_says_so() -> None:
    with pytest.raises(VideoError, match="camera connected"):
        VideoSource(99)


def test_watch_writes_lines_rows_and_pictures(short: Path, tmp_path: Path) -> None:
    places = {name: tmp_path / f"out.{name}" for name in ("jsonl", "csv", "mp4")}
    named = ("--jsonl", "jsonl"), ("--csv", "csv"), ("--annotate", "mp4")
    options = [part for flag, name in named for part in (flag, str(places[name]))]
    assert main(["watch", str(short), *options]) == 0
    lines = [json.loads(line) for line in places["jsonl"].read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(20))
    assert {face["track_id"] for line in lines for face in line["faces"]} == {1}
    assert [e["kind"] for line in lines for e in line["events"] if e["label"] == "AU12"] == [
        "onset"
    ]
    rows = list(csv.DictReader(places["csv"].open()))
    assert [float(row["timestamp_ms"]) for row in rows] == [40 * i for i in range(20)]
    assert {row["emotion"] for row in rows} == {"happiness"}
    with VideoSource(places["mp4"]) as drawn:
        assert len(list(drawn)) == 20


def test_a_file_cut_off_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.avi", 30, code="MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    jsonl = tmp_path / "out.jsonl"
    assert main(["watch", str(cut), "--jsonl", str(jsonl)]) == 1
    lines = [json.loads(line) for line in jsonl.read_text().splitlines()]
    assert 8 <= len(lines) < 22
    assert all(len(line["faces"]) == 1 for line in lines)


def test_a_killed_watch_leaves_whole_lines(tmp_path: Path) -> None:
    long = clip(tmp_path / "long.mp4", 250)
    jsonl = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "mf2_edge", "watch", str(long), "--jsonl", str(jsonl)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not jsonl.exists() or jsonl.stat().st_size < 20_000):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    text = jsonl.read_text()
    assert len(text) >= 20_000
    assert text.endswith("\n")
    assert [json.loads(line)["frame"] for line in text.splitlines()] == list(
        range(text.count("\n"))
    )


@pytest.mark.parametrize("style", STYLES)
def test_rows_have_the_columns_of_their_style(style: str) -> None:
    manifest = load_bundle(None).manifest
    [state] = FaceStateAnalyzer().stream().update(scene((120, 40)), 80.0, color="rgb")
    row = row_maker(style)(2, 80.0, state)  # type: ignore[arg-type]
    assert list(row) == columns(style, manifest)  # type: ignore[arg-type]
    if style == "openface":
        assert (row["frame"], row["timestamp"], row["success"]) == (3, 0.08, 1)
        assert row["AU12_c"] == 1
        assert 2.5 < float(row["AU12_r"]) <= 5
        assert "AU45_c" in row
    if style == "pyfeat":
        assert row["AU12"] == pytest.approx(state.action_units["AU12"].score, abs=1e-4)
        assert float(row["happiness"]) > 0.9
