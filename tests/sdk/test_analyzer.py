"""The whole line, from pixels to facial state, on a real face with a toy model."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mf2_edge import (
    Box,
    BoxError,
    Detection,
    FaceState,
    FaceStateAnalyzer,
    FrameError,
    ImageFileError,
    Landmarks,
    Point,
    Reason,
    Status,
    load_bundle,
)
from mf2_edge.io.frames import read_image
from tests.helpers.make_tiny_bundle import EMOTIONS, FOLDER, SHOWN
from tests.helpers.samples import PEAK_MEMORY

ASTRONAUT = Path(__file__).parents[2] / "mf2_edge" / "samples" / "astronaut.jpg"
FACE = Box(170, 70, 104, 104)
"""Where her face is, within a few pixels."""


@pytest.fixture(scope="module")
def analyzer() -> FaceStateAnalyzer:
    return FaceStateAnalyzer(FOLDER, runtime="litert")


@pytest.fixture(scope="module")
def photo() -> NDArray[np.uint8]:
    return read_image(ASTRONAUT)


class FixedDetector:
    """A user's own detector: always the same answer."""

    def __init__(self, *faces: Detection) -> None:
        self.faces = list(faces)

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        return self.faces


def near(box: Box, other: Box, pixels: float = 15) -> bool:
    pairs = zip(
        (box.x, box.y, box.width, box.height),
        (other.x, other.y, other.width, other.height),
        strict=True,
    )
    return all(abs(a - b) < pixels for a, b in pairs)


def same_answers(a: FaceState, b: FaceState, tolerance: float = 1e-6) -> bool:
    """Whether all scores of two faces agree."""
    first, second = (
        np.array([*face.emotion.scores.values(), *(u.score for u in face.action_units.values())])
        for face in (a, b)
    )
    return bool(np.abs(first - second).max() <= tolerance)


def test_finds_the_face_and_reads_it(analyzer: FaceStateAnalyzer) -> None:
    (face,) = analyzer.predict(ASTRONAUT)
    assert near(face.box, FACE)
    assert face.landmarks is not None
    # Her right eye is on the left of the picture.
    assert 190 < face.landmarks.right_eye.x < 215 < 235 < face.landmarks.left_eye.x < 260
    assert face.status is Status.OK
    assert 0.5 < face.detection_score <= 1
    assert list(face.emotion.scores) == EMOTIONS
    assert sum(face.emotion.scores.values()) == pytest.approx(1, abs=1e-9)
    assert list(face.action_units) == SHOWN
    assert json.loads(json.dumps(face.to_dict()))["action_units"]["AU6"]["name"] == "cheek raiser"


def test_every_form_of_a_frame_gives_one_answer(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]
) -> None:
    bgr = np.ascontiguousarray(photo[:, :, ::-1])
    read_only = bgr.copy()
    read_only.flags.writeable = False
    expected = analyzer.predict(ASTRONAUT)
    assert analyzer.predict(str(ASTRONAUT)) == expected
    assert analyzer.predict(Image.open(ASTRONAUT)) == expected
    assert analyzer.predict(photo, color="rgb") == expected
    assert analyzer.predict(bgr) == expected
    assert analyzer.predict(photo[:, :, ::-1]) == expected
    assert analyzer.predict(read_only) == expected
    assert not same_answers(analyzer.predict(photo, color="bgr", boxes=[FACE])[0], expected[0])


def test_nobody_is_there(analyzer: FaceStateAnalyzer) -> None:
    assert analyzer.predict(np.full((480, 640, 3), 128, np.uint8)) == []
    assert analyzer.predict(np.full((2, 2, 3), 128, np.uint8)) == []


def test_largest_face_first(analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]) -> None:
    small, large = Detection(Box(0, 0, 90, 90), 0.9), Detection(FACE, 0.8)
    own = FaceStateAnalyzer(FOLDER, runtime="litert", detector=FixedDetector(small, large))
    assert [face.detection_score for face in own.predict(photo, color="rgb")] == [0.8, 0.9]


