"""Image files and PIL images as arrays, upright, 8 bits a channel, in bounded memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import ImageFileError
from mf2_edge.io.regular import open_regular

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES: Final = frozenset(
    (
        *(".apng", ".avif", ".avifs", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe"),
        *(".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"),
    )
)
"""What a folder is searched for; a file that is named itself may have any suffix."""

FORMATS: Final[tuple[str, ...]] = (
    "JPEG",
    "MPO",
    "PNG",
    "WEBP",
    "TIFF",
    "BMP",
    "GIF",
    "AVIF",
    "HEIF",
)
"""Pillow's names of what is read. It knows others, and runs Ghostscript for EPS."""

LONGEST_SIDE: Final = 65_535
"""Pixels, as in JPEG. Longer ones are few pixels wide, and cost far more than they show."""

_EXIF_ORIENTATION: Final = 0x0112
_STRIP_PIXELS: Final = 1 << 22
"""Pixels converted at a time: a large photograph is held once by Pillow and once as an array."""

# EXIF orientation -> (swap axes, then flip top to bottom, then flip left to right).
_ORIENTATIONS: Final = {
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def read_image(source: str | Path | bytes | BinaryIO) -> NDArray[np.uint8]:
    """An image file as uint8 RGB [H, W, 3], its EXIF orientation applied.

    `source` is its path, its bytes, or a binary file that is open; that stays open. Of animations
    the first picture; transparency lies on white. Pillow's guard against decompression bombs bounds
    the size at about 179 megapixels (some 1.3 GB while reading), and no side may exceed
    `LONGEST_SIDE`. Only `FORMATS` are read, whatever the file is called.

    Raises ImageFileError if the file is missing, truncated, too large, or not an image.
    """
    from PIL import Image, UnidentifiedImageError

    path = _name(source)
    try:
        Image.init()
        known: list[str] = [name for name in FORMATS if name in Image.OPEN]
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; phones take such photographs.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with _opened(source) as stream, Image.open(stream, formats=known) as image:
                _check_sides(path, image)
                array = to_rgb_array(image)
    except FileNotFoundError as error:
        raise ImageFileError(f"{path}: no such file") from error
    except UnidentifiedImageError as error:
        raise ImageFileError(
            f"{path}: is not an image that Pillow reads{_advice(path)}; expected "
            "JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF"
        ) from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise ImageFileError(
            f"{path}: too large; expected at most {limit} megapixels: scale it down first"
        ) from error
    except PermissionError as error:
        raise ImageFileError(f"{path}: may not be read ({error.strerror})") from error
    except IsADirectoryError as error:
        raise ImageFileError(f"{path}: is a folder; expected an image file") from error
    except MemoryError as error:
        raise ImageFileError(
            f"{path}: does not fit into memory; expected a smaller picture: scale it down first"
        ) from error
    except ImageFileError:
        raise
    except Exception as error:
        # Pillow's decoders let through whatever a damaged file makes them stumble over:
        # OSError for a truncated JPEG, SyntaxError for a broken PNG, struct.error, EOFError...
        raise ImageFileError(
            f"{path}: truncated or damaged ({error}); expected a complete image file"
        ) from error
    return array


def _name(source: str | Path | bytes | BinaryIO) -> str:
    """What messages call it."""
    if isinstance(source, bytes):
        return f"a picture of {len(source):,} bytes"
    return str(source) if isinstance(source, str | Path) else str(getattr(source, "name", source))


@contextmanager
def _opened(source: str | Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield BytesIO(source)
    elif isinstance(source, str | Path):
        with open_regular(Path(source)) as stream:
            yield stream
    else:
        yield source


def _check_sides(path: str, image: Image.Image) -> None:
    """Before a pixel is decoded."""
    if max(image.size) > LONGEST_SIDE:
        raise ImageFileError(
            f"{path}: {image.width} x {image.height} px; expected sides of at most "
            f"{LONGEST_SIDE:,} px: cut it into parts first"
        )
    if min(image.size) < 2:
        raise ImageFileError(
            f"{path}: {image.width} x {image.height} px; expected sides of at least 2 px"
        )


def to_rgb_array(image: Image.Image) -> NDArray[np.uint8]:
    """A PIL image as uint8 RGB [H, W, 3], upright by its EXIF orientation.

    Raises ValueError for pixel formats without a meaning as 8-bit colour, and what Pillow raises
    where an image that is still being read turns out to be damaged.
    """
    swap, flip_y, flip_x = _ORIENTATIONS.get(
        image.getexif().get(_EXIF_ORIENTATION, 1), (False, False, False)
    )
    width, height = image.size
    upright = np.empty((width, height, 3) if swap else (height, width, 3), dtype=np.uint8)
    # A view of the result in the orientation of the file, so that no second copy is needed.
    stored = upright[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    stored = stored.swapaxes(0, 1) if swap else stored
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        stored[top : top + rows] = _strip_to_rgb(strip)
    return upright


def _strip_to_rgb(strip: Image.Image) -> NDArray[np.uint8]:
    if strip.mode == "RGB":
        return np.asarray(strip)
    if strip.mode.startswith("I;16"):
        # convert() would clip at 255 instead of scaling.
        grey = (np.asarray(strip) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if strip.mode in ("I", "F"):
        raise ValueError(
            f"pixel format {strip.mode} (32 bits a pixel) has no range of its own; "
            "expected 8 or 16 bits a channel: save it as such"
        )
    if strip.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in strip.info:
        from PIL import Image

        layered = strip.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return np.asarray(Image.alpha_composite(white, layered).convert("RGB"))
    return np.asarray(strip.convert("RGB"))


def _advice(path: str) -> str:
    suffix = Path(path).suffix.lower()
    if suffix in (".heic", ".heif", ".avif"):
        return f" ({suffix} needs a plugin: convert it to JPEG)"
    return ""
