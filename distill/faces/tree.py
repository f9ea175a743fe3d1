"""A data set's files, whether they lie in a folder or in a tar archive."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Tree(Protocol):
    """Read access to files by their relative POSIX path."""

    def names(self) -> list[str]:
        """All file paths, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """Content of one file; raises KeyError if there is none."""
        ...

    def path(self, name: str) -> Path:
        """Where a file lies on disk, for what only reads files; raises ArchiveError in a tar."""
        ...


class ArchiveError(ValueError):
    """Something is wanted from an archive that only a folder can give."""


class FolderTree:
    """The files under a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> list[str]:
        """All file paths, sorted."""
        return sorted(p.relative_to(self._root).as_posix() for p in self._files())

    def read(self, name: str) -> bytes:
        """Content of one file; raises KeyError if there is none."""
        path = self._root / name
        if not path.is_file():
            raise KeyError(name)
        return path.read_bytes()

    def path(self, name: str) -> Path:
        """Where a file lies on disk."""
        return self._root / name

    def _files(self) -> Iterator[Path]:
        return (path for path in self._root.rglob("*") if path.is_file())


class TarTree:
    """The files in an uncompressed tar archive, read in place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tar = tarfile.open(path, "r:")  # noqa: SIM115  (open as long as the tree is)
        self._members = {
            member.name.removeprefix("./"): member
            for member in self._tar.getmembers()
            if member.isfile()
        }

    def names(self) -> list[str]:
        """All file paths, sorted."""
        return sorted(self._members)

    def read(self, name: str) -> bytes:
        """Content of one file; raises KeyError if there is none."""
        file = self._tar.extractfile(self._members[name])
        assert file is not None  # only regular files are in the index
        with file:
            return file.read()

    def path(self, name: str) -> Path:
        """Nothing in an archive lies on disk; raises ArchiveError."""
        raise ArchiveError(
            f"{name} lies in the archive {self._path}, where videos cannot be read: unpack it and "
            "point the root at the folder"
        )


def open_tree(path: Path) -> Tree:
    """Open a folder or a tar archive; raises FileNotFoundError naming the path otherwise."""
    if path.is_dir():
        return FolderTree(path)
    if path.is_file() and tarfile.is_tarfile(path):
        return TarTree(path)
    raise FileNotFoundError(f"no data set at {path}: expected a folder or an uncompressed .tar")
