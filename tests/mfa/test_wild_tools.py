"""Coding more faces: sheets, what coders write, its files, and how well coders agree."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from distill.datasets.wild import UNITS, CodesError, load_codes
from distill.datasets.wild.files import write_lines
from distill.mfa.cli import main
from distill.mfa.errors import MfaError
from distill.mfa.wild.agreement import agreement, kappa, with_humans
from distill.mfa.wild.coded import Control, join, read_controls
from distill.mfa.wild.figures import Figures, gather_figures
from distill.mfa.wild.sheets import KEY, SheetLayout, draw_sheet
from tests.helpers.wild import coding_of, face_of, write_face, write_rafdb

ROOT = Path(__file__).parents[2]


def _write_list(path: Path, rows: Sequence[str], header: str = "") -> Path:
    header = header or "path,set,image,chosen,age,gender,race,human_action_units"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A list of seven faces, the last a control, and their pictures: squares of 10, 20, ..., 70."""
    rows = []
    for number in range(1, 8):
        write_face(tmp_path / f"set/train/{number}.jpg", 10 * number)
        rows.append(f"train/{number}.jpg,fairface,train/{number}.jpg,unit 9,20-29,Male,White,")
    rows[-1] = "train/7.jpg,ckplus,apex/1.png,control,,,,6 12"
    return _write_list(tmp_path / "list.csv", rows)


def _sheets(faces: Path, *more: str) -> int:
    folder = faces.parent
    paths = [str(faces), "--root", str(folder / "set"), "--out", str(folder / "out")]
    return main(["sheets", *paths, *more])


