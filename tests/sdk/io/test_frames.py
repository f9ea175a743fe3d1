"""The door for images: every bad input gets a typed error that says how to mend it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mf2_edge.errors import BoxError, FrameError, ImageFileError
from mf2_edge.io.frames import check_boxes, check_crop, check_frame, read_image
from mf2_edge.io.image_file import to_rgb_array
from mf2_edge.types import Box
from tests.helpers.samples import PEAK_MEMORY

ASTRONAUT = Path(__file__).parents[3] / "mf2_edge" / "samples" / "astronaut.jpg"


@pytest.fixture(scope="module")
def rgb() -> NDArray[np.uint8]:
    """A small picture without symmetry: red grows to the right, green downwards."""
    across, down = np.meshgrid(np.arange(40) * 6, np.arange(30) * 8)
    return np.stack([across, down, np.full_like(across, 50)], axis=2).astype(np.uint8)


BAD_FRAMES = [
    (None, "frame is None; expected an image. cv2.imread"),
    ([[1, 2], [3, 4]], "frame is builtins.list; expected a uint8 numpy array"),
    (np.empty((0, 0, 3), np.uint8), "frame is empty, 0x0x3"),
    (np.empty((0, 5, 3), np.uint8), "frame is empty, 0x5x3"),
    (np.zeros((4, 4, 3), np.float32) + 0.5, "values lie in 0..1, so (frame * 255).round()"),
    (np.zeros((4, 4, 3), np.float64) + 99.5, "float64; expected uint8 in 0..255: frame.round()"),
    (np.zeros((4, 4, 3), np.float32) - 1, "negative values, so undo the normalisation"),
    (np.full((4, 4, 3), np.nan, np.float32), "it holds NaN or infinity"),
    (np.full((4, 4, 3), 60000, np.uint16), "frame is uint16; expected uint8 in 0..255: (frame //"),
    (np.full((4, 4, 3), 7, np.int64), "frame is int64; expected uint8"),
    (np.zeros((4, 4, 3), np.bool_), "frame is bool; expected uint8"),
    (np.zeros((4, 6), np.uint8), "frame is grey, 4x6; expected colour HxWx3: cv2.cvtColor"),
    (np.zeros((4, 6, 1), np.uint8), "frame is grey, 4x6x1"),
    (np.zeros((4, 6, 4), np.uint8), "4x6x4, with an alpha channel"),
    (np.zeros((3, 40, 60), np.uint8), "channels first; expected HxWx3: frame.transpose(1, 2, 0)"),
    (np.zeros((1, 4, 6, 3), np.uint8), "frame is 1x4x6x3; expected one image HxWx3"),
    (np.zeros((4, 6, 2), np.uint8), "frame is 4x6x2; expected one image"),
    (np.zeros((7,), np.uint8), "frame is 7; expected one image"),
    (np.uint8(3) + np.zeros((), np.uint8), "expected"),
    (np.zeros((1, 6, 3), np.uint8), "1x6x3; expected sides of at least 2 px"),
    (np.zeros((6, 1, 3), np.uint8), "6x1x3; expected sides of at least 2 px"),
    (np.zeros((1, 1, 3), np.uint8), "1x1x3; expected sides of at least 2 px"),
]


@pytest.mark.parametrize(("frame", "message"), BAD_FRAMES, ids=[text for _, text in BAD_FRAMES])
def test_bad_frames(frame: object, message: str) -> None:
    with pytest.raises(FrameError) as caught:
        check_frame(frame)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_color_order(rgb: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(check_frame(rgb, "rgb"), rgb)
    np.testing.assert_array_equal(check_frame(rgb[:, :, ::-1], "bgr"), rgb)
    np.testing.assert_array_equal(check_frame(rgb[:, :, ::-1]), rgb)
    with pytest.raises(ValueError, match="color='RGB': expected 'bgr' or 'rgb'"):
        check_frame(rgb, "RGB")  # type: ignore[arg-type]


@pytest.mark.parametrize("color", ["bgr", "rgb"])
def test_read_only_and_non_contiguous_arrays_work(rgb: NDArray[np.uint8], color: str) -> None:
    expected = rgb if color == "rgb" else rgb[:, :, ::-1]
    variants = {
        "mirrored": (rgb[:, ::-1], expected[:, ::-1]),
        "every other": (rgb[::2, 1::3], expected[::2, 1::3]),
        "column major": (np.asfortranarray(rgb), expected),
        "read only": (np.frombuffer(rgb.tobytes(), np.uint8).reshape(rgb.shape), expected),
    }
    for name, (frame, result) in variants.items():
        found = check_frame(frame, color)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found, result, err_msg=name)
        assert found.flags.c_contiguous, name


def test_input_is_never_changed(rgb: NDArray[np.uint8]) -> None:
    frame = rgb.copy()
    check_frame(frame, "bgr")[:] = 0
    np.testing.assert_array_equal(frame, rgb)


def test_pil_image_knows_its_own_color(rgb: NDArray[np.uint8]) -> None:
    for color in ("bgr", "rgb"):
        np.testing.assert_array_equal(check_frame(Image.fromarray(rgb), color), rgb)
    with pytest.raises(FrameError, match="PIL image of 1 x 5 px"):
        check_frame(Image.new("RGB", (1, 5)))
    with pytest.raises(FrameError, match="pixel format F"):
        check_frame(Image.new("F", (9, 5)))


# EXIF orientation -> how the stored picture is made from the upright one.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation(rgb: NDArray[np.uint8], tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](rgb)))
    stored.save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png"), rgb)
    with Image.open(tmp_path / "turned.png") as image:
        np.testing.assert_array_equal(check_frame(image), rgb)


def test_strips_join_without_a_seam(
    rgb: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mf2_edge.io.image_file._STRIP_PIXELS", 7 * 40)  # 30 rows in strips of 7
    np.testing.assert_array_equal(to_rgb_array(Image.fromarray(rgb)), rgb)


def test_pixel_formats(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    grey = Image.fromarray(rgb[:, :, 0])
    three = np.repeat(rgb[:, :, :1], 3, axis=2)
    deep = Image.fromarray(rgb[:, :, 0].astype(np.uint16) * 257)
    clear = Image.fromarray(rgb).convert("RGBA")
    clear.putalpha(0)
    paletted = Image.fromarray(rgb // 128 * 128).quantize(8)
    cases: list[tuple[Image.Image, str, NDArray[np.uint8], int]] = [
        (grey, "png", three, 0),
        (deep, "png", three, 0),
        (clear, "png", np.full_like(rgb, 255), 0),
        (Image.fromarray(rgb).convert("CMYK"), "tif", rgb, 1),
        (paletted, "png", rgb // 128 * 128, 1),
        (Image.fromarray(rgb).convert("RGBA"), "webp", rgb, 40),
        (
            grey.point(lambda v: 255 * (v > 100)).convert("1"),
            "png",
            (three > 100) * np.uint8(255),
            0,
        ),
    ]
    for number, (image, suffix, expected, tolerance) in enumerate(cases):
        path = tmp_path / f"{number}.{suffix}"
        image.save(path)
        found = read_image(path).astype(int)
        assert np.abs(found - expected).max() <= tolerance, (number, image.mode)


def test_reads_a_photograph_as_opencv_does() -> None:
    ours = read_image(ASTRONAUT).astype(int)
    theirs = cv2.imread(str(ASTRONAUT))
    assert theirs is not None
    assert np.abs(ours - theirs[:, :, ::-1]).mean() < 1


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.98])
def test_truncated_jpeg(tmp_path: Path, keep: float) -> None:
    data = ASTRONAUT.read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(ImageFileError, match=r"half\.jpg: truncated or damaged"):
        read_image(tmp_path / "half.jpg")


def test_damaged_png(tmp_path: Path) -> None:
    Image.fromarray(read_image(ASTRONAUT)).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[5000:5200] = bytes(200)
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageFileError, match=r"a\.png: truncated or damaged"):
        read_image(tmp_path / "a.png")


def test_text_file_named_jpg(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("not a photograph")
    with pytest.raises(ImageFileError, match=r"notes\.jpg: is not an image that Pillow reads"):
        check_frame(tmp_path / "notes.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(ImageFileError, match="is not an image"):
        check_frame(str(tmp_path / "empty.jpg"))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageFileError, match=r"gone\.jpg: no such file"):
        check_frame(str(tmp_path / "gone.jpg"))
    with pytest.raises(ImageFileError, match="is a folder"):
        check_frame(tmp_path)
    with pytest.raises(OSError, match="is a folder"):
        read_image("")


def test_file_with_a_one_pixel_side(tmp_path: Path) -> None:
    Image.new("RGB", (1, 9)).save(tmp_path / "thin.png")
    with pytest.raises(ImageFileError, match="1 x 9 px; expected sides of at least 2 px"):
        read_image(tmp_path / "thin.png")


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    Image.new("1", (2000, 1001)).save(tmp_path / "bomb.png")
    with pytest.raises(ImageFileError, match="too large; expected at most 2 megapixels"):
        read_image(tmp_path / "bomb.png")


def test_huge_photograph_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    Image.new("RGB", (12_000, 9_000), (200, 100, 50)).save(path)
    code = PEAK_MEMORY + (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "from mf2_edge.io.frames import read_image\n"
        "image = read_image(sys.argv[1])\n"
        "assert abs(image[-1, -1].astype(int) - (200, 100, 50)).max() < 4, image[-1, -1]\n"
        "print(*image.shape, peak())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    height, width, channels, megabytes = map(int, run.stdout.split())
    assert (height, width, channels) == (9_000, 12_000, 3)
    # Pillow keeps 4 bytes a pixel, the result 3: 756 MB, and the interpreter.
    assert megabytes < 1000


def test_crops_may_be_grey(rgb: NDArray[np.uint8]) -> None:
    grey = np.ascontiguousarray(rgb[:, :, 0])
    three = np.repeat(rgb[:, :, :1], 3, axis=2)
    np.testing.assert_array_equal(check_crop(grey, "bgr", 0), three)
    np.testing.assert_array_equal(check_crop(grey[:, :, None], "rgb", 0), three)
    np.testing.assert_array_equal(check_crop(rgb, "rgb", 0), rgb)
    np.testing.assert_array_equal(check_crop(Image.fromarray(grey), "bgr", 0), three)


def test_bad_crop_names_its_index(rgb: NDArray[np.uint8], tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"^crop 3: frame is None"):
        check_crop(None, "bgr", 3)
    with pytest.raises(FrameError, match=r"^crop 4: frame is float32"):
        check_crop(rgb.astype(np.float32), "bgr", 4)
    with pytest.raises(FrameError, match=r"^crop 5: .*expected sides of at least 2 px"):
        check_crop(rgb[:1, :, 0], "bgr", 5)
    with pytest.raises(ImageFileError, match=r"^crop 6: .*no such file"):
        check_crop(tmp_path / "gone.png", "bgr", 6)


def test_boxes_in_every_form() -> None:
    expected = [Box(1, 2, 30, 40), Box(-10, -10, 20, 20)]
    tuples = [(1, 2, 30, 40), (-10, -10, 20, 20)]
    assert check_boxes(expected, (480, 640, 3)) == expected
    assert check_boxes(tuples, (480, 640, 3)) == expected
    assert check_boxes(np.array(tuples), (480, 640, 3)) == expected
    assert check_boxes([], (480, 640, 3)) == []


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([(0, 0, 9, 9), (640, 0, 10, 10)], "box 1 (x=640, y=0, width=10, height=10) lies outside"),
        ([(0, 480, 10, 10)], "the frame of 640 x 480 px"),
        ([(-10, 0, 10, 10)], "lies outside"),
        ([(0, -99, 10, 10)], "lies outside"),
        ([(5, 5, 0, 10)], "0 x 10 px; expected a positive width and height"),
        ([(50, 50, -20, 10)], "not two corners"),
        ([Box(float("nan"), 0, 9, 9)], "expected finite numbers"),
        ([(0, 0, float("inf"), 9)], "expected finite numbers"),
        ([(5, 5, 1e308, 1e308)], "expected finite numbers below 1e+06"),
        ([(0, 0, 9)], "expected a Box or four numbers"),
        (np.zeros((2, 5)), "expected a Box or four numbers"),
        ((1, 2, 30, 40), "box 0 is 1; expected a Box or four numbers"),
        ([None], "box 0 is None"),
        (["face"], "expected a Box or four numbers"),
        (Box(0, 0, 9, 9), "expected a list of boxes: [box]"),
        (7, "boxes is int"),
    ],
)
def test_bad_boxes(boxes: object, message: str) -> None:
    with pytest.raises(BoxError) as caught:
        check_boxes(boxes, (480, 640, 3))
    assert message in str(caught.value)
