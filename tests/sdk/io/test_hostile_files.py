"""Files made to harm: nothing is run, nothing hangs, memory stays bounded, errors are typed."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import EpsImagePlugin, Image

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.bundle.manifest import dump_manifest, parse_manifest
from mf2_edge.cli.main import main
from mf2_edge.errors import (
    BaselineError,
    BundleError,
    ImageFileError,
    ManifestError,
    Mf2EdgeError,
)
from mf2_edge.export.code import example
from mf2_edge.io import image_file
from mf2_edge.io.frames import check_frame
from mf2_edge.io.image_file import read_image
from mf2_edge.io.outputs import check_outputs
from mf2_edge.io.video import VideoSource
from mf2_edge.pipeline.align import Border, _reduce, _reduce_unpadded, warp
from mf2_edge.pipeline.task_head import read_head
from mf2_edge.tracking.baseline import NeutralRecorder, load_baseline
from tests.helpers.make_tiny_bundle import FOLDER
from tests.helpers.streams import state

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n"


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG; what follows may be missing, since nothing may ask for it."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"")
    parts = (
        struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in (head, body)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_photograph_runs_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ghostscript(*_: object, **__: object) -> None:
        pytest.fail("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", ghostscript)
    (path := tmp_path / "photo.jpg").write_bytes(EPS)
    with pytest.raises(ImageFileError, match="is not an image that Pillow reads"):
        read_image(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_formats_of_photographs_are_read_whatever_their_name(tmp_path: Path, kind: str) -> None:
    Image.new("RGB", (8, 6), "white").save(tmp_path / "photo.dat", format=kind)
    assert read_image(tmp_path / "photo.dat").shape == (6, 8, 3)


@pytest.mark.parametrize("size", [(170_000_000, 1), (1, 170_000_000), (70_000, 2)])
def test_sides_are_checked_before_anything_is_decoded(
    tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_file, "to_rgb_array", lambda _: pytest.fail("decoded"))
    (path := tmp_path / "long.png").write_bytes(png_header(*size))
    with pytest.raises(ImageFileError, match="expected sides of at most"):
        read_image(path)


def test_too_little_memory_is_an_error_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: Image.Image) -> NDArray[np.uint8]:
        raise MemoryError

    Image.new("RGB", (8, 6)).save(path := tmp_path / "photo.png")
    monkeypatch.setattr(image_file, "to_rgb_array", no_room)
    with pytest.raises(ImageFileError, match="does not fit into memory"):
        read_image(path)


def test_pipes_do_not_hang_whoever_reads_them(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "photo.jpg")
    with pytest.raises(ImageFileError, match="no regular file"):
        read_image(pipe)
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(BundleError, match="no regular file"):
        load_bundle(tmp_path)


READERS: dict[str, Callable[[str], object]] = {
    "bundle": load_bundle,
    "baseline": load_baseline,
    "head": lambda name: read_head(Path(name)),
    "photograph": lambda name: read_image(Path(name)),
    "video": VideoSource,
    "output": lambda name: check_outputs([Path(name)], []),
}


@pytest.mark.parametrize("name", ["n" * 300, "n" * 300 + ".mp4", "a\0b", "loop"])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_names_that_no_file_can_have_are_typed_errors(
    read: Callable[[str], object], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop").symlink_to("loop")
    if read is READERS["output"] and name == "loop":
        pytest.skip("a link takes the place of what it leads to, and this one leads nowhere")
    with pytest.raises(Mf2EdgeError):
        read(name)


@pytest.mark.parametrize("border", ["replicate", "black"])
def test_a_block_beyond_the_window_is_reduced_alike_without_padding(border: Border) -> None:
    window = np.random.default_rng(0).integers(0, 256, (7, 23, 3), dtype=np.uint8)
    for step in (5, 9, 30):
        wanted = _reduce(window, step, border)
        found = _reduce_unpadded(window, step, border)
        assert found.shape == wanted.shape
        assert np.abs(found.astype(int) - wanted).max() <= 1  # a rounded half


def test_a_face_of_a_million_pixels_in_a_small_frame_takes_little_memory() -> None:
    frame = np.full((100, 100, 3), 77, np.uint8)
    scale = 112 / 999_999
    shrunk = warp(frame, np.array([[scale, 0, 40.0], [0, scale, 40.0]]), 112, 112)
    assert shrunk.shape == (112, 112, 3)
    assert (shrunk == 77).all()


HOSTILE = ('x"\n', "a\nb", "a b", "../x", "$(id)", "x'y", "", "-x", "x\u2028y", "x\n")


@pytest.mark.parametrize("key", ["name", "version"])
@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_versions_are_plain(key: str, text: str) -> None:
    raw = msgspec.json.decode(dump_manifest(load_bundle(FOLDER).manifest))
    raw[key] = text
    with pytest.raises(ManifestError):
        parse_manifest(msgspec.json.encode(raw), source="m")


@pytest.mark.parametrize("text", ['x".tflite', "a\nb.tflite", "${x}.tflite", "a b.tflite", "a\n"])
def test_names_of_files_are_plain(text: str) -> None:
    raw = msgspec.json.decode(dump_manifest(load_bundle(FOLDER).manifest))
    raw["artifacts"][0]["file"] = text
    with pytest.raises(ManifestError):
        parse_manifest(msgspec.json.encode(raw), source="m")


EVIL = 'a"b\\ ${x} \\(y)\u2028\n\x01\u202e*/ import os'


@pytest.mark.parametrize(
    ("platform", "kind"),
    [
        ("android", "tflite"),
        ("ios", "coreml"),
        ("web", "tflite"),
        ("cpp", "tflite"),
        ("python", "onnx"),
    ],
)
def test_no_value_leaves_its_comment_in_code(platform: str, kind: str) -> None:
    manifest = load_bundle(FOLDER).manifest
    text = f"{EVIL} --> -- >"
    evil = msgspec.structs.replace(
        manifest,
        name=text,
        version=text,
        description=text,
        license=msgspec.structs.replace(manifest.license, name=text, summary=text),
    )
    artifact = msgspec.structs.replace(manifest.artifacts[0], format=kind)
    name, code = example(evil, artifact, platform)
    plain = example(manifest, artifact, platform)[1]
    assert not set(code) - {"\n"} & set("\x01\u2028\u202e")
    changed = [line for line in code.splitlines() if line not in plain.splitlines()]
    assert len(code.splitlines()) == len(plain.splitlines())
    for line in changed:
        if name.endswith(".html"):
            body = line.removeprefix("<!-- ").removesuffix(" -->")
            assert line == f"<!-- {body} -->"
            assert not {"--", ">"} & {*body, *map("".join, pairwise(body))}
        else:
            assert line.startswith(("// ", "# "))


def test_a_smile_is_not_taken_for_a_resting_face() -> None:
    recorder = NeutralRecorder(load_bundle(FOLDER))
    label = next(e for e in load_bundle(FOLDER).manifest.head("emotion").labels if e != "neutral")
    for _ in range(20):
        recorder.add(state({}, {label: 0.99}))
    with pytest.raises(BaselineError, match=f"the face shows {label}"):
        recorder.baseline()


def test_pictures_come_as_bytes_and_open_files_too(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (8, 6), (10, 20, 30)).save(path)
    data, expected = path.read_bytes(), check_frame(path)
    assert expected.shape == (6, 8, 3)
    for source in (data, bytearray(data), io.BytesIO(data)):
        assert (check_frame(source) == expected).all()
    with path.open("rb") as stream:
        assert (check_frame(stream) == expected).all()
        assert not stream.closed
    with pytest.raises(ImageFileError, match="a picture of 9 bytes: is not an image"):
        check_frame(b"no image!")
    with pytest.raises(ImageFileError, match="truncated or damaged"):
        check_frame(data[:50])


def test_an_empty_path_is_not_this_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """`predict "$UNSET"` would search the working folder."""
    for command in (["predict", ""], ["export", "--platform", "ios", "--out", ""]):
        with pytest.raises(SystemExit):
            main(command)
        assert "expected a path, found an empty text" in capsys.readouterr().err
