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
from numpy.typing import NDArray
from pyarrow import parquet

from mf2_edge import FaceState, FaceStateAnalyzer, VideoError
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.cli.main import main
from mf2_edge.columns import STYLES, Style, columns, kind, rows
from mf2_edge.io.video import VideoSource
from mf2_edge.types import ActionUnit, Box, Emotion, Reason, Status
from tests.helpers.clips import FPS, clip, cut_off, play_as_camera
from tests.helpers.make_tiny_bundle import FOLDER as TOY
from tests.helpers.streams import scene


@pytest.fixture(scope="module")
def blinking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face in frames 0 to 5 and 12 to 17, an empty room between."""
    path = tmp_path_factory.mktemp("clips") / "blinking.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (640, 480))
    for i in range(18):
        picture = scene() if 6 <= i < 12 else scene((120, 40))
        video.write(np.ascontiguousarray(picture[..., ::-1]))
    video.release()
    return path


def alone(picture: NDArray[np.uint8]) -> list[FaceState]:
    """The states of a picture, as a stream tells them."""
    return FaceStateAnalyzer().stream().update(picture, 80.0, color="rgb")


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
    play_as_camera(short, monkeypatch)
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
    cut = cut_off(clip(tmp_path / "whole.avi", 30, code="MJPG"))
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
def test_rows_have_the_columns_of_their_style(style: Style) -> None:
    manifest = load_bundle(None).manifest
    [state] = alone(scene((120, 40)))
    [row] = rows(style, 2, 80.0, [state])
    known = columns(style, manifest, tuple(state.action_units))
    # Columns of what the network does not tell, or was not measured on, are there and empty.
    told = [unit.intensity for unit in state.action_units.values()]
    empty = {name for name in known if name.endswith("_r")} if None in told else set()
    for label in known:
        unit, _, where = label.partition("_f1_")
        measured = manifest.reliability_of(unit)
        if where and getattr(measured, where, None) is None:
            empty.add(label)
    assert set(row) == set(known) - empty
    kinds = {"text": str, "integer": int, "number": float}
    assert {name: type(cell) for name, cell in row.items()} == {
        name: kinds[kind(name)] for name in row
    }
    if style == "openface":
        assert (row["frame"], row["timestamp"], row["success"]) == (3, 0.08, 1)
        assert row["AU12_c"] == 1
        intensity = state.action_units["AU12"].intensity
        assert ("AU12_r" in row) == (intensity is not None)
        assert "AU45_c" in row
    if style == "pyfeat":
        assert row["AU12"] == pytest.approx(state.action_units["AU12"].score, abs=1e-4)
        assert float(row["happiness"]) > 0.9


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("native", []),
        (
            "openface",
            [{"frame": 3, "face_id": 0, "timestamp": 0.08, "confidence": 0.0, "success": 0}],
        ),
        ("pyfeat", [{"frame": 2}]),
    ],
)
def test_a_frame_without_a_face_has_the_row_that_is_usual(
    style: Style, expected: list[dict[str, object]]
) -> None:
    assert rows(style, 2, 80.0, []) == expected


@pytest.mark.parametrize("style", STYLES)
def test_parquet_holds_what_the_csv_holds(
    style: Style, blinking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mf2_edge.cli.watch_files.ROW_GROUP", 4)
    places = {name: tmp_path / f"out.{name}" for name in ("csv", "parquet")}
    options = [part for name, place in places.items() for part in (f"--{name}", str(place))]
    assert main(["watch", str(blinking), *options, "--style", style]) == 0
    file = parquet.ParquetFile(places["parquet"])
    assert file.num_row_groups > 1
    table = file.read()
    manifest = load_bundle(None).manifest
    shown = manifest.units(include_experimental=False)
    assert table.column_names == columns(style, manifest, shown)
    told = list(csv.DictReader(places["csv"].open()))
    cells = [
        {name: "" if cell is None else str(cell) for name, cell in row.items()}
        for row in table.to_pylist()
    ]
    assert cells == told
    score = {"native": "detection_score", "openface": "AU12_c", "pyfeat": "FaceScore"}[style]
    empty = [row for row in table.to_pylist() if row[score] is None]
    if style == "native":
        assert empty == []
    else:  # the empty frames, and those before the next search
        assert 6 <= len(empty) <= 11
        assert {row["frame"] - (style == "openface") for row in empty} >= set(range(6, 12))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.csv", "out.parquet"]


def test_parquet_of_a_broken_video_is_whole(tmp_path: Path) -> None:
    cut = cut_off(clip(tmp_path / "whole.avi", 30, code="MJPG"))
    place = tmp_path / "out.parquet"
    place.write_bytes(b"of another day")
    assert main(["watch", str(cut), "--parquet", str(place)]) == 1
    assert 8 <= parquet.read_table(place).num_rows < 22


def test_parquet_without_its_package_names_the_extra(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    place = tmp_path / "out.parquet"
    assert main(["watch", str(short), "--parquet", str(place)]) == 2
    assert "mf2-edge[parquet]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_columns_hold_strength_visibility_and_reliability_where_they_are_known() -> None:
    manifest = load_bundle(TOY).manifest
    reliability = manifest.reliability_of("AU12")
    units = {
        "AU12": ActionUnit("", 0.9, True, Reason.CONFIDENT, 0.7, reliability),
        "AU4": ActionUnit("", 0.8, True, Reason.NOT_VISIBLE, 0.6),
    }
    emotion = Emotion("neutral", "neutral", {"neutral": 1.0}, Reason.CONFIDENT)
    state = FaceState(
        *(Box(0, 0, 9, 9), None, 1.0, emotion, units, Status.OK),
        visibility={"mouth": 0.9, "brows": 0.2},
    )
    [native] = rows("native", 0, 0.0, [state])
    assert native["AU12_intensity"] == 0.8
    assert (native["AU12_f1_laboratory"], native["AU12_f1_world"]) == (0.9, 0.75)
    assert (native["visibility_mouth"], native["visibility_brows"]) == (0.9, 0.2)
    assert native["AU4"] == 0.8
    assert "AU4_present" not in native
    assert "AU4_intensity" not in native
    assert set(native) <= set(columns("native", manifest, ("AU12", "AU4"))) | {"emotion_neutral"}
    [openface] = rows("openface", 0, 0.0, [state])
    assert (openface["AU12_r"], openface["AU12_c"]) == (4.0, 1)
    assert "AU04_r" not in openface
    assert "AU04_c" not in openface
