"""Code for an app: the binding of its platform, and a file that opens the exported model with it.

The files stand in `examples/`; `%name` in them is a value made here. What they know of the model,
the binding reads from the exported folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from mf2_edge.errors import BundleError
from mf2_edge.export.platforms import PLATFORMS, SUFFIXES, source_folder
from mf2_edge.io.atomic import replacing

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, Manifest

_FOLDER: Final = Path(__file__).parent / "examples"

_EXAMPLES: Final = {
    ("ios", "mlpackage"): ("ios.swift.txt", "FaceState.swift"),
    ("android", "tflite"): ("android-tflite.kt.txt", "FaceState.kt"),
    ("android", "pte"): ("android-pte.kt.txt", "FaceState.kt"),
    ("web", "tflite"): ("web.html.txt", "index.html"),
    ("cpp", "tflite"): ("cpp.txt", "CMakeLists.txt"),
    ("python", "tflite"): ("python.py.txt", "face_state.py"),
    ("python", "pte"): ("python.py.txt", "face_state.py"),
    ("python", "onnx"): ("python.py.txt", "face_state.py"),
}
"""By platform and format: the text, and the file that is made of it."""

_RUNTIMES: Final[dict[ArtifactFormat, tuple[str, str]]] = {
    "tflite": ("litert", "mf2-edge"),
    "executorch": ("executorch", "mf2-edge[executorch]"),
    "onnx": ("onnx", "mf2-edge[onnx]"),
}
"""By format: the SDK's runtime, and the package that brings it."""

WEB_BUILD: Final = Path(__file__).parents[1] / "demo_page"
"""What `make demo` puts into the package, the web binding among it."""


class _Example(Template):
    delimiter = "%"  # `$` has a meaning of its own in Kotlin and JavaScript


def example(manifest: Manifest, artifact: ArtifactSpec, platform: str) -> tuple[str, str]:
    """File name and text of the code that opens an exported artifact."""
    template, name = _EXAMPLES[platform, SUFFIXES[artifact.format]]
    runtime, package = _RUNTIMES.get(artifact.format, ("", ""))
    file = Path(artifact.file).name.removesuffix(".zip")
    values = {
        "title": _line(f"{manifest.name} {manifest.version}: {manifest.description}"),
        "license": _line(f"{manifest.license.name}: {manifest.license.summary}"),
        "file": file,
        "stem": Path(file).stem,
        "precision": artifact.precision,
        "runtime": runtime,
        "package": package,
    }
    text = (_FOLDER / template).read_text(encoding="utf-8")
    return name, _Example(text).substitute(values)


def binding_files(platform: str) -> dict[str, Path]:
    """The files of a platform's binding, by their path below the folder of the code.

    Raises BundleError if this installation holds none, as a checkout whose page was not built.
    """
    told = PLATFORMS[platform]
    if not told.sources:
        return {}
    root = source_folder(told.root)
    if platform == "web" and (WEB_BUILD / "mf2-edge.js").is_file():
        root = WEB_BUILD
    files = {f"{told.folder}/{name}": path for name, path in _walk(root, told.sources)}
    if not files:
        raise BundleError(
            f"this copy of mf2-edge holds no binding for {platform}; expected one made by "
            "`make wheel`, or for the web by `make demo` (Node 20). --no-code leaves it out"
        )
    return files | {f"{told.folder}/LICENSE": source_folder("LICENSE")}


def copy_files(files: dict[str, Path], folder: Path) -> None:
    """Copy each file into `folder`, under its key; a program stays one."""
    for name, source in files.items():
        with replacing(folder / name) as partial:
            shutil.copyfile(source, partial)
            if programs := source.stat().st_mode & 0o111:
                partial.chmod(partial.stat().st_mode | programs)


def _walk(root: Path, names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Every file of the named files and folders with its path below `root`; built ones left out."""
    for name in names:
        place = root / name
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            below = path.relative_to(root)
            if path.is_file() and not {"build", ".build", ".gradle"} & set(below.parts):
                yield below.as_posix(), path


def _line(text: str) -> str:
    """A text for a comment, without what could end it or turn its direction."""
    shown = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return shown.replace("--", "- -").replace(">", "")
