"""Outputs against inputs, before anything is opened: no command destroys what it was to read."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mf2_edge.errors import OutputError


def check_outputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse outputs that are inputs, that are each other, or that cannot be written.

    Files are the same where their paths lead to one place, through links and hard links too.
    Devices and pipes are not compared. Nothing is opened or changed.

    Raises OutputError.
    """
    read = {key: path for path in inputs for key in _keys(path)}
    written: dict[Hashable, Path] = {}
    for path in outputs:
        for key in _keys(path):
            if key in read:
                raise OutputError(
                    f"{path}: would overwrite {read[key]}, which is an input; expected another "
                    "name or folder for the output"
                )
            if key in written:
                raise OutputError(
                    f"{path}: is the same file as the output {written[key]}; expected a file of "
                    "its own for each output"
                )
        _check_place(path)
        written |= dict.fromkeys(_keys(path), path)


def _keys(path: Path) -> Iterator[Hashable]:
    """What two paths to the same file share; nothing for devices and pipes."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        with suppress(ValueError):  # a name that no file can have
            yield os.path.realpath(path)
        return
    if path.is_file() or path.is_dir():
        yield os.path.realpath(path)
        yield found.st_dev, found.st_ino


def _check_place(path: Path) -> None:
    """Whether a file may be written or made there, folders above it included."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise OutputError(f"{path}: cannot be written ({said}); expected another name") from error
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; expected the name of a file")
    place = path
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if place != path and not place.is_dir():
        raise OutputError(f"{path}: cannot be written; {place} is no folder")
    rights = os.W_OK | (os.X_OK if place.is_dir() else 0)
    if place.exists() and not os.access(place, rights):
        raise OutputError(
            f"{path}: cannot be written; expected a place where files may be written, which "
            f"{place} is not"
        )
