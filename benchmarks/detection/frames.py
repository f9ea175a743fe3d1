"""Frames with known faces: crops of faces laid on pictures without any.

A crop holds one face in its middle and nearly nothing else: from forehead to chin the face is as
high as the crop (FairFace with a margin of 0.25, LFW at 160 px). A frame is a picture, scaled to
fill it, with crops pasted under a soft mask, turned about the face's middle. Everything follows
from a seed.

A face's side is its height from forehead to chin. A BlazeFace box is `BOX_IN_CROP` of it, the
median over 50 crops of FairFace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, radians, sin
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.types import Box

Image = NDArray[np.uint8]

BOX_IN_CROP = 0.87


@dataclass(frozen=True)
class Face:
    """A face in a frame: its box, and the turn of its picture, degrees clockwise as seen."""

    box: Box
    turn: float


@dataclass(frozen=True)
class Frame:
    """An RGB picture and the faces in it."""

    image: Image
    faces: tuple[Face, ...]


def read_pictures(folder: Path, count: int | None, rng: np.random.Generator) -> list[Path]:
    """Picture files below `folder`, shuffled by `rng`, at most `count`."""
    suffixes = {".jpg", ".jpeg", ".png", ".webp"}
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
    if not files:
        raise SystemExit(f"{folder}: no pictures; expected .jpg, .png or .webp files")
    return [files[place] for place in rng.permutation(len(files))[:count]]


def read_rgb(path: Path) -> Image:
    """A picture as uint8 RGB [H, W, 3]."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise SystemExit(f"{path}: cannot be read as a picture")
    return np.asarray(image, np.uint8)


def fill(picture: Image, width: int, height: int) -> Image:
    """The middle of a picture, scaled so that it fills `width` x `height`."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = (
        max(width, round(picture.shape[1] * scale)),
        max(height, round(picture.shape[0] * scale)),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(picture, size, interpolation=method)
    y, x = (resized.shape[0] - height) // 2, (resized.shape[1] - width) // 2
    return np.ascontiguousarray(resized[y : y + height, x : x + width], np.uint8)


def compose(
    background: Image,
    crops: Sequence[Image],
    sides: Sequence[float],
    turns: Sequence[float],
    rng: np.random.Generator,
) -> Frame:
    """`crops` on a copy of `background`, faces of `sides` pixels turned by `turns` degrees.

    Faces do not overlap and lie inside the frame whole. Raises ValueError if there is no room.
    """
    image, faces = background.copy(), []
    for crop, side, turn, (x, y) in zip(
        crops, sides, turns, _places(background.shape, sides, rng), strict=True
    ):
        image = paste(image, crop, (x, y), side, turn)
        faces.append(Face(_box(x, y, BOX_IN_CROP * side), turn))
    return Frame(image, tuple(faces))


def paste(
    image: Image, crop: Image, middle: tuple[float, float], side: float, turn: float
) -> Image:
    """The frame with one crop on it, its face at `middle`, `side` pixels wide."""
    scale = side / crop.shape[0]
    mask = _mask(crop.shape[0])
    if scale < 0.7:  # as a camera would: average, then place
        size = max(8, round(crop.shape[0] * scale))
        crop = np.asarray(cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
        resized = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA)
        mask = np.asarray(resized, np.float32)
        scale = side / size
    c, s = scale * cos(radians(turn)), scale * sin(radians(turn))
    half = (crop.shape[0] - 1) / 2
    x, y = middle
    matrix = np.array([[c, -s, x - c * half + s * half], [s, c, y - s * half - c * half]])
    size = (image.shape[1], image.shape[0])
    warped = cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(mask, matrix, size)[..., None]
    return np.asarray(np.rint(image * (1 - share) + warped * share), np.uint8)


def _box(x: float, y: float, side: float) -> Box:
    return Box(x - side / 2, y - side / 2, side, side)


def _mask(side: int) -> NDArray[np.float32]:
    """1 on the face, 0 at the crop's corners: a superellipse with a soft edge."""
    x = np.linspace(-1, 1, side)[None]
    radius = (np.abs(x / 0.97) ** 4 + np.abs(x.T / 1.0) ** 4) ** 0.25
    return np.asarray(np.clip((1 - radius) / 0.15, 0, 1), np.float32)


def _places(
    shape: tuple[int, ...], sides: Sequence[float], rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Middles of faces whose crops lie apart and inside the frame."""
    height, width = shape[:2]
    reaches = [0.5 * side for side in sides]
    for _ in range(200):
        places: list[tuple[float, float]] = []
        for reach in reaches:
            for _ in range(100):
                if 2 * reach > min(width, height):
                    raise ValueError(
                        f"a face with a reach of {reach:.0f} px has no room in {shape}"
                    )
                x, y = rng.uniform(reach, width - reach), rng.uniform(reach, height - reach)
                taken = zip(places, reaches, strict=False)
                if all(hypot(x - px, y - py) > 1.2 * (reach + other) for (px, py), other in taken):
                    places.append((x, y))
                    break
            else:
                break
        if len(places) == len(sides):
            return places
    raise ValueError(
        f"{len(sides)} faces of {max(sides):.0f} px have no room in a frame of {shape}"
    )