def test_boxes_skip_detection_and_keep_their_order(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]
) -> None:
    background = Box(5, 400, 60, 60)
    first, second = analyzer.predict(photo, color="rgb", boxes=[background, FACE])
    assert (first.box, second.box) == (background, FACE)
    assert (first.status, second.status) == (Status.UNALIGNED, Status.OK)
    assert second.detection_score == 1
    (detected,) = analyzer.predict(photo, color="rgb")
    assert same_answers(second, detected, 0.05)
    assert analyzer.predict(photo, color="rgb", boxes=[]) == []
    assert len(analyzer.predict(photo, color="rgb", boxes=np.array([[170, 70, 104, 104]]))) == 1
    with pytest.raises(BoxError, match=r"box 1 .* lies outside the frame of 512 x 512"):
        analyzer.predict(photo, color="rgb", boxes=[FACE, Box(600, 0, 50, 50)])


def test_own_detector_without_landmarks(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]
) -> None:
    own = FaceStateAnalyzer(FOLDER, runtime="litert", detector=FixedDetector(Detection(FACE, 0.6)))
    (face,) = own.predict(photo, color="rgb")
    assert (face.box, face.detection_score, face.status) == (FACE, 0.6, Status.OK)
    assert face.landmarks is not None
    assert same_answers(face, analyzer.predict(photo, color="rgb", boxes=[FACE])[0])


@pytest.mark.parametrize("x", [7.0, float("nan")])
def test_own_detector_with_useless_landmarks(photo: NDArray[np.uint8], x: float) -> None:
    point = Point(x, 7.0)
    landmarks = Landmarks(point, point, point, point, point, point)
    own = FaceStateAnalyzer(
        FOLDER, runtime="litert", detector=FixedDetector(Detection(FACE, 0.6, landmarks))
    )
    (face,) = own.predict(photo, color="rgb")
    assert face.status is Status.UNALIGNED
    assert face.emotion.reason is Reason.UNALIGNED


def test_small_faces_say_so(photo: NDArray[np.uint8]) -> None:
    bundle = load_bundle(FOLDER)
    decoding = type(bundle.manifest.decoding)(
        min_emotion_score=0.4, au_margin=0.05, min_face_size=150
    )
    raw = {name: getattr(bundle.manifest, name) for name in bundle.manifest.__struct_fields__}
    manifest = type(bundle.manifest)(**(raw | {"decoding": decoding}))
    analyzer = FaceStateAnalyzer(replace(bundle, manifest=manifest), runtime="litert")
    (face,) = analyzer.predict(photo, color="rgb")
    assert face.status is Status.SMALL
    assert face.action_units["AU1"].reason is Reason.FACE_TOO_SMALL
    (crop,) = analyzer.predict_crops([photo[:100, :100]], color="rgb", align=False)
    assert crop.status is Status.SMALL


def test_crops_of_every_kind_in_order(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]
) -> None:
    tight = photo[64:180, 164:282]
    grey = np.asarray(Image.fromarray(tight).convert("L"))
    tiny = np.asarray(Image.fromarray(tight).resize((48, 48)))
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    crops: list[Any] = [tight, grey, noise, tiny, grey[:, :, None], Image.fromarray(tight), photo]
    faces = analyzer.predict_crops(crops, color="rgb")
    assert len(faces) == len(crops)
    unaligned = [face.status is Status.UNALIGNED for face in faces]
    assert unaligned == [False, False, True, False, False, False, False]
    assert same_answers(faces[1], faces[4])
    assert same_answers(faces[0], faces[5])
    assert not same_answers(faces[0], faces[1])
    (detected,) = analyzer.predict(photo, color="rgb")
    assert same_answers(faces[0], detected, 0.05)
    assert faces[2].box == Box(0, 0, 80, 60)
    assert faces[2].landmarks is None
    assert faces[2].emotion.reason is Reason.UNALIGNED


