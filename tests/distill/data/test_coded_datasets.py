"""Data sets with Action Units frame by frame: what is present, what is absent, what is unknown."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from distill.datasets import (
    LayoutError,
    read_affwild2_au,
    read_affwild2_expr,
    read_bp4d,
    read_disfa,
)
from distill.datasets.labelled import LabelledFace
from distill.datasets.readers.bp4d import BP4D_FOLDS
from distill.datasets.readers.disfa import DISFA_FOLDS
from distill.datasets.tree import ArchiveError, open_tree
from distill.datasets.video import VideoError, count_frames
from distill.faces.pictures import PictureError, Pictures
from tests.helpers.dataset_trees import (
    affwild2,
    bp4d_codes,
    disfa_labels,
    write_picture,
    write_text,
    write_video,
)


def test_a_unit_is_absent_only_if_somebody_looked_for_it() -> None:
    units = ("AU1", "AU2", "AU4")
    some = LabelledFace("a", "dev", action_units=frozenset({"AU1"}), coded=frozenset(units[:2]))
    np.testing.assert_array_equal(some.unit_labels(units), [1, 0, np.nan])
    facs = LabelledFace("a", "dev", action_units=frozenset({"AU1"}))
    np.testing.assert_array_equal(facs.unit_labels(units), [1, 0, 0])
    nobody = LabelledFace("a", "train")
    assert np.isnan(nobody.unit_labels(units)).all()


@pytest.mark.parametrize(
    ("pattern", "first"),
    [("img/{0}/{1}.png", 0), ("LeftVideo{0}_comp/LeftVideo{0}_comp_{1:04d}.jpg", 1)],
)
def test_disfa_pictures_from_0_or_from_1(tmp_path: Path, pattern: str, first: int) -> None:
    disfa_labels(
        tmp_path, {"SN001": {1: (0, 2, 5), 25: (1, 0, 3)}, "SN002": {1: (0, 0, 4), 25: (2, 2)}}
    )
    for subject in ("SN001", "SN002"):
        for frame in range(3):
            write_picture(tmp_path / pattern.format(subject, frame + first), value=50 * frame)
    faces = list(read_disfa(open_tree(tmp_path)))
    assert [(face.subject, sorted(face.action_units or ())) for face in faces] == [
        ("SN001", []),
        ("SN001", ["AU1"]),
        ("SN001", ["AU1", "AU25"]),
        ("SN002", ["AU25"]),
        ("SN002", ["AU25"]),
        ("SN002", ["AU1"]),
    ]
    # The last frame of SN002 has no label for AU25, and nobody coded AU12 anywhere.
    np.testing.assert_array_equal(
        faces[-1].unit_labels(("AU1", "AU25", "AU12")), [1, np.nan, np.nan]
    )
    assert [int(Pictures(tmp_path).read(face).mean()) for face in faces[:3]] == [0, 50, 100]


def test_disfa_videos_are_read_in_place(tmp_path: Path) -> None:
    disfa_labels(tmp_path, {"SN001": {1: (0, 3, 0, 0, 5)}})  # one label more than there are frames
    video = tmp_path / "Videos_LeftCamera/leftVideoSN001_Comp.avi"  # as some of the files are named
    write_video(video, values=(10, 80, 150, 220))
    write_video(tmp_path / "Videos_RightCamera/RightVideoSN001_comp.avi", values=(0,) * 5)
    faces = list(read_disfa(open_tree(tmp_path)))
    assert [face.identity for face in faces] == [
        f"Videos_LeftCamera/leftVideoSN001_Comp.avi#{frame}" for frame in range(4)
    ]
    assert [bool(face.action_units) for face in faces] == [False, True, False, False]
    pictures = Pictures(tmp_path)
    for place in (0, 1, 3, 2, 0):  # on, further on, and back
        assert pictures.read(faces[place]).mean() == pytest.approx(10 + 70 * place, abs=3)
    past = LabelledFace(faces[0].name, "dev", video_frame=4)
    with pytest.raises(VideoError, match="ends before frame 4"):
        pictures.read(past)


def test_videos_in_an_archive_are_refused_with_what_to_do(tmp_path: Path) -> None:
    disfa_labels(tmp_path / "disfa", {"SN001": {1: (0, 3)}})
    write_video(tmp_path / "disfa/Videos_LeftCamera/LeftVideoSN001_comp.avi", values=(1, 2))
    with tarfile.open(tmp_path / "disfa.tar", "w") as tar:
        tar.add(tmp_path / "disfa", arcname=".")
    with pytest.raises(ArchiveError, match="unpack it"):
        list(read_disfa(open_tree(tmp_path / "disfa.tar")))


def test_disfa_refuses_two_pictures_of_a_frame_and_lines_it_cannot_read(tmp_path: Path) -> None:
    disfa_labels(tmp_path, {"SN001": {1: (0,)}})
    write_picture(tmp_path / "Left/SN001/1.png")
    write_picture(tmp_path / "Right/SN001/1.png")
    with pytest.raises(LayoutError, match="both frame 1 of SN001"):
        list(read_disfa(open_tree(tmp_path)))
    write_text(tmp_path / "ActionUnit_Labels/SN001/SN001_au1.txt", "1,0", "2;0")
    with pytest.raises(LayoutError, match=r"line 2 of ActionUnit_Labels.*'2;0'.*frame,intensity"):
        list(read_disfa(open_tree(tmp_path)))


def test_bp4d_codes_meet_pictures_by_number_and_9_is_unknown(tmp_path: Path) -> None:
    bp4d_codes(tmp_path, "F001_T1", (1, 2, 4), ["2440,1,0,9", "2441,0,0,0", "2499,1,1,1"])
    bp4d_codes(tmp_path, "M002_T8", (1, 2, 4), ["7,0,0,1"])
    write_text(tmp_path / "AUCoding/M002_T8.csv", "0,1", "7,1")  # AU_OCC wins
    for name in ("F001/T1/2440", "F001/T1/2441", "F001/T1/2442", "M002/T8/007"):
        write_picture(tmp_path / "2D+3D" / f"{name}.jpg")
    first, second, third = read_bp4d(open_tree(tmp_path))
    units = ("AU1", "AU2", "AU4", "AU12")
    np.testing.assert_array_equal(first.unit_labels(units), [1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(second.unit_labels(units), [0, 0, 0, np.nan])
    assert (third.name, third.subject) == ("2D+3D/M002/T8/007.jpg", "M002")
    assert third.action_units == frozenset({"AU4"})


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["frame,brow"], r"line 1 .*the numbers of units"),
        (["0,1,2", "1,0"], r"line 2 .*a frame and 2 codes"),
        (["0,1,2", "one,0,0"], r"line 2 .*a frame and 2 codes"),
    ],
)
def test_bp4d_names_the_line_that_it_cannot_read(
    tmp_path: Path, lines: list[str], problem: str
) -> None:
    write_text(tmp_path / "AUCoding/F001_T1.csv", *lines)
    write_picture(tmp_path / "F001/T1/1.jpg")
    with pytest.raises(LayoutError, match=problem):
        list(read_bp4d(open_tree(tmp_path)))


def test_affwild2_units(tmp_path: Path) -> None:
    affwild2(tmp_path)
    faces = list(read_affwild2_au(open_tree(tmp_path)))
    units = ("AU1", "AU2", "AU25")
    found = [(face.split, face.subject, face.name[-9:], face.unit_labels(units)) for face in faces]
    nan = np.nan
    expected = [
        ("train", "one", "00001.jpg", [1, 0, 1]),
        ("train", "one", "00004.jpg", [1, nan, 0]),  # frame 2 has no picture, 3 no code
        ("valid", "2_left", "00001.jpg", [1, 0, 1]),
        ("valid", "2_left", "00002.jpg", [0, 0, 0]),
        ("valid", "2_left", "00004.jpg", [1, nan, 0]),
    ]
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    np.testing.assert_array_equal([row[3] for row in found], [row[3] for row in expected])


def test_affwild2_expressions(tmp_path: Path) -> None:
    affwild2(tmp_path)
    faces = list(read_affwild2_expr(open_tree(tmp_path)))
    assert [(face.split, face.name[-9:], face.emotion) for face in faces] == [
        ("train", "00001.jpg", "neutral"),
        ("valid", "00001.jpg", "happiness"),
        ("valid", "00002.jpg", "surprise"),
        ("valid", "00004.jpg", "sadness"),
    ]


def test_affwild2_names_the_line_that_it_cannot_read(tmp_path: Path) -> None:
    affwild2(tmp_path)
    [file] = tmp_path.rglob("AU_Detection_Challenge/Train_Set/one.txt")
    write_text(file, "AU1,AU2", "0,1,1")
    with pytest.raises(LayoutError, match=r"line 2 of .*one.txt is '0,1,1'; expected 2"):
        list(read_affwild2_au(open_tree(tmp_path)))


@pytest.mark.parametrize(("folds", "subjects"), [(DISFA_FOLDS, 27), (BP4D_FOLDS, 41)])
def test_published_folds_share_no_subject(folds: tuple[frozenset[str], ...], subjects: int) -> None:
    assert len(folds) == 3
    assert sum(map(len, folds)) == len(frozenset().union(*folds)) == subjects


def test_what_is_no_picture_or_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    for name in ("text.jpg", "empty.jpg"):
        with pytest.raises(PictureError, match=name):
            Pictures(tmp_path).read(LabelledFace(name, "train"))
    (tmp_path / "text.avi").write_text("no video")
    with pytest.raises(VideoError, match=r"text\.avi is not a video"):
        count_frames(tmp_path / "text.avi")
