"""Input images: whatever the caller passes becomes uint8 RGB [H, W, 3], or a typed error.

Every message says what came in, what was expected, and the line that mends it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, TypeAlias, TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import BoxError, FrameError
from mf2_edge.io.image_file import read_image, to_rgb_array
from mf2_edge.types import Box

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ColorOrder", "ImageLike", "check_boxes", "check_crop", "check_frame", "read_image"]

ColorOrder = Literal["bgr", "rgb"]

ImageLike: TypeAlias = "NDArray[Any] | Image.Image | str | Path | bytes | BinaryIO"
"""A picture as callers have it: an array, as OpenCV and others type theirs, a PIL image, or a file
by its path, by its bytes, or open in binary mode.

Arrays are checked to be uint8 [H, W, 3] when they are used, since no type says so.
"""

_SMALLEST_SIDE = 2


def check_frame(frame: object, color: ColorOrder = "bgr") -> NDArray[np.uint8]:
    """A frame as contiguous uint8 RGB [H, W, 3].

    `color` is the channel order of arrays; PIL images and files know their own, and their EXIF
    orientation is applied. An RGB array that is contiguous already is not copied.

    Raises FrameError if it is not such an image, ImageFileError if its file cannot be read.
    """
    if color not in ("bgr", "rgb"):
        raise ValueError(f"color={color!r}: expected 'bgr' or 'rgb'")
    if isinstance(frame, str | Path | bytes):
        return read_image(frame)
    if isinstance(frame, bytearray | memoryview):
        return read_image(bytes(frame))
    if _is_file(frame):
        return read_image(frame)
    if _is_pil(frame):
        return _from_pil(frame)
    array = _checked_array(frame)
    if array.ndim == 2 or array.shape[2] == 1:
        raise FrameError(
            f"frame is grey, {_shape(array)}; expected colour HxWx3: cv2.cvtColor(frame, "
            "cv2.COLOR_GRAY2BGR), or predict_crops, which takes grey crops"
        )
    return _to_rgb(array, color)


def check_crop(crop: object, color: ColorOrder, index: int) -> NDArray[np.uint8]:
    """A face crop as contiguous uint8 RGB [H, W, 3].

    Like `check_frame`, but grey [H, W] and [H, W, 1] are taken too, their value standing for all
    three channels.

    Raises FrameError or ImageFileError that name the crop's `index`.
    """
    try:
        if not isinstance(crop, np.ndarray):
            return check_frame(crop, color)
        array = _checked_array(crop)
        if array.ndim == 2 or array.shape[2] == 1:
            return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
        return check_frame(array, color)
    except (FrameError, OSError) as error:
        raise type(error)(f"crop {index}: {error}") from error


LARGEST_POSITION: Final = 1e6
"""Pixels; far beyond any frame the arithmetic of positions is no longer exact."""


def check_boxes(boxes: object, shape: tuple[int, ...]) -> list[Box]:
    """Boxes for a frame of `shape` (H, W, ...): `Box`es, (x, y, width, height) or an Nx4 array.

    They may reach beyond the frame. Raises BoxError if one is not finite or millions of pixels
    large, has no size, or lies wholly outside.
    """
    if isinstance(boxes, Box) or not isinstance(boxes, Iterable):
        raise BoxError(f"boxes is {type(boxes).__name__}; expected a list of boxes: [box]")
    return [_checked_box(box, number, shape) for number, box in enumerate(boxes)]


def _checked_box(box: Any, number: int, shape: tuple[int, ...]) -> Box:
    numbers = (box.x, box.y, box.width, box.height) if isinstance(box, Box) else box
    try:
        x, y, width, height = (float(value) for value in numbers)
    except (TypeError, ValueError, OverflowError) as error:
        raise BoxError(
            f"box {number} is {_said(box)}; expected a Box or four numbers x, y, width, height"
        ) from error
    frame_height, frame_width = shape[:2]
    if not all(abs(value) < LARGEST_POSITION for value in (x, y, width, height)):
        raise BoxError(
            f"box {number} is {_said(box)}; expected finite numbers below {LARGEST_POSITION:g}"
        )
    if width <= 0 or height <= 0:
        raise BoxError(
            f"box {number} is {width:g} x {height:g} px; expected a positive width and height "
            "(x, y, width, height, not two corners)"
        )
    if x >= frame_width or y >= frame_height or x + width <= 0 or y + height <= 0:
        raise BoxError(
            f"box {number} (x={x:g}, y={y:g}, width={width:g}, height={height:g}) lies outside "
            f"the frame of {frame_width} x {frame_height} px; expected pixels of this frame"
        )
    return Box(x, y, width, height)


def _said(value: object) -> str:
    """A value in a message, whatever it is: Python refuses to write numbers of 5,000 digits."""
    try:
        text = repr(value)
    except ValueError:
        return f"a {type(value).__name__} of numbers too long to write"
    return text if len(text) <= 200 else f"{text[:200]}..."


def _checked_array(frame: object) -> NDArray[np.uint8]:
    """The array itself, once it is uint8, two- or three-dimensional and not tiny."""
    if frame is None:
        raise FrameError(
            "frame is None; expected an image. cv2.imread and VideoCapture.read give None for "
            "what they cannot read: pass the path itself to learn why"
        )
    if not isinstance(frame, np.ndarray):
        raise FrameError(
            f"frame is {type(frame).__module__}.{type(frame).__name__}; expected a uint8 numpy "
            "array HxWx3, a PIL image, or a file by path or bytes: np.asarray(frame)"
        )
    if frame.size == 0:
        raise FrameError(f"frame is empty, {_shape(frame)}; expected HxWx3")
    if frame.dtype != np.uint8:
        raise FrameError(f"frame is {frame.dtype}; expected uint8 in 0..255: {_mend(frame)}")
    if frame.ndim == 3 and frame.shape[0] == 3 and frame.shape[2] not in (1, 3, 4):
        raise FrameError(
            f"frame is {_shape(frame)}, channels first; expected HxWx3: frame.transpose(1, 2, 0)"
        )
    if frame.ndim == 3 and frame.shape[2] == 4:
        raise FrameError(
            f"frame is {_shape(frame)}, with an alpha channel; expected HxWx3: "
            "cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR) or frame[..., :3]"
        )
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] not in (1, 3)):
        raise FrameError(f"frame is {_shape(frame)}; expected one image HxWx3")
    if min(frame.shape[:2]) < _SMALLEST_SIDE:
        raise FrameError(
            f"frame is {_shape(frame)}; expected sides of at least {_SMALLEST_SIDE} px"
        )
    return frame


def _mend(frame: NDArray[Any]) -> str:
    """The expression that turns an array of another type into the expected one."""
    if np.issubdtype(frame.dtype, np.floating):
        if not np.isfinite(frame).all():
            return "it holds NaN or infinity, so look at where it comes from first"
        if frame.min() >= 0 and frame.max() <= 1:
            return "its values lie in 0..1, so (frame * 255).round().astype(np.uint8)"
        if frame.min() < 0:
            return "it holds negative values, so undo the normalisation first"
        return "frame.round().clip(0, 255).astype(np.uint8)"
    if frame.dtype == np.uint16 and frame.max() > 255:
        return "(frame // 257).astype(np.uint8) if it spans 0..65535"
    return "frame.astype(np.uint8) if its values lie in 0..255"


def _to_rgb(array: NDArray[np.uint8], color: ColorOrder) -> NDArray[np.uint8]:
    contiguous = np.ascontiguousarray(array)
    if color == "rgb":
        return contiguous
    return np.asarray(cv2.cvtColor(contiguous, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _is_file(frame: object) -> TypeGuard[BinaryIO]:
    """Whether it is an open file, by the methods that Pillow needs."""
    return all(callable(getattr(frame, name, None)) for name in ("read", "seek", "tell"))


def _is_pil(frame: object) -> TypeGuard[Image.Image]:
    """Whether it is a PIL image; without PIL loaded there is none."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(frame, module.Image)


def _from_pil(image: Image.Image) -> NDArray[np.uint8]:
    if min(image.size) < _SMALLEST_SIDE:
        raise FrameError(
            f"frame is a PIL image of {image.width} x {image.height} px; expected sides of at "
            f"least {_SMALLEST_SIDE} px"
        )
    try:
        return to_rgb_array(image)
    except (OSError, ValueError) as error:
        raise FrameError(f"frame is a PIL image that cannot be read: {error}") from error


def _shape(array: NDArray[Any]) -> str:
    return "x".join(map(str, array.shape)) or "a single number"
