"""The command line: what goes to stdout, what to stderr, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from mf2_edge import __version__
from mf2_edge.bundle.edit import edit_manifest
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.cli.main import main
from mf2_edge.cli.output import rounded
from mf2_edge.cli.predict_files import _find
from tests.helpers.make_tiny_bundle import EMOTIONS, FOLDER, SHOWN

ASTRONAUT = Path(__file__).parents[3] / "mf2_edge" / "samples" / "astronaut.jpg"
TINY = ["--bundle", str(FOLDER), "--runtime", "litert"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two faces, an empty wall, two unreadable files and something else."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    shutil.copy(ASTRONAUT, folder / "a.jpg")
    shutil.copy(ASTRONAUT, folder / "more" / "a.JPG")
    Image.new("RGB", (320, 240), "grey").save(folder / "wall.png")
    (folder / "broken.jpg").write_bytes(ASTRONAUT.read_bytes()[:20_000])
    (folder / "text.jpg").write_text("hello")
    (folder / "notes.txt").write_text("not for us")
    return folder


def predict(*arguments: str | Path) -> int:
    return main(["predict", *map(str, arguments), *TINY])


def test_table_for_people(capsys: Captured) -> None:
    assert predict(ASTRONAUT) == 0
    out = capsys.readouterr().out
    assert f"{ASTRONAUT}: 1 face\n" in out
    assert re.search(r"^  face 1  \w+ 0\.\d\d  box 1\d\d,\d\d \d+x\d+", out, re.MULTILINE)
    assert re.search(r"^    AU\d+ +[a-z ]+ 0\.\d\d #+ +(slight|marked)", out, re.MULTILINE)


def test_people_are_told_how_well_a_unit_was_predicted(capsys: Captured) -> None:
    assert main(["predict", str(ASTRONAUT)]) == 0
    told = load_bundle(None).manifest.reliability_of("AU12")
    assert told is not None
    assert told.world is not None
    units = [line for line in capsys.readouterr().out.splitlines() if "#" in line]
    (smile,) = [line for line in units if "AU12" in line]
    assert smile.endswith(f"F1 {told.world.f1:.2f} (world, n={told.world.n})")
    assert all(re.search(r"  (F1 [01]\.\d\d \(.+, n=\d+\)|not measured)$", line) for line in units)


def test_json_is_one_array_with_every_file(photos: Path, capsys: Captured) -> None:
    assert predict(photos, "--json") == 1
    captured = capsys.readouterr()
    found = {
        Path(item["file"]).relative_to(photos).as_posix(): item for item in json.loads(captured.out)
    }
    assert list(found) == ["a.jpg", "broken.jpg", "more/a.JPG", "text.jpg", "wall.png"]
    assert len(found["a.jpg"]["faces"]) == 1
    assert found["more/a.JPG"]["faces"] == found["a.jpg"]["faces"]
    assert found["wall.png"]["faces"] == []
    assert "truncated" in found["broken.jpg"]["error"]
    assert "2 of the inputs could not be read:" in captured.err
    listed = captured.err.split("could not be read:")[1]
    assert "broken.jpg" in listed
    assert "text.jpg" in listed
    assert "a.jpg" not in listed.replace("broken.jpg", "")
    assert "100%" in captured.err  # the progress bar


def test_json_lines_stream_one_file_a_line(photos: Path, capsys: Captured) -> None:
    predict(photos, "--jsonl")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert set(json.loads(lines[0])["faces"][0]["action_units"]) == set(SHOWN)


def test_csv_has_the_same_columns_whatever_is_found(photos: Path, capsys: Captured) -> None:
    predict(photos, "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    predict(photos / "wall.png", "--csv")
    header = capsys.readouterr().out.splitlines()
    assert header[0] == ",".join(rows[0])
    assert len(header) == 2
    told = [(Path(row["file"]).name, row["face"], row["status"]) for row in rows]
    assert told == [
        ("a.jpg", "1", "ok"),
        ("broken.jpg", "0", "unreadable"),
        ("a.JPG", "1", "ok"),
        ("text.jpg", "0", "unreadable"),
        ("wall.png", "0", "no_face"),
    ]
    assert sum(float(rows[0][f"emotion_{label}"]) for label in EMOTIONS) == pytest.approx(
        1, abs=1e-3
    )
    assert {rows[0][f"{unit}_present"] for unit in SHOWN} <= {"0", "1", ""}
    assert rows[0]["status"] == "ok"
    assert float(rows[0]["width"]) == pytest.approx(104, abs=15)


def test_json_has_the_digits_that_scores_have(capsys: Captured) -> None:
    predict(ASTRONAUT, "--jsonl")
    assert not re.findall(r"[1-9][0-9.]{9,}", capsys.readouterr().out)
    assert rounded({"at_ms": 1750000000123.456, "x": (1.23456789e-9,)}) == {
        "at_ms": 1750000000123.456,
        "x": [1.234568e-9],
    }


def test_a_name_that_no_file_can_have_is_told_beside_the_others(capsys: Captured) -> None:
    assert predict("n" * 300, ASTRONAUT, "--jsonl") == 1
    out, error = capsys.readouterr()
    assert [len(json.loads(line).get("faces", ())) for line in out.splitlines()] == [0, 1]
    assert "too long" in error


def test_json_of_nothing_is_still_json(tmp_path: Path, capsys: Captured) -> None:
    assert predict(tmp_path, "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == []
    assert "no image files in this folder" in captured.err


def test_missing_file_is_listed_and_the_rest_is_done(capsys: Captured) -> None:
    assert predict("gone.jpg", ASTRONAUT) == 1
    captured = capsys.readouterr()
    assert "1 face" in captured.out
    assert "gone.jpg: no such file" in captured.err


def test_annotated_pictures(photos: Path, tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "new" / "out"
    predict(photos, photos / "a.jpg", "--annotate", out)
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert made == ["a-2.jpg", "a.jpg", "more/a.jpg", "wall.jpg"]
    with Image.open(out / "a.jpg") as picture:
        assert picture.size == (720, 720)
    assert f"annotated pictures are in {out}" in capsys.readouterr().err


def test_file_name_that_is_not_text(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a\xff.jpg")
    shutil.copy(ASTRONAUT, odd)
    out, error = _start("predict", odd, "--jsonl").communicate(timeout=60)
    assert error == b""
    assert json.loads(out)["file"] == str(odd)


def test_many_photographs_of_one_name(photos: Path) -> None:
    sources, *_ = _find([photos / "a.jpg"] * 20_000)
    assert len({source.picture for source in sources}) == 20_000
    assert sources[-1].picture == Path("a-20000.jpg")


def test_annotating_into_a_file_is_an_error(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "taken").write_text("")
    assert predict(ASTRONAUT, "--annotate", tmp_path / "taken") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_info(capsys: Captured) -> None:
    assert main(["info", "--bundle", str(FOLDER)]) == 0
    out = capsys.readouterr().out
    assert "tiny 1: A toy model" in out
    assert "toy all: accuracy 0.125 (fp32; n=8" in out
    assert main(["info", "--bundle", str(FOLDER), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["emotions"] == EMOTIONS


def test_verify(tmp_path: Path, capsys: Captured) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "tiny"))
    edit_manifest(folder, lambda raw: raw["artifacts"].pop())  # ExecuTorch is slow to start
    assert main(["verify", "--bundle", str(folder)]) == 0
    out = capsys.readouterr().out
    assert len(re.findall(r"^  OK ", out, re.MULTILINE)) == 6
    (folder / "tiny.tflite").write_bytes(b"x" * (folder / "tiny.tflite").stat().st_size)
    assert main(["verify", "--bundle", str(folder)]) == 1
    captured = capsys.readouterr()
    assert re.search(r"^  FAILED  tiny\.tflite .*sha256 is", captured.out, re.MULTILINE)
    assert "2 of 6 checks failed" in captured.err


def test_bundle_that_cannot_be_used(capsys: Captured) -> None:
    assert main(["predict", str(ASTRONAUT), "--bundle", "no-such-bundle"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mf2-edge: no-such-bundle: no bundle of that name")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["predict"],
        ["dance"],
        ["predict", "a", "--threads", "0"],
        ["predict", "a", "--threads", "x"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: mf2-edge" in capsys.readouterr().err


def test_json_and_csv_exclude_each_other(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        predict(ASTRONAUT, "--json", "--csv")
    assert "not allowed with argument" in capsys.readouterr().err


def test_version_and_help_load_no_framework() -> None:
    code = (
        "import sys\n"
        "from mf2_edge.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "print(sorted({'numpy', 'cv2', 'PIL', 'torch', 'ai_edge_litert'} & set(sys.modules)))"
    )
    for arguments in (["--version"], ["--help"], ["predict", "--help"]):
        run = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
        )
        assert run.stdout.endswith("[]\n"), run.stdout
        assert __version__ in run.stdout or "usage: mf2-edge" in run.stdout


def _start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "mf2_edge", *map(str, arguments), *TINY],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_reader_that_closes_the_pipe() -> None:
    process = _start("predict", *[ASTRONAUT] * 60, "--jsonl")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in error
    assert "BrokenPipe" not in error


def test_a_reader_that_closes_the_pipe_of_the_bench(tmp_path: Path) -> None:
    """Under its longer name, too; the files that were asked for are there."""
    page = tmp_path / "page.html"
    words = ("mf2_edge.bench", "--device", "iphone", "--html", page)
    with subprocess.Popen(
        [sys.executable, "-m", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert page.stat().st_size > 1000


def test_ctrl_c(tmp_path: Path) -> None:
    process = _start("predict", *[ASTRONAUT] * 2000, "--jsonl")
    assert process.stdout is not None
    process.stdout.readline()  # it is at work
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.decode().rstrip().endswith("mf2-edge: interrupted")
    assert "Traceback" not in error.decode()


def test_native_log_lines_are_held_back() -> None:
    process = _start("predict", ASTRONAUT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0
    assert error == b""
    assert b"1 face" in out
