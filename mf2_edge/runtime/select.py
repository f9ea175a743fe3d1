"""Run: which of a bundle's files, on which of the installed engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    from mf2_edge.bundle.manifest import ArtifactFormat, ArtifactSpec, Manifest, Precision

RuntimeName = Literal["auto", "litert", "executorch", "onnx"]


@dataclass(frozen=True, slots=True)
class _Engine:
    """An inference engine: what it reads, the packages of which one suffices, its class."""

    format: ArtifactFormat
    packages: tuple[str, ...]
    open: Callable[[bytes, int], ModelRuntime]

    @property
    def is_installed(self) -> bool:
        return any(map(installed, self.packages))


_ENGINES: Final[dict[str, _Engine]] = {
    "litert": _Engine("tflite", ("ai_edge_litert", "tflite_runtime"), LiteRTRuntime),
    "executorch": _Engine("executorch", ("executorch",), ExecuTorchRuntime),
    "onnx": _Engine("onnx", ("onnxruntime",), OnnxRuntime),
}
"""By name, in the order in which "auto" prefers them."""


def open_runtime(
    bundle: Bundle,
    runtime: RuntimeName = "auto",
    precision: Precision | None = None,
    num_threads: int = 1,
) -> ModelRuntime:
    """Load the bundle's model: `open_artifact` of what `choose_artifact` chose."""
    return open_artifact(bundle, choose_artifact(bundle, runtime, precision), num_threads)


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
        if runtime not in _ENGINES:
            raise ValueError(f"runtime={runtime!r}: expected 'auto' or one of {list(_ENGINES)}")
        return bundle.select(_ENGINES[runtime].format, precision)
    artifacts = bundle.manifest.artifacts
    for engine in filter(lambda engine: engine.is_installed, _ENGINES.values()):
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
    engine = next((e for e in _ENGINES.values() if e.format == artifact.format), None)
    if engine is None or artifact.delegate is not None:
        raise RuntimeUnavailableError(
            f"no Python runtime runs artifacts of {artifact.delegate or artifact.format}; expected "
            f"one of {[e.format for e in _ENGINES.values()]}"
        )
    model = engine.open(bundle.read(artifact), num_threads)
    _check_outputs(model, bundle.manifest, artifact)
    return model


def open_model(model: bytes, kind: ArtifactFormat, num_threads: int = 1) -> ModelRuntime:
    """Load a model of any input; raises as the engine of its kind does."""
    return next(e for e in _ENGINES.values() if e.format == kind).open(model, num_threads)


def runs_here(artifact: ArtifactSpec) -> bool:
    """Whether an engine for `artifact` is installed."""
    if artifact.delegate is not None:
        return False  # a phone's own; no Python runtime holds it
    return any(e.format == artifact.format and e.is_installed for e in _ENGINES.values())


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
