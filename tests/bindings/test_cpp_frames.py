"""Frames of the C++ binding: every pixel format and stride, against BT.601 and against Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bindings.goldens import PATH as STAGE_GOLDENS
from mf2_edge.io.frames import check_frame

CPP = Path(__file__).parents[2] / "bindings" / "cpp"
PLAIN = ("rgb", "bgr")
ALPHA = ("rgba", "bgra")
YUV = ("nv12", "nv21", "nv12_video", "nv21_video")
PREMULTIPLIED = ("rgba_premultiplied", "bgra_premultiplied")
OPAQUE = ("rgbx", "bgrx")
FORMATS = (*PLAIN, *ALPHA, *YUV, *PREMULTIPLIED, *OPAQUE)

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`to_image` alone, with the sanitizers: no library is built for it."""
    built = tmp_path_factory.mktemp("frames") / "frames"
    sources = [str(CPP / "tests" / "frame_test.cpp"), str(CPP / "src" / "frame.cpp")]
    options = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsanitize=undefined"]
    command = ["g++", *options, "-I", str(CPP / "include"), *sources, "-o", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return built


def convert(
    program: Path, form: str, size: tuple[int, int], strides: tuple[int, int], data: bytes
) -> subprocess.CompletedProcess[bytes]:
    file = program.parent / "pixels"
    file.write_bytes(data)
    numbers = (FORMATS.index(form), *size, *strides)
    return subprocess.run([program, *map(str, numbers), file], capture_output=True, check=False)


def bt601(planes: tuple[NDArray[np.uint8], ...], *, video: bool) -> NDArray[np.uint8]:
    """RGB of Y, Cb and Cr [H, W], as ITU-R BT.601 and T.871 define them."""
    luma, cb, cr = (plane.astype(float) for plane in planes)
    if video:
        luma, cb, cr = (luma - 16) * 255 / 219, (cb - 128) * 255 / 224, (cr - 128) * 255 / 224
    else:
        cb, cr = cb - 128, cr - 128
    red, blue = luma + 1.402 * cr, luma + 1.772 * cb
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    rgb = np.stack([red, green, blue], axis=-1)
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("form", YUV)
@pytest.mark.parametrize("apart", [False, True])
def test_a_camera_s_planes_become_rgb(program: Path, form: str, apart: bool) -> None:
    generator = np.random.default_rng(5)
    width, height, stride, chroma_stride = 37, 23, 48, 40 if apart else 0
    luma = generator.integers(0, 256, (height, stride), np.uint8)
    pairs = generator.integers(0, 256, (12, chroma_stride or stride), np.uint8)
    told = convert(
        program, form, (width, height), (stride, chroma_stride), luma.tobytes() + pairs.tobytes()
    )
    assert told.returncode == 0, told.stderr
    found = np.frombuffer(told.stdout, np.uint8).reshape(height, width, 3)
    first, second = (
        pairs[:, start : start + 38 : 2].repeat(2, 0).repeat(2, 1)[:height, :width]
        for start in (0, 1)
    )
    cb, cr = (first, second) if "nv12" in form else (second, first)
    expected = bt601((luma[:, :width], cb, cr), video="video" in form)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found == expected).mean() > 0.999


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in YUV])
def test_bytes_of_a_pixel_are_put_in_order(program: Path, form: str) -> None:
    generator = np.random.default_rng(6)
    order = form.split("_")[0]
    width, height, channels = 5, 4, len(order)
    stride = width * channels + 3
    rows = generator.integers(0, 256, (height, stride), np.uint8)
    if "a" in order:
        rows[:, 3 : width * channels : 4] = 255
    told = convert(program, form, (width, height), (stride, 0), rows.tobytes())
    found = np.frombuffer(told.stdout, np.uint8).reshape(height, width, 3)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    assert (found == pixels[..., [order.index(name) for name in "rgb"]]).all()


@pytest.mark.parametrize("form", [*ALPHA, *PREMULTIPLIED])
def test_every_level_under_every_alpha_is_that_of_python(program: Path, form: str) -> None:
    alpha, level = np.mgrid[:256, :256]
    rgba = np.dstack([level, 255 - level, level ^ 0x55, alpha]).astype(np.uint8)
    expected = check_frame(Image.fromarray(rgba))
    given = rgba.astype(int)
    if form in PREMULTIPLIED:
        given[..., :3] = np.rint(given[..., :3] * given[..., 3:] / 255)
    data = given[..., ["rgba".index(name) for name in form.split("_")[0]]].astype(np.uint8)
    told = convert(program, form, (256, 256), (0, 0), data.tobytes())
    assert told.stdout == expected.tobytes()


@pytest.mark.parametrize(
    ("name", "form"), [("rgba", "rgba"), ("premultiplied", "rgba_premultiplied")]
)
def test_the_golden_with_alpha_is_reproduced(program: Path, name: str, form: str) -> None:
    with np.load(STAGE_GOLDENS, allow_pickle=False) as goldens:
        given, expected = goldens[f"alpha/{name}"], goldens["alpha/rgb"]
    height, width = expected.shape[:2]
    told = convert(program, form, (width, height), (0, 0), given.tobytes())
    assert told.stdout == expected.tobytes()


def test_colours_above_their_premultiplied_alpha_are_cut_off(program: Path) -> None:
    told = convert(program, "rgba_premultiplied", (2, 2), (0, 0), bytes([200, 9, 0, 100]) * 4)
    assert told.stdout == bytes([255, 164, 155]) * 4


@pytest.mark.parametrize(
    ("form", "size", "strides", "said"),
    [
        ("nv12", (37, 22), (37, 0), b"stride is 37 bytes; a row of 37 x 22 px takes 38"),
        ("nv21", (36, 22), (36, 30), b"stride is 30 bytes"),
        ("rgb", (1, 22), (0, 0), b"expected sides of 2"),
    ],
)
def test_what_cannot_be_is_refused(
    program: Path, form: str, size: tuple[int, int], strides: tuple[int, int], said: bytes
) -> None:
    told = convert(program, form, size, strides, bytes(5000))
    assert told.returncode == 1
    assert said in told.stderr
