"""A data set's files, whether they lie in a folder, in a tar archive, or in several of both.

A TOML file joins several folders and archives into one tree, each below a folder of its own:

    [trees]
    fairface = ["/data/fairface.tar", "/data/fairface-more"] # the first that has a file gives it
    rafdb = ["/data/rafdb"]
"""

from __future__ import annotations

import os
import tarfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from distill.datasets.made_up import MadeUpTree, is_made_up

DATA_ROOT: Final = "MF2_EDGE_DATA"
"""Environment variable: the folder that the relative paths of data in recipes start from, in the
place of the working directory. `--data-root` sets it."""


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


class JoinedTree:
    """Several trees as one, each below a folder."""

    def __init__(self, trees: Mapping[str, Sequence[Tree]]) -> None:
        self._places: dict[str, tuple[Tree, str]] = {}
        for folder, alternatives in trees.items():
            for tree in alternatives:
                for name in tree.names():
                    self._places.setdefault(f"{folder}/{name}", (tree, name))

    def names(self) -> list[str]:
        """All file paths, sorted."""
        return sorted(self._places)

    def read(self, name: str) -> bytes:
        """Content of one file; raises KeyError if there is none."""
        tree, own = self._places[name]
        return tree.read(own)

    def path(self, name: str) -> Path:
        """Where a file lies on disk; raises ArchiveError for one in an archive."""
        tree, own = self._places[name]
        return tree.path(own)


class TreesError(ValueError):
    """A TOML file does not say where data sets lie."""


def open_tree(path: Path) -> Tree:
    """Open a folder, a tar archive, or a TOML file that names several of them.

    Relative paths, those in the TOML file too, start from the folder that the environment names
    (see `DATA_ROOT`), else from the working directory; that of the TOML file from the latter.
    Raises FileNotFoundError naming what is not there, TreesError for a TOML file of another kind,
    MadeUpError for a wrong number of drawings.
    """
    if is_made_up(path):
        return MadeUpTree(path)
    if path.suffix == ".toml" and path.is_file():
        return JoinedTree(
            {
                folder: [open_tree(Path(root)) for root in roots]
                for folder, roots in _read_roots(path).items()
            }
        )
    path = placed(path)
    if path.is_dir():
        return FolderTree(path)
    if path.is_file() and tarfile.is_tarfile(path):
        return TarTree(path)
    raise FileNotFoundError(
        f"no data set at {path}: expected a folder or an uncompressed .tar; "
        f"--data-root, or {DATA_ROOT}, names the folder that holds your data sets"
    )


def files_of(path: Path) -> tuple[Path, ...]:
    """The folders and archives of a tree: those that a TOML file names, or the path itself."""
    if path.suffix == ".toml" and path.is_file():
        return tuple(placed(Path(r)) for roots in _read_roots(path).values() for r in roots)
    return () if is_made_up(path) else (placed(path),)


def placed(path: Path) -> Path:
    """Where a path of data is: a relative one below the folder that the environment names."""
    return Path(os.environ.get(DATA_ROOT, "")) / path


def _read_roots(path: Path) -> dict[str, list[str]]:
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TreesError(f"{path} is not TOML: {error}") from error
    trees = content.get("trees")
    if content.keys() != {"trees"} or not isinstance(trees, dict) or not trees:
        raise TreesError(f"{path} does not join trees: expected a table [trees] and nothing else")
    for folder, roots in trees.items():
        if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
            raise TreesError(f"{path}: trees.{folder} is {roots!r}; expected a list of paths")
    return trees
