"""The pictures of a data set, decoded, and the face in each."""

from __future__ import annotations

from math import ceil, floor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from distill.datasets import LabelledFace
from distill.datasets.tree import open_tree
from distill.datasets.video import Video
from mf2_edge.bundle.schema import AlignmentSpec
from mf2_edge.pipeline.align import align, resize_crop
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.types import Box, Detection


class PictureError(ValueError):
    """A picture of a data set is damaged, or not one."""


class Pictures:
    """Reads the pictures of the data set at `root`; frames of a video are quick in order."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tree = open_tree(root)
        self._video: Video | None = None

    def read(self, face: LabelledFace) -> NDArray[np.uint8]:
        """The picture that a face is in, uint8 RGB [H, W, 3]."""
        if face.video_frame is not None:
            path = self._tree.path(face.name)
            if self._video is None or self._video.path != path:
                self._video = Video(path)
            return self._video.read(face.video_frame)
        encoded = np.frombuffer(self._tree.read(face.name), dtype=np.uint8)
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if len(encoded) else None
        if decoded is None:
            raise PictureError(
                f"{face.name} in {self._root} is not a picture that OpenCV reads: "
                "get it from the data set's owner again"
            )
        return np.asarray(decoded, dtype=np.uint8)


def align_face(
    picture: NDArray[np.uint8],
    face: LabelledFace,
    detector: BlazeFaceDetector,
    spec: AlignmentSpec,
    margin: int = 0,
) -> tuple[NDArray[np.uint8], bool]:
    """The face brought to the template as the analyzer would, and whether landmarks were found.

    Where they were not, its box (or the whole picture) is resized as it is.
    """
    found = _find(picture, face, detector)
    if found is None or found.landmarks is None:
        return resize_crop(_cut(picture, face.box), spec, margin), False
    return align(picture, found.landmarks, spec, margin), True


def _find(
    picture: NDArray[np.uint8], face: LabelledFace, detector: BlazeFaceDetector
) -> Detection | None:
    """In a whole frame the largest face; a crop or a box is taken for a face and looked into."""
    if face.whole_frame and (faces := detector.detect(picture)):
        return faces[0]
    height, width = picture.shape[:2]
    return detector.refine(picture, face.box or Box(0, 0, width, height))


def _cut(picture: NDArray[np.uint8], box: Box | None) -> NDArray[np.uint8]:
    if box is None:
        return picture
    height, width = picture.shape[:2]
    x, y = min(max(floor(box.x), 0), width - 1), min(max(floor(box.y), 0), height - 1)
    return picture[
        y : max(y + 1, ceil(box.y + box.height)), x : max(x + 1, ceil(box.x + box.width))
    ]
