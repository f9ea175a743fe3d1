"""Code to paste into an app that runs one artifact, its numbers taken from the manifest.

The texts stand in `snippets/`; `%name` in them is a value made here. They begin with an aligned
face: detection and alignment are the app's, as `manifest.json` and `align.py` specify them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from mf2_edge.errors import BundleError

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, Layout, Manifest

_FOLDER: Final = Path(__file__).parent / "snippets"

_TEMPLATES: Final[dict[ArtifactFormat, tuple[str, str, str]]] = {
    "coreml": ("coreml.swift", "FaceState.swift", " " * 8),
    "tflite": ("tflite.kt", "FaceState.kt", " " * 12 + "Calibration"),
    "executorch": ("executorch.kt", "FaceState.kt", " " * 12 + "Calibration"),
    "onnx": ("onnx.py.txt", "face_state.py", " " * 4),
}
"""By format: the text, the file that is made of it, and how the line of an Action Unit begins."""

_LAYOUTS: Final[dict[Layout, dict[str, str]]] = {
    "NHWC": {
        "place": "pixels[it / 3], it.mod(3)",
        "shape": "1, HEIGHT.toLong(), WIDTH.toLong(), 3",
        "transpose": "",
    },
    "NCHW": {
        "place": "pixels[it.mod(area)], it / area",
        "shape": "1, 3, HEIGHT.toLong(), WIDTH.toLong()",
        "transpose": ".transpose(2, 0, 1)",
    },
}
"""What depends on the order of the input's axes."""


class _Snippet(Template):
    delimiter = "%"  # `$` has a meaning of its own in Swift and Kotlin


def code_name(artifact: ArtifactSpec) -> str:
    """Name of the source file that goes with an artifact."""
    return _TEMPLATES[artifact.format][1]


def snippet(manifest: Manifest, artifact: ArtifactSpec, file: str) -> tuple[str, str]:
    """File name and text of the code for an artifact that lies in the app as `file`."""
    template, name, row = _TEMPLATES[artifact.format]
    language = Path(name).suffix
    if not re.fullmatch(r"[\w.+-]+", file, re.ASCII):
        raise BundleError(
            f"{file!r}: not a file name that is safe in code; expected [A-Za-z0-9._+-]"
        )
    emotion, action_units = manifest.head("emotion"), manifest.head("action_units")
    mean, std = manifest.preprocessing.mean, manifest.preprocessing.std
    values: dict[str, str | int] = {
        "title": _line(f"{manifest.name} {manifest.version}: {manifest.description}"),
        "license": _line(f"{manifest.license.name}: {manifest.license.summary}"),
        "file": file,
        "stem": Path(file).stem,
        "width": manifest.input.width,
        "height": manifest.input.height,
        "mean": _row(map(repr, mean)),
        "std": _row(map(repr, std)),
        "mean_f": _row(f"{value!r}f" for value in mean),
        "std_f": _row(f"{value!r}f" for value in std),
        "emotions": _row(_text(label, language) for label in emotion.labels),
        "temperature": repr(manifest.calibration.emotion.temperature),
        "emotion_output": emotion.output,
        "au_output": action_units.output,
        "units": _units(manifest, row, language),
        "layout": artifact.layout,
        **_LAYOUTS[artifact.layout],
    }
    if language == ".kt":
        values["classes"] = (_FOLDER / "classes.kt").read_text(encoding="utf-8").rstrip()
        values["decode"] = _fill("decode.kt", values).rstrip()
    return name, _fill(template, values)


def _fill(template: str, values: dict[str, str | int]) -> str:
    return _Snippet((_FOLDER / template).read_text(encoding="utf-8")).substitute(values)


def _units(manifest: Manifest, row: str, language: str) -> str:
    """A line a unit, but for the experimental ones: label, place in the output, scale, bias."""
    shown = manifest.units(include_experimental=False)
    lines = []
    for index, label in enumerate(manifest.head("action_units").labels):
        if label not in shown:
            continue
        fit = manifest.calibration.action_units[label]
        numbers = (repr(float(n)) for n in (fit.scale, fit.bias))
        lines.append(f"{row}({_row([_text(label, language), str(index), *numbers])}),")
    return "\n".join(lines)


def _text(label: str, language: str) -> str:
    """A string literal of the language whose files end so: .kt, .swift or .py."""
    special = '\\"$' if language == ".kt" else '\\"'
    return f'"{"".join(_letter(letter, special, language) for letter in label)}"'


def _letter(letter: str, special: str, language: str) -> str:
    if letter in special:
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    if language == ".swift":
        return f"\\u{{{ord(letter):x}}}"
    if language == ".py":
        return f"\\U{ord(letter):08x}"
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))


def _row(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _line(text: str) -> str:
    """A text for a comment, without what could end it or turn its direction."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
