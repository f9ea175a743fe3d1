"""The detectors that are compared, behind one function: RGB frame in, boxes and rolls out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import atan2, degrees
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.pipeline.detect import BlazeFaceDetector, FaceDetector, roll
from mf2_edge.pipeline.finder import YuNetDetector
from mf2_edge.types import Box

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Found:
    """One face: its box, and the turn of the line through its eyes, degrees clockwise as seen."""

    box: Box
    turn: float
    doubtful: bool = False


Detect = Callable[[Image], list[Found]]

OURS: Final[dict[str, Callable[[], FaceDetector]]] = {
    "default": YuNetDetector,
    "fast": lambda: YuNetDetector(fast=True),
    "upright": lambda: YuNetDetector(turned_frames="none"),
    "blazeface-adaptive": lambda: BlazeFaceDetector(search="adaptive"),
    "blazeface-exhaustive": lambda: BlazeFaceDetector(search="exhaustive"),
    "blazeface-single": lambda: BlazeFaceDetector(search="single"),
}
"""`blazeface-adaptive` was the default before."""

OPENCV: Final = "opencv-yunet"
OPENCV_SCORE: Final = 0.6


def open_detector(name: str, opencv_model: Path | None) -> Detect:
    """A detector by name; `opencv_model` is the .onnx of YuNet n for OpenCV's own decoder."""
    if name == OPENCV:
        if opencv_model is None:
            raise SystemExit(f"{OPENCV} needs --opencv-model yunet_n_640_640.onnx")
        return _opencv(opencv_model)
    detector = OURS[name]()

    def detect(frame: Image) -> list[Found]:
        found = detector.detect(frame)
        return [Found(face.box, degrees(roll(face)), face.doubtful) for face in found]

    return detect


def _opencv(model: Path) -> Detect:
    network = cv2.FaceDetectorYN.create(str(model), "", (640, 640), OPENCV_SCORE, 0.3)
    cv2.setNumThreads(1)

    def detect(frame: Image) -> list[Found]:
        scale = min(1.0, 640 / max(frame.shape[:2]))
        size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        image = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
        network.setInputSize(size)
        _, rows = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        found = []
        for row in [] if rows is None else (rows / scale).tolist():
            x, y, width, height, right_x, right_y, left_x, left_y = row[:8]
            turn = degrees(atan2(left_y - right_y, left_x - right_x))
            found.append(Found(Box(x, y, width, height), turn))
        return found

    return detect
