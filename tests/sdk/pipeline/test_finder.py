"""The finder on a real face, NASA's portrait of Eileen Collins: turned, small, many times."""

from __future__ import annotations

import struct
from importlib.resources import files
from math import hypot

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge.analyzer import FaceStateAnalyzer
from mf2_edge.pipeline.blazeface import iou
from mf2_edge.pipeline.finder import YuNetDetector, is_face
from mf2_edge.pipeline.yunet import YuNet, suppress
from mf2_edge.runtime.litert import LiteRTRuntime
from mf2_edge.types import Box, Detection, Reason
from tests.helpers.samples import astronaut

# Where a person sees them in the 512x512 portrait, within a few pixels.
EYES = ((202, 101), (246, 103))
NOSE, MOUTH = (224, 131), (223, 149)
FACE = Box(172, 71, 102, 102)


@pytest.fixture(scope="module")
def detector() -> YuNetDetector:
    return YuNetDetector()


def test_finds_the_one_face_and_its_landmarks(detector: YuNetDetector) -> None:
    [face] = detector.detect(astronaut())
    assert iou(face.box, FACE) > 0.5
    assert face.score > 0.8
    assert not face.doubtful
    _assert_near(face, (*EYES, NOSE, MOUTH), tolerance=6)


def test_no_face_is_in_noise_or_an_even_frame(detector: YuNetDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    assert detector.detect(np.full((480, 640, 3), 127, dtype=np.uint8)) == []
    assert detector.detect(np.zeros((2, 2, 3), dtype=np.uint8)) == []


@pytest.mark.parametrize("angle", [-150, -120, -90, -60, -45, -20, 20, 45, 60, 90, 120, 150, 180])
def test_a_turned_face_has_turned_landmarks(detector: YuNetDetector, angle: float) -> None:
    turn = np.asarray(cv2.getRotationMatrix2D((256, 256), angle, 1.0))
    turned = np.asarray(cv2.warpAffine(astronaut(), turn, (512, 512)), dtype=np.uint8)
    [face] = detector.detect(turned)
    points = tuple(tuple(turn @ [*p, 1]) for p in (*EYES, NOSE, MOUTH))
    _assert_near(face, points, tolerance=9)


@pytest.mark.parametrize(("rows", "columns"), [(480, 640), (640, 480), (360, 640), (333, 517)])
def test_faces_are_found_in_frames_of_any_shape(
    detector: YuNetDetector, rows: int, columns: int
) -> None:
    frame = _grid(rows, columns, [(20, 30), (200, 250)], side=60)
    assert [_near(face, 60) for face in detector.detect(frame)] == [True, True]


def test_a_grid_of_nine_small_faces_is_found_whole(detector: YuNetDetector) -> None:
    places = [(x, y) for y in (20, 180, 340) for x in (40, 250, 460)]
    faces = detector.detect(_grid(480, 640, places, side=48))
    assert len(faces) == 9
    found = sorted((round(face.box.y / 160), round(face.box.x / 210)) for face in faces)
    assert found == [(row, column) for row in range(3) for column in range(3)]


def test_a_large_frame_is_reduced_and_its_faces_are_in_its_pixels(detector: YuNetDetector) -> None:
    frame = cv2.resize(astronaut(), (2048, 2048), interpolation=cv2.INTER_CUBIC)
    [face] = detector.detect(np.asarray(frame, np.uint8))
    assert iou(face.box, Box(*(4 * n for n in (FACE.x, FACE.y, FACE.width, FACE.height)))) > 0.5


def test_min_face_finds_smaller_faces_and_leaves_smaller_ones_out() -> None:
    frame = _grid(1440, 1920, [(300, 400)], side=20)  # 1 % of the longer side
    assert YuNetDetector().detect(frame) == []
    assert len(YuNetDetector(min_face=0.012).detect(frame)) == 1
    both = _grid(480, 640, [(30, 30), (300, 200)], side=60)
    both[200:480, 300:640] = 90
    _paste(both, 330, 220, 120)
    assert len(YuNetDetector(min_face=36).detect(both)) == 2
    [large] = YuNetDetector(min_face=100).detect(both)
    assert large.box.x > 300


def test_the_side_follows_from_the_smallest_face_and_never_enlarges() -> None:
    assert YuNetDetector().side(480, 640) == 640
    assert YuNetDetector().side(240, 320) == 320
    assert YuNetDetector(fast=True).side(1080, 1920) == 320
    spec = YuNet().spec
    assert YuNetDetector(min_face=0.05).side(1080, 1920) == spec.smallest_face / 0.05
    assert YuNetDetector(min_face=10).side(480, 640) == 640


def test_max_faces_keeps_the_largest_and_a_score_leaves_out_the_rest() -> None:
    frame = _grid(480, 640, [(20, 30), (20, 250)], side=60)
    _paste(frame, 350, 100, 200)
    assert len(YuNetDetector().detect(frame)) == 3
    [largest] = YuNetDetector(max_faces=1).detect(frame)
    assert largest.box.x > 300
    assert YuNetDetector(min_detection_score=0.99).detect(frame) == []


def test_a_stream_tries_one_quarter_a_frame() -> None:
    detector = YuNetDetector().for_stream()
    turned = np.ascontiguousarray(np.rot90(_grid(480, 640, [(250, 150)], side=150)))
    plain = [detector._turns() for _ in range(4)]
    assert plain == [(1,), (2,), (3,), (1,)]
    assert any(detector.detect(turned) for _ in range(3))
    assert YuNetDetector(turned_frames="none")._turns() == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_face": 0}, "min_face"),
        ({"min_face": float("nan")}, "min_face"),
        ({"min_face": 40, "fast": True}, "one of them"),
        ({"max_faces": 0}, "max_faces"),
        ({"max_faces": 1.5}, "max_faces=1.5: expected a whole number"),
        ({"min_detection_score": 1.5}, "0 to 1"),
        ({"turned_frames": "some"}, "all, next or none"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        YuNetDetector(**options)  # type: ignore[arg-type]


def test_both_scores_decide() -> None:
    rules = YuNet().spec.rules
    assert is_face(0.5, rules.doubtful_look, rules)
    assert is_face(rules.sure_score, rules.sure_look, rules)
    assert not is_face(rules.sure_score - 0.01, rules.doubtful_look - 0.01, rules)
    assert not is_face(0.99, rules.sure_look - 0.01, rules)


def test_a_size_written_into_the_file_is_a_resized_input() -> None:
    """What the bindings do, whose engines need not resize inputs; see `sizes_at`."""
    spec = YuNet().spec
    model = (files("mf2_edge") / "detectors" / "yunet_n" / spec.file).read_bytes()
    rows, columns = 96, 64
    sized = bytearray(model)
    for place in spec.sizes_at:
        struct.pack_into("<2i", sized, place.byte, rows // place.stride, columns // place.stride)
    image = np.random.default_rng(0).uniform(0, 255, (1, rows, columns, 3)).astype(np.float32)
    resized = LiteRTRuntime(model, input_shape=image.shape).run(image)
    written = LiteRTRuntime(bytes(sized)).run(image)
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter
    (told,) = interpreter(model_content=bytes(sized)).get_input_details()
    assert told["shape_signature"].tolist() == list(image.shape), "a size is still open"
    assert [out.shape for out in written] == [out.shape for out in resized]
    assert all(np.array_equal(*pair) for pair in zip(written, resized, strict=True))


def test_a_sliver_of_a_frame_is_searched(detector: YuNetDetector) -> None:
    assert detector.detect(np.full((2, 6000, 3), 90, dtype=np.uint8)) == []


def test_suppression_keeps_the_best_of_each_group() -> None:
    boxes = [(0.6, 0, 0, 10, 10), (0.9, 1, 0, 11, 10), (0.7, 50, 50, 60, 60)]
    kept = suppress(np.array(boxes, np.float64), 0.3)
    assert kept[:, 0].tolist() == [0.9, 0.7]
    assert suppress(np.zeros((0, 5)), 0.3).shape == (0, 5)


def test_a_face_of_doubtful_orientation_is_of_low_quality() -> None:
    analyzer = FaceStateAnalyzer()
    [face] = analyzer.detector.detect(astronaut())
    doubtful = Detection(face.box, face.score, face.landmarks, doubtful=True)
    sure, unsure = (analyzer.analyze(astronaut(), each) for each in (face, doubtful))
    assert sure.emotion.reason is not Reason.LOW_QUALITY
    assert unsure.emotion.reason is Reason.LOW_QUALITY


def _grid(rows: int, columns: int, places: list[tuple[int, int]], side: int) -> NDArray[np.uint8]:
    """Faces on a ramp of grey; places are the corners of pictures twice the face's side."""
    ramp = np.linspace(60, 140, columns, dtype=np.uint8)
    frame = np.repeat(np.repeat(ramp[None], rows, axis=0)[..., None], 3, axis=2)
    for x, y in places:
        _paste(frame, x, y, side)
    return frame


def _paste(frame: NDArray[np.uint8], x: int, y: int, side: int) -> None:
    """The portrait's head, its face `side` pixels wide, with the corner at x, y."""
    head = astronaut()[20:224, 121:325]
    size = round(head.shape[0] * side / FACE.width)
    small = cv2.resize(head, (size, size), interpolation=cv2.INTER_AREA)
    frame[y : y + size, x : x + size] = small[: frame.shape[0] - y, : frame.shape[1] - x]


def _near(face: Detection, side: float) -> bool:
    return 0.7 < face.box.width / side < 1.4


def _assert_near(face: Detection, points: tuple[tuple[float, ...], ...], tolerance: float) -> None:
    assert face.landmarks is not None
    named = zip(("right_eye", "left_eye", "nose_tip", "mouth_center"), points, strict=True)
    for name, (x, y) in named:
        found = getattr(face.landmarks, name)
        assert hypot(found.x - x, found.y - y) < tolerance, (name, found)
