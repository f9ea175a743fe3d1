"""Atomic writes: a file is at any time absent, old or new, never half written."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

import msgspec
import numpy as np

_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY
_HERE: Final = -100
"""AT_FDCWD of Linux: paths start from the working directory."""
_EXCHANGE: Final = 2
"""RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS."""
_ANYBODY: Final = 0o666
"""What the process's umask leaves of it is the mode of a new file."""


def partial_of(path: Path) -> Path:
    """A new empty file in the folder of `path`, to be written and then given to `put_in_place`.

    Its name is unique, so two writers do not disturb each other and nothing that lies there
    is followed or overwritten. The suffix is that of `path`, since some writers go by it; so is
    the mode, where `path` exists. Missing folders are made.

    Raises OSError where nothing can be written, or `path` is there and no regular file.
    """
    target = _target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o7777 if target.exists() else None
    partial = target.with_name(f".partial-{token_hex(8)}{target.suffix}")
    handle = os.open(partial, _NEW, _ANYBODY if mode is None else mode)
    os.close(handle)
    if mode is not None:
        with suppress(PermissionError):  # file systems without modes
            partial.chmod(mode)
    return partial


def put_in_place(partial: Path, path: Path) -> None:
    """Let a file of `partial_of` take the place of `path`, once it is on the disk; else OSError."""
    target = _target(path)
    with partial.open("rb+") as written:
        os.fsync(written.fileno())
    partial.replace(target)
    # The name is an entry of the folder, which Windows cannot open.
    with suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def exchange(one: Path, other: Path) -> bool:
    """Let two folders of one file system take each other's place in a single step.

    False, and nothing is done, where the system or the file system has no such step.
    """
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux":
        rename, arguments = "renameat2", (_HERE, names[0], _HERE, names[1], _EXCHANGE)
    elif sys.platform == "darwin":
        rename, arguments = "renamex_np", (*names, _EXCHANGE)
    else:
        return False
    function = getattr(ctypes.CDLL(None), rename, None)
    return function is not None and function(*arguments) == 0


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a file beside `path` to write to; it takes `path`'s place if the block succeeds.

    On any exception, Ctrl-C among them, what was written is removed and `path` is left as it was.
    Raises as `partial_of`.
    """
    partial = partial_of(path)
    try:
        yield partial
        put_in_place(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Write structs, mappings, sequences and numbers as indented JSON; raises as `replacing`."""
    text = msgspec.json.encode(content, enc_hook=_python_number)
    with replacing(path) as partial:
        partial.write_bytes(msgspec.json.format(text, indent=1) + b"\n")


def _python_number(value: object) -> object:
    """What msgspec does not know, as the plain number that it is; TypeError if it is none."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON")


def _target(path: Path) -> Path:
    """What a link leads to, since the link itself is to stay; OSError for what is no file."""
    target = path.resolve() if path.is_symlink() else path
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return target