def test_crops_taken_as_aligned(analyzer: FaceStateAnalyzer) -> None:
    crop = np.random.default_rng(1).integers(0, 255, (112, 112, 3), np.uint8)
    (face,) = analyzer.predict_crops([crop], color="rgb", align=False)
    outputs = analyzer.runtime.run(analyzer.preprocess(crop))
    emotion = analyzer.decoder.decode(outputs).emotion
    assert face.emotion.scores == emotion.scores
    assert (face.status, face.landmarks, face.box) == (Status.OK, None, Box(0, 0, 112, 112))


def test_crops_may_come_from_a_generator_or_one_array(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]
) -> None:
    stack = np.stack([photo[60:180, 160:280], photo[:120, :120]])
    assert analyzer.predict_crops([]) == []
    assert analyzer.predict_crops(crop for crop in stack) == analyzer.predict_crops(stack)
    assert len(analyzer.predict_crops(stack[:, :, :, 0])) == 2


def test_bad_crops(analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]) -> None:
    with pytest.raises(FrameError, match=r"crop 1: frame is None"):
        analyzer.predict_crops([photo, None])  # type: ignore[list-item]
    with pytest.raises(FrameError, match=r"expected a sequence of images: \[crop\]"):
        analyzer.predict_crops(photo)
    with pytest.raises(FrameError, match="crops is str"):
        analyzer.predict_crops("photo.jpg")
    with pytest.raises(FrameError, match=r"crops is JpegImageFile.*\[crop\]"):
        analyzer.predict_crops(Image.open(ASTRONAUT))  # type: ignore[arg-type]
    with pytest.raises(ImageFileError, match=r"crop 0: gone\.jpg: no such file"):
        analyzer.predict_crops(["gone.jpg"])


def test_bad_frames_are_typed_errors(analyzer: FaceStateAnalyzer, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="frame is None"):
        analyzer.predict(None)  # type: ignore[arg-type]
    with pytest.raises(FrameError, match="frame is grey"):
        analyzer.predict(np.zeros((40, 40), np.uint8))
    with pytest.raises(ImageFileError, match="no such file"):
        analyzer.predict(tmp_path / "gone.jpg")


def test_rotated_by_exif_is_the_same_face(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(photo)).save(tmp_path / "phone.png", exif=exif)
    assert analyzer.predict(tmp_path / "phone.png") == analyzer.predict(photo, color="rgb")


def test_threads_may_share_an_analyzer(
    analyzer: FaceStateAnalyzer, photo: NDArray[np.uint8]
) -> None:
    expected = analyzer.predict(photo, color="rgb")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: analyzer.predict(photo, color="rgb"), range(12)))
    assert answers == [expected] * 12


def test_info_is_ready_for_json(analyzer: FaceStateAnalyzer) -> None:
    info = analyzer.info()
    assert json.loads(json.dumps(info)) == info
    assert info["bundle"] == "tiny"
    assert (info["runtime"], info["artifact"], info["num_threads"]) == ("litert", "tiny.tflite", 1)
    assert info["sha256"] == analyzer.artifact.sha256


def test_huge_photograph_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with Image.open(ASTRONAUT) as image:
        canvas = Image.new("RGB", (12_000, 9_000), (128, 128, 128))
        canvas.paste(image.resize((9_000, 9_000)), (1_500, 0))
    canvas.save(path, quality=70)
    code = PEAK_MEMORY + (
        "import sys\n"
        "from mf2_edge import FaceStateAnalyzer\n"
        "(face,) = FaceStateAnalyzer(sys.argv[1], runtime='litert').predict(sys.argv[2])\n"
        "print(face.box.x, face.box.width, face.status)\n"
        "print(peak())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(FOLDER), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    x, width, status, megabytes = run.stdout.split()
    zoom = 9_000 / 512
    assert abs(float(x) - (1_500 + 170 * zoom)) < 20 * zoom
    assert abs(float(width) - 104 * zoom) < 20 * zoom
    assert status == "ok"
    assert int(megabytes) < 1400
