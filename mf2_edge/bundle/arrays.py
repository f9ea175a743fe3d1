"""Arrays of an .npz of a bundle, read within bounds: no pickles, no bombs, nothing encrypted."""

from __future__ import annotations

from io import BytesIO
from math import prod
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from mf2_edge.errors import BundleError

LARGEST: Final = 512_000_000
"""Bytes that all arrays of a file may take together."""

_ENCRYPTED: Final = 0x1


def read_arrays(data: bytes, source: str) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz by name; `source` is named in errors.

    Raises BundleError for anything else, before memory is taken that the file does not fill.
    """
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            total = sum(entry.file_size for entry in entries)
            if total > LARGEST:
                raise BundleError(
                    f"{source}: {total:,} bytes unpacked; expected {LARGEST:,} at most"
                )
            for entry in entries:
                _check_entry(archive, entry.filename)
            if any(entry.flag_bits & _ENCRYPTED for entry in entries):
                raise BundleError(f"{source}: is encrypted; expected plain arrays")
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except BundleError:
        raise
    except Exception as error:
        # zipfile, zlib and NumPy let through whatever damage makes them stumble over.
        raise BundleError(f"{source}: not a golden file ({error})") from error


def _check_entry(archive: ZipFile, name: str) -> None:
    """That the shape an array claims is that of the bytes it has."""
    with archive.open(name) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        size = archive.getinfo(name).file_size - stream.tell()
    if dtype.hasobject or prod(shape) * dtype.itemsize != size:
        raise ValueError(f"{name} claims {list(shape)} of {dtype} in {size:,} bytes")
