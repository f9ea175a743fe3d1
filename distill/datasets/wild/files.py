"""The files of MFA-wild: gzipped JSON lines, listed with their hashes in `codes.json`."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from distill.datasets.wild.codes import CodedFace, CodesError
from mf2_edge.io.atomic import replacing, write_json

FOLDER: Final = Path(__file__).parents[2] / "mfa" / "wild"
"""The files that come with the project."""
INDEX: Final = "codes.json"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of codes.

    sha256 is that of its lines, not of their compression, which differs between zlib's versions.
    """

    file: str
    faces: int
    sha256: str
    coder: str
    """By what it was coded, in a few words."""


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files of a folder, in order."""

    parts: tuple[Part, ...]


def load_codes(folder: Path = FOLDER) -> tuple[CodedFace, ...]:
    """Every coded face of a folder, each once.

    Raises CodesError for a file that is missing, damaged or not as the index says.
    """
    return _load(folder)


def load_parts(folder: Path = FOLDER) -> list[tuple[Part, list[CodedFace]]]:
    """The same by part; errors as above, CodesError also if there is none."""
    parts = read_index(folder).parts
    if not parts:
        raise CodesError(f"no codes in {folder}: `python -m distill mfa codes` writes them")
    return [(part, _read_part(folder, part)) for part in parts]


def read_lines(content: bytes, name: str) -> list[CodedFace]:
    """Faces from JSON lines; raises CodesError naming the line."""
    faces = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            faces.append(msgspec.json.decode(line, type=CodedFace))
        except msgspec.DecodeError as error:
            raise CodesError(f"line {number} of {name}: {error}") from error
    return faces


def write_lines(faces: Iterable[CodedFace]) -> bytes:
    """JSON lines of faces by data set and name: equal codes are equal bytes."""
    tidy = [
        msgspec.structs.replace(
            face,
            coder_a=face.coder_a.ordered(),
            coder_b=None if face.coder_b is None else face.coder_b.ordered(),
        )
        for face in sorted(faces, key=_place)
    ]
    return b"".join(msgspec.json.encode(face) + b"\n" for face in tidy)


def save_part(folder: Path, file: str, faces: Sequence[CodedFace], coder: str) -> Part:
    """Write a part and the index; the part of the same name is replaced.

    A part whose lines are those on disk keeps its file. Raises CodesError for a face that occurs
    twice, here or in another part.
    """
    others = [part for part in read_index(folder).parts if part.file != file]
    known = {face.name for part in others for face in _read_part(folder, part)}
    for face in faces:
        if face.name in known:
            raise CodesError(f"{face.name} is coded twice; join its codes into one line")
        known.add(face.name)
    content = write_lines(faces)
    part = Part(file, len(faces), sha256(content).hexdigest(), coder)
    if not (folder / file).is_file() or _unpack(folder / file) != content:
        with replacing(folder / file) as partial:
            partial.write_bytes(gzip.compress(content, 9, mtime=0))
    index = Index(tuple(sorted([*others, part], key=lambda one: one.file)))
    write_json(folder / INDEX, index)
    _load.cache_clear()
    return part


def read_index(folder: Path) -> Index:
    """Which parts a folder has; none if there is no index. Raises CodesError if it is damaged."""
    try:
        return msgspec.json.decode((folder / INDEX).read_bytes(), type=Index)
    except FileNotFoundError:
        return Index(())
    except msgspec.DecodeError as error:
        raise CodesError(f"{folder / INDEX}: {error}") from error


@lru_cache(maxsize=4)
def _load(folder: Path) -> tuple[CodedFace, ...]:
    return tuple(face for _, faces in load_parts(folder) for face in faces)


def _read_part(folder: Path, part: Part) -> list[CodedFace]:
    content = _unpack(folder / part.file)
    if sha256(content).hexdigest() != part.sha256:
        raise CodesError(
            f"{folder / part.file} is not what {INDEX} lists: get both from one version"
        )
    return read_lines(content, part.file)


def _unpack(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise CodesError(f"{path} cannot be read: {error}") from error


def _place(face: CodedFace) -> tuple[str, list[tuple[int, str]]]:
    """Numbers in names count as numbers."""
    pieces = re.findall(r"\d+|\D+", face.image)
    return face.set, [(int(p), "") if p.isdigit() else (0, p) for p in pieces]
