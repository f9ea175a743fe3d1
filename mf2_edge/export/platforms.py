"""The platforms that `mf2-edge export` writes for: what their bindings run and consist of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mf2_edge.errors import BundleError

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, Delegate, Manifest, Precision

FORMATS: Final[dict[str, ArtifactFormat]] = {
    "pte": "executorch",
    "mlpackage": "coreml",
    "tflite": "tflite",
    "onnx": "onnx",
}
"""By the suffix that developers know a format by."""

SUFFIXES: Final = {form: suffix for suffix, form in FORMATS.items()}


@dataclass(frozen=True, slots=True)
class Platform:
    """A binding, as an app takes it in."""

    formats: tuple[str, ...]
    """What it runs, keys of `FORMATS`; the first is taken when none is named."""
    smallest: bool
    """Whether the smallest file of a format is taken when no precision is named, else the first
    listed. All files of a bundle passed the exporter's comparison of decisions."""
    detectors: bool
    """Whether the binding reads the folders of `mf2_edge/detectors` beside the model, rather than
    bring its own (Vision on iOS)."""
    root: str = ""
    """Folder of the repository that `sources` are in."""
    sources: tuple[str, ...] = ()
    """Files and folders of the binding."""
    folder: str = ""
    """Name of their copy."""


PLATFORMS: Final = {
    "ios": Platform(
        formats=("mlpackage",),
        smallest=True,
        detectors=False,
        root="bindings/swift",
        sources=("Package.swift", "README.md", "Sources"),
        folder="MF2Edge",
    ),
    "android": Platform(
        formats=("tflite", "pte"),
        smallest=True,
        detectors=True,
        root="bindings/kotlin",
        sources=(
            "settings.gradle.kts",
            "build.gradle.kts",
            "gradle.properties",
            "gradle",
            "gradlew",
            "gradlew.bat",
            "README.md",
            "core/build.gradle.kts",
            "core/src/main",
            "android/build.gradle.kts",
            "android/consumer-rules.pro",
            "android/src/main",
        ),
        folder="mf2-edge",
    ),
    "web": Platform(
        formats=("tflite",),
        smallest=True,
        detectors=False,
        root="bindings/web/dist/lib",
        sources=("mf2-edge.js", "assets"),
        folder="mf2-edge",
    ),
    "cpp": Platform(
        formats=("tflite",),
        smallest=False,
        detectors=True,
        root="bindings/cpp",
        sources=("CMakeLists.txt", "README.md", "cmake", "include", "src", "examples"),
        folder="mf2_edge",
    ),
    "python": Platform(formats=("tflite", "pte", "onnx"), smallest=False, detectors=False),
}

_OF_FORMAT: Final = {"mlpackage": "ios", "tflite": "android", "pte": "android", "onnx": "python"}


def choose_platform(name: str | None, kinds: tuple[str, ...]) -> str:
    """The platform of that name, or of the first format where none is named.

    Raises BundleError if its binding does not run a format.
    """
    platform = name or _OF_FORMAT[kinds[0]]
    wrong = [kind for kind in kinds if kind not in PLATFORMS[platform].formats]
    if wrong and name:
        raise BundleError(
            f"the binding for {platform} runs {' and '.join(PLATFORMS[platform].formats)}, not "
            f"{wrong[0]}; leave out --platform to have the file alone"
        )
    return platform


def choose_export(
    manifest: Manifest,
    kind: str,
    platform: str,
    precision: Precision | None = None,
    delegate: Delegate | None = None,
) -> ArtifactSpec:
    """The artifact of a format (a key of `FORMATS`) for a platform.

    Those with int8 inputs and outputs are left out, which no binding fills. Raises BundleError,
    which lists what there is.
    """
    artifacts = [a for a in manifest.artifacts if a.io_dtype == "float32"]
    fitting = [
        a
        for a in artifacts
        if (SUFFIXES[a.format], a.delegate) == (kind, delegate) and precision in (None, a.precision)
    ]
    if fitting:
        smallest = PLATFORMS[platform].smallest
        return min(fitting, key=lambda a: a.bytes) if smallest else fitting[0]
    held = ", ".join(
        f"{SUFFIXES[a.format]} {a.precision}{f' for {a.delegate}' if a.delegate else ''}"
        for a in artifacts
    )
    raise BundleError(
        f"bundle {manifest.name} {manifest.version} holds no {kind}"
        f"{f' for {delegate}' if delegate else ''}"
        f"{f' of precision {precision}' if precision else ''}; it holds: {held}. Choose one of "
        "these, or another bundle; docs/export.md of the repository tells how one is made"
    )


def source_folder(folder: str) -> Path:
    """A folder or file of the repository: as the wheel holds it, or of the checkout."""
    here = Path(__file__).parent
    packed = here / "sources" / folder
    return packed if packed.exists() else here.parents[1] / folder
