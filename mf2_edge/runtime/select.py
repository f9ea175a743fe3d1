"""Selects an artifact of a bundle and the installed engine that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from mf2_edge.errors import InferenceError, ManifestError, RuntimeUnavailableError
from mf2_edge.extras import installed
from mf2_edge.runtime.base import ModelRuntime
from mf2_edge.runtime.executorch import ExecuTorchRuntime
from mf2_edge.runtime.litert import LiteRTRuntime
from mf2_edge.runtime.onnx import OnnxRuntime

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle
    from mf2_edge.bundle.schema import ArtifactFormat, ArtifactSpec, Manifest, Precision

RuntimeName = Literal["auto", "litert", "executorch", "onnx"]


@dataclass(frozen=True, slots=True)
class Engine:
    """An inference engine and the artifact format that it runs."""

    name: RuntimeName
    format: ArtifactFormat
    modules: tuple[str, ...]
    """Modules that it can be imported from; one suffices."""
    open: Callable[[bytes, int], ModelRuntime]
    """From the bytes of a model and a number of threads."""

    @property
    def is_installed(self) -> bool:
        """Whether one of its packages is installed."""
        return any(installed(module.partition(".")[0]) for module in self.modules)

    def preload(self) -> None:
        """Import its installed modules, which can take longer than loading a model."""
        for module in self.modules:
            if installed(module.partition(".")[0]):
                import_module(module)

    def version(self) -> str:
        """Distribution and version of the installed package; the engine's name if there is none."""
        for module in self.modules:
            package = module.partition(".")[0].replace("_", "-")
            try:
                return f"{package} {version(package)}"
            except PackageNotFoundError:
                continue
        return self.name


ENGINES: Final = (
    Engine(
        "litert",
        "tflite",
        ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"),
        LiteRTRuntime,
    ),
    Engine("executorch", "executorch", ("executorch.runtime",), ExecuTorchRuntime),
    Engine("onnx", "onnx", ("onnxruntime",), OnnxRuntime),
)
"""All engines, in the order in which "auto" prefers them."""


def engine_of(artifact_format: str) -> Engine:
    """The engine that runs a format; raises RuntimeUnavailableError if there is none."""
    for engine in ENGINES:
        if engine.format == artifact_format:
            return engine
    raise RuntimeUnavailableError(
        f"no Python runtime runs artifacts of {artifact_format}; expected one of "
        f"{[engine.format for engine in ENGINES]}"
    )


def choose_artifact(
    bundle: Bundle, runtime: RuntimeName = "auto", precision: Precision | None = None
) -> ArtifactSpec:
    """The artifact to run: of the engine `runtime`, in `precision`, None taking the first listed.

    "auto" takes the first engine that is installed and has an artifact in the bundle, in the
    order litert, executorch, onnx.

    Raises BundleError if the bundle holds no such artifact, RuntimeUnavailableError if "auto"
    finds no engine, ValueError for an unknown engine.
    """
    if runtime != "auto":
        named = {engine.name: engine for engine in ENGINES}
        if runtime not in named:
            raise ValueError(f"runtime={runtime!r}: expected 'auto' or one of {list(named)}")
        return bundle.select(named[runtime].format, precision)
    artifacts = bundle.manifest.artifacts
    for engine in (engine for engine in ENGINES if engine.is_installed):
        for artifact in artifacts:
            fits = artifact.format == engine.format and artifact.delegate is None
            if fits and precision in (None, artifact.precision):
                return artifact
    held = ", ".join(f"{artifact.format} {artifact.precision}" for artifact in artifacts)
    raise RuntimeUnavailableError(
        f"no installed runtime has an artifact of precision {precision or 'any'} in bundle "
        f"{bundle.manifest.name}, which holds: {held}; choose another precision, or install one "
        "with: pip install ai-edge-litert, or: pip install 'mf2-edge[executorch]' (or [onnx])"
    )


def open_artifact(bundle: Bundle, artifact: ArtifactSpec, num_threads: int = 1) -> ModelRuntime:
    """Load one artifact, its checksum first, and run it once to see that its outputs fit.

    Raises ChecksumError or BundleError if the file is damaged or missing, ManifestError if the
    outputs are not what the heads say, RuntimeUnavailableError if its engine is not installed.
    """
    model = engine_of(artifact.delegate or artifact.format).open(bundle.read(artifact), num_threads)
    _check_outputs(model, bundle.manifest, artifact)
    return model


def open_model(model: bytes, kind: ArtifactFormat, num_threads: int = 1) -> ModelRuntime:
    """Load a model of any input; raises as the engine of its format does."""
    return engine_of(kind).open(model, num_threads)


def runs_here(artifact: ArtifactSpec) -> bool:
    """Whether an engine for `artifact` is installed."""
    if artifact.delegate is not None:
        return False  # only phones have it
    return any(e.format == artifact.format and e.is_installed for e in ENGINES)


def _check_outputs(model: ModelRuntime, manifest: Manifest, artifact: ArtifactSpec) -> None:
    size, where = manifest.input, f"{artifact.file} of bundle {manifest.name}"
    channels_first = (1, size.channels, size.height, size.width)
    channels_last = (1, size.height, size.width, size.channels)
    shape = channels_first if artifact.layout == "NCHW" else channels_last
    try:
        outputs = model.run(np.zeros(shape, dtype=np.float32))
    except InferenceError as error:
        raise ManifestError(f"{where} does not take the manifest's input: {error}") from error
    for head in manifest.heads:
        if head.output >= len(outputs):
            raise ManifestError(
                f"{where} has {len(outputs)} outputs; head {head.name} wants number {head.output}"
            )
        found = outputs[head.output].shape
        if found != (1, len(head.labels)):
            raise ManifestError(
                f"{where}: labels that don't match the output size: head {head.name} has "
                f"{len(head.labels)} labels, output {head.output} is {list(found)}; "
                "expected one label a logit"
            )
    for embedding in manifest.embeddings:
        shapes = [output.shape for output in outputs[embedding.output : embedding.output + 1]]
        if shapes != [(1, embedding.width)]:
            raise ManifestError(
                f"{where}: output {embedding.output} should be {embedding.name} of "
                f"{embedding.width} values, and is {[*map(list, shapes)] or 'not there'}"
            )