def test_sheets_show_every_face_once_under_an_id_that_says_nothing(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sheets(faces, "--side", "64", "--seed", "3") == 0
    assert "7 faces on 2 sheets" in capsys.readouterr().out
    out = faces.parent / "out"
    with (out / KEY).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"p{place:04d}" for place in range(7)]
    paths = [row["path"] for row in rows]
    assert sorted(paths) == [f"train/{number}.jpg" for number in range(1, 8)] != paths
    sheets = [cv2.imread(str(path)) for path in sorted((out / "sheets").iterdir())]
    assert len(sheets) == 2
    for place, row in enumerate(rows):
        sheet = sheets[place // 6]
        assert sheet is not None
        down, across = divmod(place % 6, 3)
        middle = sheet[down * 90 + 24 + 32, across * 70 + 32]
        number = int(row["path"].removeprefix("train/").removesuffix(".jpg"))
        np.testing.assert_allclose(middle, 10 * number, atol=2)
    assert sheets[1] is not None
    assert (sheets[1][:, 75:] == 255).all()  # the second sheet has one face


def test_a_face_keeps_its_shape_on_a_sheet_and_the_id_stands_above_it() -> None:
    tall = np.zeros((200, 100, 3), np.uint8)
    sheet = draw_sheet([("p0001", tall)], SheetLayout(1, 1, 100))
    black = (sheet == 0).all(axis=2)
    assert black.sum() == pytest.approx(100 * 50, rel=0.02)
    assert black[24:124, :50].all()
    assert (sheet[:22] < 255).any()


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        ([], "", "names no face"),
        (["x"], "path", "no column chosen or image or set"),
        (["train/1.jpg,fairface,train/1.jpg,x,,,,"] * 2, "", "names train/1.jpg twice"),
        (["train/9.jpg,fairface,train/9.jpg,x,,,,"], "", "names train/9.jpg, which is not below"),
    ],
)
def test_a_list_without_faces_to_show_is_refused(
    rows: list[str],
    header: str,
    message: str,
    faces: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _write_list(faces, rows, header)
    assert _sheets(faces) == 2
    assert message in capsys.readouterr().err
    assert not (faces.parent / "out" / KEY).exists()


def test_sheets_that_coders_may_be_at_work_on_stay(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _sheets(faces) == 0
    key = (faces.parent / "out" / KEY).read_bytes()
    assert _sheets(faces, "--seed", "1") == 2
    assert "has a key.csv already" in capsys.readouterr().err
    assert (faces.parent / "out" / KEY).read_bytes() == key
    with pytest.raises(MfaError, match="0 x 2 faces of 340 px"):
        SheetLayout(columns=0)


def _line(name: str, **changes: object) -> str:
    fields = {"aus": {"12": 1}, "unsure": [], "hidden": [], "emotion": "happiness"}
    return json.dumps({"id": name, **fields, "emotion2": None, "emotion_strength": 1, **changes})


def _write_coder(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_coders_wrote_becomes_codes_and_controls(
    faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _sheets(faces)
    folder = faces.parent
    key = folder / "out" / KEY
    names = [f"p{place:04d}" for place in range(7)]
    first = _write_coder(folder / "a.jsonl", [_line(name, text="A smile.") for name in names])
    second = _write_coder(folder / "b.jsonl", [_line(name, aus={}) for name in names[:4]])
    command = ["codes", "--key", str(key), "--coder-a", str(first), "--coder-b", str(second)]
    command += ["--part", "codes-001", "--coder", "two people", "--folder", str(folder / "wild")]
    assert main(command) == 2
    assert "1 of the faces are controls" in capsys.readouterr().err
    assert main([*command, "--controls", str(folder / "controls.jsonl")]) == 0
    coded = load_codes(folder / "wild")
    assert [face.image for face in coded] == [f"train/{number}.jpg" for number in range(1, 7)]
    assert {(face.chosen, face.race, face.coder_a.text) for face in coded} == {
        ("unit 9", "White", "A smile.")
    }
    [control] = read_controls(folder / "controls.jsonl")
    assert (control.set, control.image) == ("ckplus", "apex/1.png")
    assert control.human_action_units == ("6", "12")
    batch = join(key, first, second)
    codings = [face.coder_b for face in batch.faces] + [one.coder_b for one in batch.controls]
    second_said = [coding.strength("AU12") for coding in codings if coding is not None]
    assert second_said == [0] * 4
    # The same faces again, from lines of coded faces.
    lines = folder / "coded.jsonl"
    lines.write_bytes(write_lines(coded))
    again = ["--part", "x", "--coder", "two people", "--folder", str(folder / "again")]
    assert main(["codes", str(lines), *again]) == 0
    assert load_codes(folder / "again") == coded


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([_line("p0000"), _line("p0000")], "line 2 of .* is of p0000, which the coder wrote"),
        ([_line("p0009")], "is of 'p0009', which the key does not have"),
        ([_line("p0000", aus={"12": 5})], r"line 1 of .*a\.jsonl: .*aus"),
        (["{"], r"line 1 of .*a\.jsonl"),
    ],
)
def test_lines_that_no_coder_should_have_written_are_named(
    lines: list[str], message: str, faces: Path
) -> None:
    _sheets(faces)
    path = _write_coder(faces.parent / "a.jsonl", lines)
    with pytest.raises(CodesError, match=message):
        join(faces.parent / "out" / KEY, path)


@pytest.mark.parametrize("more", [[], ["x.jsonl", "--key", "k"], ["--key", "k"]])
def test_codes_come_from_one_place(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["codes", *more, "--part", "x", "--coder", "y"]) == 2
    assert "give either a file of coded faces" in capsys.readouterr().err


def test_kappa_is_what_scikit_learn_says() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 500)
    second = np.where(rng.random(500) < 0.7, first, rng.integers(0, 3, 500))
    weighted = cohen_kappa_score(first, second, weights="quadratic")
    assert kappa(first, second) == pytest.approx(weighted)
    assert kappa(first > 0, second > 0) == pytest.approx(cohen_kappa_score(first > 0, second > 0))
    names = np.array(["neutral", "anger", "fear"])
    plain = cohen_kappa_score(first, second)
    assert kappa(names[first], names[second]) == pytest.approx(plain)
    assert kappa(np.zeros(4), np.zeros(4)) is None
    assert kappa(first[:0], second[:0]) is None


def test_undecided_units_count_on_neither_side() -> None:
    faces = [
        face_of("train/1.jpg", coding_of({12: 2}), coding_of({12: 1}, emotion="happiness")),
        face_of("train/2.jpg", coding_of({12: 1}), coding_of(unsure=[12])),
        face_of("train/3.jpg", coding_of(), coding_of({12: 1}, hidden=["mouth"])),
        face_of("train/4.jpg", coding_of(), coding_of()),
        face_of("train/5.jpg", coding_of({12: 1})),
    ]
    agreed = agreement(faces)
    assert agreed.n == 4
    smile = agreed.units[UNITS.index("AU12")]
    assert (smile.decided, smile.first, smile.second, smile.both) == (2, 1, 1, 1)
    assert smile.kappa == pytest.approx(1)
    assert smile.strength_kappa == pytest.approx(2 / 3)  # 2 against 1, and 0 against 0
    assert smile.kappa_all == pytest.approx(0.5)  # 1 1 0 0 against 1 0 0 0
    assert agreed.positive == 1
    assert agreed.same_emotion == 0.75


def test_coders_beside_human_codes() -> None:
    controls = [
        Control("ckplus", "1.png", "control", ("6", "12"), coding_of({12: 2, 4: 1, 43: 1})),
        Control("ckplus", "2.png", "control", ("4",), coding_of({4: 1}), coding_of(unsure=[4])),
    ]
    first, second = with_humans(controls)
    assert (first.coder, first.n, second.coder, second.n) == ("A", 2, "B", 1)
    assert first.micro_f1 == pytest.approx(2 * 2 / (3 + 3))  # AU43 has no human codes
    assert (second.micro_f1, second.decided_f1) == (0, 0)
    brow = next(unit for unit in first.units if unit.unit == "AU4")
    assert (brow.human, brow.coder, brow.both) == (1, 2, 1)
    assert brow.f1 == pytest.approx(2 / 3)
    said = {code.said: (code.n, code.human) for code in first.codes}
    assert (said["slight"], said["marked"], said["undecided"]) == ((2, 1), (1, 1), (0, 0))
    assert {code.said: code.human for code in second.codes}["undecided"] == 1


def test_the_command_writes_what_it_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    happy = coding_of({12: 2}, emotion="happiness", emotion2="surprise")
    faces = [
        face_of("train/1.jpg", happy, happy, chosen="balanced", gender="Male"),
        face_of("train/2.jpg", coding_of(), coding_of({12: 1}), chosen="unit 12"),
        face_of("train_00001.jpg", happy, set="rafdb"),
        face_of("train_00002.jpg", happy, set="rafdb"),
    ]
    lines = tmp_path / "coded.jsonl"
    lines.write_bytes(write_lines(faces))
    write_rafdb(tmp_path / "raf", {"train_00001.jpg": 4, "train_00002.jpg": 1})
    control = Control("ckplus", "1.png", "control", ("12",), happy)
    (tmp_path / "controls.jsonl").write_bytes(msgspec.json.encode(control) + b"\n")
    command = ["agreement", str(lines), "--controls", str(tmp_path / "controls.jsonl")]
    command += ["--rafdb", str(tmp_path / "raf"), "--write", str(tmp_path / "figures.json")]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "2 faces coded twice" in printed
    assert re.search(r"^AU12 +2 +1 +2 +1 +\.00 +\.00$", printed, flags=re.MULTILINE)
    assert "coder A with human codes: micro F1 1.000 on 1 controls" in printed
    assert "coder A with RAF-DB's labels: 50.0%, first or second 100.0%, n = 2" in printed
    figures = msgspec.json.decode((tmp_path / "figures.json").read_bytes(), type=Figures)
    assert figures.chosen == {"random": 2, "balanced": 1, "unit": 1}
    assert (figures.rates.n, figures.rates.emotions["happiness"]) == (3, 3)
    assert (figures.runner_up.n, figures.runner_up.first) == (2, 2)
    assert [(one.label, one.group, one.n) for one in figures.groups] == [("gender", "Male", 1)]


def test_agreement_needs_two_coders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / "coded.jsonl"
    lines.write_bytes(write_lines([face_of("train/1.jpg", coding_of())]))
    assert main(["agreement", str(lines)]) == 2
    assert "no face here has two coders" in capsys.readouterr().err


def test_the_figures_of_the_data_card_are_those_of_the_codes() -> None:
    """All but those that need CK+ and RAF-DB, which do not come with the project."""
    written = msgspec.json.decode(
        (ROOT / "benchmarks/results/mfa-wild.json").read_bytes(), type=Figures
    )
    measured = gather_figures(load_codes())
    for field in ("codes_sha256", "faces", "chosen", "runner_up", "groups", "rates", "agreement"):
        assert getattr(measured, field) == getattr(written, field), field
    assert [one.coder for one in written.humans] == ["A", "B"]
    assert [one.coder for one in written.rafdb_labels] == ["A", "B"]


def test_the_guide_names_every_unit_that_is_coded() -> None:
    text = (ROOT / "docs" / "coding-guide.md").read_text()
    named = re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)
    assert [f"AU{number}" for number in named] == list(UNITS)
