"""What goes wrong with real files: damage, odd frame rates, full disks, cameras without a plug."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from pyarrow import parquet

from mf2_edge import VideoError
from mf2_edge.cli.main import main
from mf2_edge.io.video import VideoSource
from tests.helpers.clips import FPS, clip, of_unknown_codec, overwritten, paced, play_as_camera

OUTPUTS = {"jsonl": "jsonl", "csv": "csv", "parquet": "parquet", "annotate": "mp4"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clips") / "film.mp4", 50)


def watch(source: Path | str, folder: Path) -> int:
    """`mf2-edge watch` with all outputs, which are called out."""
    places = {name: folder / f"out.{suffix}" for name, suffix in OUTPUTS.items()}
    named = [part for name, place in places.items() for part in (f"--{name}", str(place))]
    return main(["watch", str(source), *named])


def frames_told(folder: Path) -> list[int]:
    """The frames of the JSON lines; what the other files hold is checked against them."""
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    numbers = [line["frame"] for line in lines]
    faces = [line["frame"] for line in lines for _ in line["faces"]]
    assert numbers == list(range(len(numbers)))
    assert faces == [int(row["frame"]) for row in csv.DictReader((folder / "out.csv").open())]
    assert faces == parquet.read_table(folder / "out.parquet")["frame"].to_pylist()
    return numbers


def film_of(path: Path) -> tuple[int, float]:
    """Frames of a video, and the time of the last in seconds."""
    with VideoSource(path) as source:
        times = [time_ms for _, time_ms in source]
    return len(times), times[-1] / 1e3


def test_a_file_damaged_in_the_middle_is_read_to_its_end(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(overwritten(film, 0.4, 0.405), tmp_path) == 0
    numbers = frames_told(tmp_path)
    assert 48 <= len(numbers) < 50
    assert f"{50 - len(numbers)} could not be read" in capsys.readouterr().err
    times = [json.loads(line)["timestamp_ms"] for line in (tmp_path / "out.jsonl").open()]
    assert times[-1] == pytest.approx(49 * 40)  # in step with the file, not with what was read
    frames, seconds = film_of(tmp_path / "out.mp4")
    assert frames == len(numbers)
    assert seconds == pytest.approx(49 * 0.04, abs=1e-3)


def test_a_file_damaged_at_length_says_so_and_keeps_what_was_read(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(overwritten(film, 0.3, 0.6), tmp_path) == 1
    told = len(frames_told(tmp_path))
    assert 20 < told < 48
    assert f"only {told} of 50 frames could be read" in capsys.readouterr().err
    assert film_of(tmp_path / "out.mp4")[0] == told


def test_frames_at_changing_rates_keep_their_times(film: Path, tmp_path: Path) -> None:
    # Half a second of 50 frames a second, then 10 a second, then a pause.
    times = [20.0 * i for i in range(25)] + [500 + 100.0 * i for i in range(24)] + [4500.0]
    uneven = paced(film, times, 5000)
    with VideoSource(uneven) as source:
        assert [time_ms for _, time_ms in source] == pytest.approx(times, abs=0.1)
        assert source.fps == pytest.approx(10)
    assert watch(uneven, tmp_path) == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [float(row["timestamp_ms"]) for row in rows] == pytest.approx(times, abs=0.1)
    frames, seconds = film_of(tmp_path / "out.mp4")
    assert frames == len(times)
    assert seconds == pytest.approx(times[-1] / 1e3, abs=1e-3)


def test_a_video_of_an_unknown_codec_says_what_to_do(film: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"of a codec that it lacks; convert it"):
        VideoSource(of_unknown_codec(film))


def test_a_container_without_frames_is_refused(tmp_path: Path) -> None:
    code = cv2.VideoWriter.fourcc(*"mp4v")
    cv2.VideoWriter(str(tmp_path / "none.mp4"), code, FPS, (320, 240)).release()
    assert (tmp_path / "none.mp4").stat().st_size > 0
    with pytest.raises(VideoError, match="holds no moving picture"):
        VideoSource(tmp_path / "none.mp4")


def test_a_camera_unplugged_while_it_is_watched_leaves_whole_files(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        play_as_camera(film, patched)
        assert watch("0", tmp_path) == 1
    said = capsys.readouterr().err
    assert "no more frames after 50; is it still connected?" in said
    numbers = frames_told(tmp_path)
    assert len(numbers) > 1
    assert f"{len(numbers)} frames, {50 - len(numbers)} dropped" in said
    last = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[-1])
    frames, seconds = film_of(tmp_path / "out.mp4")
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    taken = (last["timestamp_ms"] - first["timestamp_ms"]) / 1e3
    assert frames == len(numbers)
    assert seconds == pytest.approx(taken, abs=1e-3)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
import mf2_edge.cli.watch_files
mf2_edge.cli.watch_files.ROW_GROUP = 8
from mf2_edge.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("full", list(OUTPUTS))
def test_no_room_is_a_typed_error_and_other_files_stay(
    full: str, film: Path, tmp_path: Path
) -> None:
    """The system refuses files beyond a limit, in the middle of the work, as a full disk does."""
    place, beside = tmp_path / f"out.{OUTPUTS[full]}", tmp_path / "beside.csv"
    limit = {"jsonl": 40_000, "csv": 9_000, "parquet": 9_000, "annotate": 15_000}[full]
    options = [f"--{full}", str(place)] + (["--csv", str(beside)] if full == "jsonl" else [])
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(limit=limit), "watch", str(film), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"mf2-edge: {place}: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    if full in ("parquet", "annotate"):  # never half a file
        assert list(tmp_path.iterdir()) == []
        return
    *lines, _ = place.read_text().split("\n")
    assert len(lines) > 5
    assert len({line.count('"frame"' if full == "jsonl" else ",") for line in lines}) == 1
    if full == "jsonl":
        assert len([json.loads(line) for line in lines]) >= len(beside.read_text().split("\n")) - 2


@pytest.mark.parametrize("option", ["--jsonl", "--csv", "--parquet", "--annotate"])
def test_a_place_where_nothing_can_be_written_is_named(
    option: str, film: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = film / f"out.{OUTPUTS[option.strip('-')]}"  # a file is no folder
    assert main(["watch", str(film), option, str(place)]) == 2
    assert f"mf2-edge: {place}: cannot be written" in capsys.readouterr().err


def test_a_full_device_is_a_typed_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = clip(tmp_path / "film.mp4", 6)
    assert main(["watch", str(film), "--jsonl", "/dev/full"]) == 1
    assert "No space left on device" in capsys.readouterr().err
