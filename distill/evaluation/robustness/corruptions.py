"""What may be wrong with a picture: one table of conditions, each a plain function of pixels.

A condition changes the source picture, before the face is found in it, so that detection and
alignment suffer as they would in use; only what covers a part of the face is drawn on the aligned
face, where the parts are known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import cos, hypot, radians, sin
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.schema import AlignmentSpec
from mf2_edge.types import Box

Pixels = NDArray[np.uint8]

GAMMA: Final = 2.2
"""Of the displays that pictures are made for: pixel = light ** (1 / GAMMA)."""

_GREY: Final = 10.0
"""Mean distance, 0..255, of a pixel's channels up to which a picture counts as grey."""

_COVER: Final = 127
"""Pixel value of what covers a part of the face."""


@dataclass(frozen=True)
class Condition:
    """One row of the table.

    `change` takes the source picture and the face's box in it. `cover` is drawn on the aligned
    face instead: from the template's landmarks come top and bottom of a band. Either gives None
    where the condition would change nothing: such faces are left out of it.
    """

    name: str
    what: str
    change: Callable[[Pixels, Box], Pixels | None] | None = None
    cover: Callable[[AlignmentSpec], tuple[float, float]] | None = None


def blur(picture: Pixels, _: Box, *, sigma: float) -> Pixels:
    """Gaussian blur; sigma as a part of the picture's width."""
    wide = sigma * picture.shape[1]
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), wide), dtype=np.uint8)


def darken(picture: Pixels, _: Box, *, stops: float) -> Pixels:
    """Less light by `stops` (EV): each halves it; rounded to 8 bits as a camera would."""
    return np.round(picture * 2 ** (-stops / GAMMA)).astype(np.uint8)


def compress(picture: Pixels, _: Box, *, quality: int) -> Pixels:
    """Through JPEG of a quality 1..100."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    data = cv2.imencode(".jpg", picture[..., ::-1], settings)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8)


def rotate(picture: Pixels, _: Box, *, degrees: float) -> Pixels:
    """Clockwise about the middle; the canvas grows so that no corner is cut off."""
    height, width = picture.shape[:2]
    c, s = cos(radians(degrees)), sin(radians(degrees))
    wide = int(np.ceil(abs(c) * width + abs(s) * height))
    high = int(np.ceil(abs(s) * width + abs(c) * height))
    x, y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array(
        [[c, -s, (wide - 1) / 2 - c * x + s * y], [s, c, (high - 1) / 2 - s * x - c * y]]
    )
    turned = cv2.warpAffine(
        picture, matrix, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(turned, dtype=np.uint8)


def shrink(picture: Pixels, face: Box, *, side: int) -> Pixels | None:
    """The picture scaled so that the shorter side of the face is `side` pixels; never enlarged."""
    scale = side / min(face.width, face.height)
    if scale >= 1:
        return None
    height, width = (max(2, round(length * scale)) for length in picture.shape[:2])
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )


def grey(picture: Pixels, _: Box) -> Pixels | None:
    """Without colour; None if it has none."""
    if is_grey(picture):
        return None
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def is_grey(picture: Pixels) -> bool:
    """Whether the channels are nearly the same everywhere; JPEG leaves a little colour."""
    return float(np.ptp(picture.astype(np.int16), axis=2).mean()) < _GREY


def cover_band(aligned: Pixels, top: float, bottom: float) -> Pixels:
    """The aligned face with a grey band across its whole width, from row `top` up to `bottom`."""
    covered = aligned.copy()
    covered[max(0, round(top)) : max(0, round(bottom))] = _COVER
    return covered


def eye_band(spec: AlignmentSpec, *, half: float) -> tuple[float, float]:
    """Rows about the eyes; `half` its half height as a part of the distance of the eyes."""
    right, left = spec.points["right_eye"], spec.points["left_eye"]
    reach = half * hypot(left[0] - right[0], left[1] - right[1])
    return (right[1] + left[1]) / 2 - reach, (right[1] + left[1]) / 2 + reach


def mouth_band(spec: AlignmentSpec, *, half: float) -> tuple[float, float]:
    """Rows about the mouth; `half` its half height as a part of the distance of the eyes."""
    right, left = spec.points["right_eye"], spec.points["left_eye"]
    reach = half * hypot(left[0] - right[0], left[1] - right[1])
    return spec.points["mouth_center"][1] - reach, spec.points["mouth_center"][1] + reach


CONDITIONS: Final = (
    Condition("blur 2 %", "Gaussian blur, sigma 2 % of the width", partial(blur, sigma=0.02)),
    Condition("blur 4 %", "Gaussian blur, sigma 4 % of the width", partial(blur, sigma=0.04)),
    Condition("dark 2 EV", "a quarter of the light (2 stops), 8 bits", partial(darken, stops=2)),
    Condition("dark 4 EV", "a 16th of the light (4 stops), 8 bits", partial(darken, stops=4)),
    Condition("JPEG 10", "JPEG of quality 10", partial(compress, quality=10)),
    Condition("turned 15°", "turned clockwise by 15 degrees", partial(rotate, degrees=15)),
    Condition("turned 30°", "turned clockwise by 30 degrees", partial(rotate, degrees=30)),
    Condition("turned 45°", "turned clockwise by 45 degrees", partial(rotate, degrees=45)),
    Condition(
        "eyes covered",
        "a grey band over the eyes of the aligned face, 0.6 eye distances high",
        cover=partial(eye_band, half=0.3),
    ),
    Condition(
        "mouth covered",
        "a grey band over the mouth of the aligned face, 0.8 eye distances high",
        cover=partial(mouth_band, half=0.4),
    ),
    Condition("face 48 px", "scaled down to a face of 48 pixels", partial(shrink, side=48)),
    Condition("face 24 px", "scaled down to a face of 24 pixels", partial(shrink, side=24)),
    Condition("grey", "colour taken out of the pictures that have any", grey),
)  # fmt: skip
"""All conditions, in the order of the report; strengths and their units stand here alone."""
