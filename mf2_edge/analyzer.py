"""The analyzer: from a frame to the state of every face in it.

`FaceStateAnalyzer` runs the stages in order; each can also be called by itself:
`detector.detect`, `align`, `preprocess`, `runtime.run`, `decoder.decode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from math import ceil, floor, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.errors import ChecksumError, FrameError
from mf2_edge.io.frames import ColorOrder, ImageLike, check_boxes, check_crop, check_frame
from mf2_edge.pipeline.align import align, resize_crop
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.pipeline.detect import BlazeFaceDetector, FaceDetector, detect_checked
from mf2_edge.pipeline.finder import YuNetDetector
from mf2_edge.pipeline.pose import head_pose
from mf2_edge.pipeline.preprocess import to_input
from mf2_edge.pipeline.quality import LOW, face_quality, with_visibility
from mf2_edge.pipeline.task_head import TaskHead
from mf2_edge.runtime.select import RuntimeName, choose_artifact, open_artifact
from mf2_edge.types import Box, Detection, FaceState, Landmarks, Reason, Status

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Precision
    from mf2_edge.stream import FaceStateStream
    from mf2_edge.tracking.baseline import Baseline


class FaceStateAnalyzer:
    """Emotion and Action Units of the faces in single images. Stateless between calls.

    `bundle` is a bundle's name, its folder, or a loaded `Bundle`; None is the one that ships.
    `sha256` pins the bundle by that of its `manifest.json` (docs/security.md).
    `runtime` "auto" takes the first installed engine with an artifact in the bundle; `precision`
    None the first such artifact. `num_threads` holds for each network. `detector` replaces
    `YuNetDetector()`, whose options say how small, how many and how surely faces are found; where
    its faces carry no landmarks, BlazeFace finds them inside its boxes. `heads`
    are folders of heads for other tasks (`python -m exporters head`), which answer in
    `FaceState.tasks`. `include_experimental` adds the Action Units that the manifest calls
    experimental, because they could not be shown reliable.

    Raises BundleError (ManifestError, ChecksumError) if the bundle cannot be used and
    RuntimeUnavailableError if no engine can run it.
    """

    def __init__(
        self,
        bundle: str | Path | Bundle | None = None,
        *,
        sha256: str | None = None,
        runtime: RuntimeName = "auto",
        precision: Precision | None = None,
        num_threads: int = 1,
        detector: FaceDetector | None = None,
        heads: Iterable[str | Path] = (),
        include_experimental: bool = False,
    ) -> None:
        self.bundle = _opened(bundle, sha256)
        self.artifact = choose_artifact(self.bundle, runtime, precision)
        self.runtime = open_artifact(self.bundle, self.artifact, num_threads)
        self.decoder = Decoder(self.bundle.manifest, include_experimental=include_experimental)
        opened = [TaskHead(folder, self.bundle, self.artifact.format) for folder in heads]
        self.heads = {head.spec.task: head for head in opened}
        self.num_threads = num_threads
        self.detector = detector or YuNetDetector(num_threads=num_threads)

    def __repr__(self) -> str:
        manifest, artifact = self.bundle.manifest, self.artifact
        return (
            f"<FaceStateAnalyzer {manifest.name} {manifest.version}, "
            f"{artifact.format} {artifact.precision}>"
        )

    @property
    def units(self) -> tuple[str, ...]:
        """The Action Units of the results, in the manifest's order."""
        return self.decoder.units

    def predict(
        self,
        frame: ImageLike,
        *,
        color: ColorOrder = "bgr",
        boxes: Sequence[Box | tuple[float, float, float, float]] | NDArray[Any] | None = None,
    ) -> list[FaceState]:
        """The state of every face in a frame, largest face first; `[]` without a face.

        `frame` is a uint8 array [H, W, 3] in the channel order `color`, a PIL image, or the path
        of an image file (both know their own colours and EXIF orientation). `boxes` (pixels of
        the frame) skips detection: then there is one result a box, in the order of the boxes.

        Raises FrameError, ImageFileError or BoxError for input that cannot be analysed, and
        DetectionError where a detector of your own gives what cannot be a face.
        """
        image = check_frame(frame, color)
        if boxes is None:
            faces = detect_checked(self.detector, image)
            faces = sorted(faces, key=lambda face: face.box.area, reverse=True)
            return [self.analyze(image, face) for face in faces]
        checked = check_boxes(boxes, image.shape)
        return [self.analyze(image, Detection(box, score=1.0)) for box in checked]

    def predict_crops(
        self,
        crops: Iterable[ImageLike],
        *,
        color: ColorOrder = "bgr",
        align: bool = True,
    ) -> list[FaceState]:
        """The state of the one face in each crop: exactly one result a crop, in order.

        Crops may be of any size, grey ([H, W] or [H, W, 1]) and colour mixed. With `align` the
        landmarks are found inside the crop and brought to the template; a crop where none are
        found is resized as it is and says so in `status`. Without it crops are taken as aligned
        to the template already. Box and landmarks are in pixels of the crop.

        Raises FrameError or ImageFileError naming the index of a crop that cannot be analysed.
        """
        if isinstance(crops, np.ndarray) and crops.ndim <= 3 and crops.shape[-1:] in ((3,), (1,)):
            raise FrameError(
                f"crops is one image of shape {crops.shape}; expected a sequence of images: [crop]"
            )
        if isinstance(crops, str | Path) or not isinstance(crops, Iterable):
            raise FrameError(
                f"crops is {type(crops).__name__}; expected a sequence of images: [crop]"
            )
        return [
            self._analyze_crop(check_crop(crop, color, index), find_landmarks=align)
            for index, crop in enumerate(crops)
        ]

    def analyze(self, image: NDArray[np.uint8], face: Detection) -> FaceState:
        """One face of an RGB image; its landmarks are searched for if the detector gave none."""
        if face.landmarks is None:
            found = self.landmark_finder.refine(image, face.box)
            face = Detection(face.box, face.score, found.landmarks if found else None)
        aligned, status = self.align(image, face)
        return self._read_face(aligned, face, status)

    def stream(
        self, *, detect_every_ms: float = 200, baseline: Baseline | None = None
    ) -> FaceStateStream:
        """A stream of frames of one scene: track ids, smoothed answers, events of Action Units.

        Between searches for new faces, `detect_every_ms` apart, known ones are followed by one
        cheap look each. `baseline` is a person's resting face (`tracking/baseline.py`).

        Raises BaselineError for a baseline of another bundle.
        """
        from mf2_edge.stream import FaceStateStream

        return FaceStateStream(self, detect_every_ms=detect_every_ms, baseline=baseline)

    def align(self, image: NDArray[np.uint8], face: Detection) -> tuple[NDArray[np.uint8], Status]:
        """One face of an RGB image brought to the template, uint8 [H, W, 3], and how well it went.

        Without usable landmarks the box is resized as it is and the status says so.
        """
        spec = self.bundle.manifest.alignment
        if _usable(face.landmarks):
            small = min(face.box.width, face.box.height) < self._min_face_size
            return align(image, face.landmarks, spec), Status.SMALL if small else Status.OK
        return resize_crop(_cut(image, face.box), spec), Status.UNALIGNED

    def preprocess(self, aligned: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The network's input from an aligned face, in the layout of the artifact."""
        return to_input(aligned, self.bundle.manifest.preprocessing, self.artifact.layout)

    def info(self) -> dict[str, Any]:
        """What this analyzer runs, as plain values ready for JSON.

        `Bundle.info` (labels, licence of the weights, accuracy as measured), and the runtime with
        file, precision and sha256 of the artifact that it runs.
        """
        return self.bundle.info() | {
            "runtime": self.runtime.name,
            "artifact": self.artifact.file,
            "precision": self.artifact.precision,
            "sha256": self.artifact.sha256,
            "num_threads": self.num_threads,
        }

    def _analyze_crop(self, crop: NDArray[np.uint8], *, find_landmarks: bool) -> FaceState:
        whole = Detection(Box(0, 0, crop.shape[1], crop.shape[0]), score=1.0)
        if find_landmarks:
            face = self.landmark_finder.refine(crop, whole.box) or whole
            aligned, status = self.align(crop, face)
            return self._read_face(aligned, face, status)
        small = min(crop.shape[:2]) < self._min_face_size
        aligned = resize_crop(crop, self.bundle.manifest.alignment)
        return self._read_face(aligned, whole, Status.SMALL if small else Status.OK)

    def _read_face(self, aligned: NDArray[np.uint8], face: Detection, status: Status) -> FaceState:
        pose = head_pose(face.landmarks) if _usable(face.landmarks) else None
        quality = face_quality(aligned, face.box, pose)
        doubt = Reason.LOW_QUALITY if quality.overall < LOW or face.doubtful else None
        outputs = self.runtime.run(self.preprocess(aligned))
        emotion, action_units, visibility = self.decoder.decode(outputs, status, doubt)
        quality = with_visibility(quality, visibility)
        tasks = {task: head.answer(outputs) for task, head in self.heads.items()}
        return FaceState(
            face.box,
            face.landmarks,
            face.score,
            emotion,
            action_units,
            status,
            tasks,
            head_pose=pose,
            quality=quality,
            visibility=visibility,
        )

    @property
    def _min_face_size(self) -> float:
        return self.bundle.manifest.decoding.min_face_size

    @cached_property
    def landmark_finder(self) -> BlazeFaceDetector:
        """Finds landmarks inside boxes and crops; made when first needed."""
        if isinstance(self.detector, BlazeFaceDetector):
            return self.detector
        if isinstance(self.detector, YuNetDetector):
            return self.detector.landmarks
        return BlazeFaceDetector(num_threads=self.num_threads)


def _opened(bundle: str | Path | Bundle | None, sha256: str | None) -> Bundle:
    if not isinstance(bundle, Bundle):
        return load_bundle(bundle, sha256_of_manifest=sha256)
    if sha256 is not None and bundle.manifest_sha256 != sha256.lower():
        raise ChecksumError(
            f"bundle {bundle.manifest.name}: sha256 of the manifest is {bundle.manifest_sha256}, "
            f"pinned is {sha256}"
        )
    return bundle


def _usable(landmarks: Landmarks | None) -> TypeGuard[Landmarks]:
    """Whether landmarks of a detector can carry an alignment: finite, eyes apart."""
    if landmarks is None:
        return False
    right, left = landmarks.right_eye, landmarks.left_eye
    return all(map(isfinite, (*(right.x, right.y), *(left.x, left.y)))) and right != left


def _cut(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of an image inside a box, at least one pixel."""
    height, width = image.shape[:2]
    x0, y0 = min(max(floor(box.x), 0), width - 1), min(max(floor(box.y), 0), height - 1)
    x1 = min(max(ceil(box.x + box.width), x0 + 1), width)
    y1 = min(max(ceil(box.y + box.height), y0 + 1), height)
    return image[y0:y1, x0:x1]
