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

from mf2_edge.pipeline.activations import sigmoid
from mf2_edge.pipeline.blazeface import merge
from mf2_edge.pipeline.detect import BlazeFaceDetector, FaceDetector, roll
from mf2_edge.pipeline.finder import YuNetDetector
from mf2_edge.runtime.litert import LiteRTRuntime
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
MEDIAPIPE: Final = "mediapipe-full-range"
"""MediaPipe's short range is `blazeface-single` without the second look at its landmarks."""
MEDIAPIPE_SCORE: Final = 0.6
PEERS: Final = {
    OPENCV: "yunet_n_640_640.onnx",
    MEDIAPIPE: "face_detection_full_range_sparse.tflite",
}
"""Detectors of others, and the file that each needs: of YuNet's authors, and of the npm package
@mediapipe/face_detection."""


def open_detector(name: str, peer_files: dict[str, Path]) -> Detect:
    """A detector by name; `peer_files` has the model files of `PEERS`."""
    if name in PEERS:
        if name not in peer_files:
            raise SystemExit(f"{name} needs --peer {name}=.../{PEERS[name]}")
        return (_opencv if name == OPENCV else _full_range)(peer_files[name])
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


def _full_range(model: Path) -> Detect:
    """MediaPipe's full-range face detector: one view of 192 px, one anchor a cell of 4 px."""
    side, stride = 192, 4
    runtime = LiteRTRuntime(model.read_bytes())
    cells = np.arange(side // stride) * stride + stride / 2
    anchors = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 1, 2)

    def detect(frame: Image) -> list[Found]:
        longer = max(frame.shape[:2])
        square = np.zeros((longer, longer, 3), np.uint8)
        square[: frame.shape[0], : frame.shape[1]] = frame
        view = cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
        outputs = {out.shape[-1]: out[0] for out in runtime.run(view[None] / np.float32(127.5) - 1)}
        scores = sigmoid(outputs[1][:, 0].astype(np.float64))
        chosen = np.flatnonzero(scores >= MEDIAPIPE_SCORE)
        values = outputs[16].reshape(-1, 8, 2)[chosen].astype(np.float64)
        points = values + anchors[chosen]
        points[:, 1] = values[:, 1]  # a size, not a position
        found = []
        for face, _ in merge(points, scores[chosen], 0.3):
            (x, y), (width, height), right, left = (face[:4] * longer / side).tolist()
            turn = degrees(atan2(left[1] - right[1], left[0] - right[0]))
            found.append(Found(Box(x - width / 2, y - height / 2, width, height), turn))
        return found

    return detect
