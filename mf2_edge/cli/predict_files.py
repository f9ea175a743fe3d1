"""Many photographs in one go: find them, analyse each, go on past those that cannot be read."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mf2_edge.cli.output import Form, shown, writer
from mf2_edge.errors import ImageFileError
from mf2_edge.io.atomic import replacing
from mf2_edge.io.image_file import IMAGE_SUFFIXES, read_image
from mf2_edge.io.outputs import check_outputs
from mf2_edge.io.regular import is_folder
from mf2_edge.parallel import map_ordered

if TYPE_CHECKING:
    from PIL import Image

    from mf2_edge.analyzer import FaceStateAnalyzer
    from mf2_edge.types import FaceState


@dataclass(frozen=True, slots=True)
class Source:
    """A photograph to analyse, and where its annotated picture goes inside the output folder."""

    path: Path
    picture: Path


def predict_files(
    open_analyzer: Callable[[], FaceStateAnalyzer],
    paths: Sequence[Path],
    *,
    form: Form = "text",
    annotate: Path | None = None,
    out: TextIO | None = None,
    workers: int = 1,
) -> list[str]:
    """Analyse files and folders, writing results to `out` (stdout) as they come.

    Folders are searched with all below them for image files, but for what is hidden. Results come
    in the order of `paths`, folders sorted. `workers` files are analysed at a time, each by an
    analyzer of its own. More than one file shows a progress bar on stderr. `annotate` is a folder,
    made if need be, for the annotated pictures: a JPEG a photograph, in the same subfolders.

    Returns a line for every input that could not be read. Raises OutputError, before a photograph
    is read, where an annotated picture would overwrite one of them or cannot be written.
    """
    from tqdm import tqdm

    sources, failures, others = _find(paths)
    if others:
        kinds = ", ".join(f"{count} {kind}" for kind, count in others.most_common(5))
        said = f"passed over {others.total():,} files that are no known pictures ({kinds})"
        print(f"mf2-edge: {shown(said)}", file=sys.stderr)  # noqa: T201 - the command's own words
    analyzer = open_analyzer()
    if annotate is not None:
        pictures = [annotate / source.picture for source in sources]
        files = analyzer.bundle.files()
        check_outputs(pictures, [*(source.path for source in sources), *files])
    results = writer(form, out or sys.stdout, analyzer.bundle.manifest, analyzer.units)
    opened = [analyzer]

    def analyse(analyzer: FaceStateAnalyzer, source: Source) -> list[FaceState] | ImageFileError:
        return _analyse(analyzer, source, annotate)

    def another() -> FaceStateAnalyzer:
        return opened.pop() if opened else open_analyzer()

    workers = max(1, min(workers, len(sources)))
    answers = map_ordered(analyse, sources, another, workers)
    with tqdm(
        total=len(sources), unit=" photos", disable=len(sources) < 2, file=sys.stderr
    ) as progress:
        results.begin()
        try:
            for source, answer in zip(sources, answers, strict=True):
                with progress.external_write_mode():
                    if isinstance(answer, ImageFileError):
                        failures.append(str(answer))
                        results.failed(source.path, str(answer))
                    else:
                        results.faces(source.path, answer)
                progress.update()
        finally:  # JSON stays valid after Ctrl-C
            results.end()
    return failures


def _analyse(
    analyzer: FaceStateAnalyzer, source: Source, annotate: Path | None
) -> list[FaceState] | ImageFileError:
    """The faces of one photograph, its annotated picture written; the error if it is unreadable."""
    try:
        image = read_image(source.path)
    except ImageFileError as error:
        return error
    faces = analyzer.predict(image, color="rgb")
    if annotate is not None:
        from mf2_edge.io.draw import draw

        _save_jpeg(draw(image, faces, color="rgb"), annotate / source.picture)
    return faces


def _find(paths: Sequence[Path]) -> tuple[list[Source], list[str], Counter[str]]:
    """Photographs, what failed, and by suffix the files of folders that are no pictures."""
    others: Counter[str] = Counter()
    sources: list[Source] = []
    failures: list[str] = []
    taken: dict[Path, int] = {}
    for path in paths:
        searched = is_folder(path)
        found = sorted(_images_below(path, others)) if searched else [path]
        if not found:
            suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
            failures.append(f"{path}: no image files in this folder (looked for {suffixes})")
        for file in found:
            inside = file.relative_to(path) if searched else Path(file.name)
            sources.append(Source(file, _unused(inside.with_suffix(".jpg"), taken)))
    return sources, failures, others


def _images_below(folder: Path, others: Counter[str]) -> Iterator[Path]:
    """Image files, but none that is hidden or lies in a hidden folder, such as `.venv`."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(place, name)
            if name.startswith("."):
                continue
            if file.suffix.lower() in IMAGE_SUFFIXES:
                yield file
            else:
                others[file.suffix.lower() or "without a suffix"] += 1


def _unused(path: Path, taken: dict[Path, int]) -> Path:
    """The path, or a numbered variant, if another photograph has taken it already.

    `taken` holds the last number tried for a path, since a thousand folders may each hold one
    photograph of the same name.
    """
    unused, number = path, taken.get(path, 1)
    while unused in taken:
        number += 1
        unused = path.with_stem(f"{path.stem}-{number}")
    taken[path] = number
    taken.setdefault(unused, 1)
    return unused


def _save_jpeg(picture: Image.Image, path: Path) -> None:
    try:
        with replacing(path) as partial:
            picture.save(partial, format="JPEG", quality=92)
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be written ({error.strerror or error})") from error
