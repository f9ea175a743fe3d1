"""Small synthetic data sets, file by file in the official layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

SAMPLE = Path(__file__).parents[2] / "mf2_edge" / "samples" / "astronaut.jpg"


def write_picture(path: Path, value: int = 0, side: int = 48) -> None:
    """A grey square; tests that read pixels know it by its value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((side, side, 3), value, np.uint8))


def write_text(path: Path, *lines: str) -> None:
    """A file of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_video(path: Path, values: Sequence[int], side: int = 64) -> None:
    """A video of grey frames, one a value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20, (side, side))
    assert writer.isOpened()
    for value in values:
        writer.write(np.full((side, side, 3), value, np.uint8))
    writer.release()


def ckplus_official(root: Path) -> None:
    """Two sequences of S005, the second without an emotion label; one of S010 without codes."""
    for subject, sequence, count in (("S005", "001", 3), ("S005", "002", 2), ("S010", "001", 2)):
        for frame in range(1, count + 1):
            name = f"{subject}_{sequence}_{frame:08d}"
            write_picture(root / "cohn-kanade-images" / subject / sequence / f"{name}.png")
    codes = root / "FACS/S005"
    write_text(
        codes / "001/S005_001_00000003_facs.txt",
        "   4.0000000e+00   4.0000000e+00",
        "   1.7000000e+01   0.0000000e+00",
    )
    write_text(codes / "002/S005_002_00000002_facs.txt", "   1.2000000e+01   3.0000000e+00")
    write_text(root / "Emotion/S005/001/S005_001_00000003_emotion.txt", "   1.0000000e+00")
    (root / "Emotion/S005/002").mkdir()


def affectnet_lists(root: Path, header: bool = True) -> None:
    """The first release: eleven expressions in the training list, one picture missing."""
    columns = (
        "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,"
        "expression,valence,arousal"
    )
    for split, labels in (("training", range(11)), ("validation", (0, 7))):
        rows = [columns] if header else []
        for label in labels:
            path = f"{split[:2]}/{label}.jpg"
            write_picture(root / "Manually_Annotated_Images" / path, side=60)
            rows.append(f"{path},5,6,40,42,1.0;2.0;3.0,{label},-0.1,0.2")
        rows.append("aa/gone.jpg,5,6,40,42,1.0;2.0,3,0,0")
        write_text(root / "Manually_Annotated_file_lists" / f"{split}.csv", *rows)


def affectnet_crops(root: Path) -> None:
    """The later release: crops, and labels as strings in .npy files."""
    for split, labels in (("train_set", range(8)), ("val_set", (0, 1, 2, 3, 4, 5, 6, 7, 1, 7))):
        for number, label in enumerate(labels):
            write_picture(root / split / "images" / f"{number}.jpg", value=20 * label)
            annotations = root / split / "annotations"
            annotations.mkdir(parents=True, exist_ok=True)
            np.save(annotations / f"{number}_exp.npy", np.array(str(label)))
            np.save(annotations / f"{number}_val.npy", np.array("0.5"))


def disfa_labels(root: Path, labels: Mapping[str, Mapping[int, Sequence[int]]]) -> None:
    """Intensities by subject and unit, a frame each."""
    for subject, units in labels.items():
        for unit, intensities in units.items():
            lines = [f"{frame},{i}" for frame, i in enumerate(intensities, start=1)]
            write_text(root / f"ActionUnit_Labels/{subject}/{subject}_au{unit}.txt", *lines)


def bp4d_codes(root: Path, sequence: str, units: Sequence[int], rows: Sequence[str]) -> None:
    """Occurrence codes of one sequence, "F001_T1"."""
    write_text(root / f"AUCoding/AU_OCC/{sequence}.csv", ",".join(map(str, (0, *units))), *rows)


def affwild2(root: Path) -> None:
    """One video a split for each of both challenges; frame 2 of `one` was not tracked."""
    annotations = root / "6th ABAW Annotations"
    units = "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26"
    codes = ["1,0,0,0,0,0,0,0,0,0,1,0", "0," * 11 + "0", "-1," * 11 + "-1", "1,-1" + ",0" * 10]
    write_text(annotations / "AU_Detection_Challenge/Train_Set/one.txt", units, *codes)
    write_text(annotations / "AU_Detection_Challenge/Validation_Set/2_left.txt", units, *codes)
    emotions = "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
    expressions = annotations / "EXPR_Recognition_Challenge"
    write_text(expressions / "Train_Set/one.txt", emotions, "0", "1", "-1", "7")
    write_text(expressions / "Validation_Set/2_left.txt", emotions, "4", "6", "7", "5")
    for frame in (1, 3, 4):
        write_picture(root / f"batch1/cropped_aligned/one/{frame:05d}.jpg")
    for frame in (1, 2, 3, 4):
        write_picture(root / f"batch2/cropped_aligned_new_50_vids/2_left/{frame:05d}.jpg")
