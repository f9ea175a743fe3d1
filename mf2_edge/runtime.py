"""Run: the inference engines behind one small protocol.

A runtime takes the preprocessed input and returns the raw outputs in the order in which the
exported model returns them, so that `HeadSpec.output` means the same for every engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import BundleError, InferenceError, ManifestError, RuntimeUnavailableError
from mf2_edge.extras import installed, require

if TYPE_CHECKING:
    from mf2_edge.bundle import Bundle
    from mf2_edge.manifest import ArtifactFormat, ArtifactSpec, Manifest, Precision

RuntimeName = Literal["auto", "litert", "executorch", "onnx"]


class ModelRuntime(Protocol):
    """What the analyzer asks of an inference engine."""

    name: str
    """Name of the engine, as `open_runtime` takes it."""

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input [1, ...]; copies that the caller may keep.

        Raises InferenceError if the input does not fit the model or an output is not finite.
        """
        ...


class LiteRTRuntime:
    """A .tflite model on LiteRT (or `tflite-runtime`, where that is what is installed).

    Safe to share between threads: calls take turns.
    """

    name = "litert"

    def __init__(self, model: bytes, num_threads: int = 1) -> None:
        """Raises BundleError if it is no model, RuntimeUnavailableError if there is no LiteRT."""
        _check_threads(num_threads)
        interpreter_class = _interpreter_class()
        try:
            self._interpreter = interpreter_class(model_content=model, num_threads=num_threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"LiteRT cannot load the model: {error}") from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise BundleError(f"the model takes {len(inputs)} inputs; expected one image")
        self._input = inputs[0]
        self._outputs = _in_model_order(self._interpreter)
        for tensor in (self._input, *self._outputs):
            if tensor["dtype"] not in (np.float32, np.int8):
                raise BundleError(
                    f"tensor {tensor['name']} is {np.dtype(tensor['dtype'])}; expected float32 or "
                    "int8 at the model's door: export it with float inputs and outputs"
                )
        self._shape = tuple(int(n) for n in self._input["shape"])
        self._lock = Lock()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the one input, batch first."""
        return self._shape

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `ModelRuntime.run`."""
        _check_input(x, self._shape)
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], _to_door(x, self._input))
            try:
                self._interpreter.invoke()
            except RuntimeError as error:
                raise InferenceError(f"LiteRT failed to run the model: {error}") from error
            tensors = [self._interpreter.get_tensor(out["index"]) for out in self._outputs]
        outputs = [_from_door(*pair) for pair in zip(tensors, self._outputs, strict=True)]
        return _finite(outputs, self.name)


class ExecuTorchRuntime:
    """A .pte program on ExecuTorch. Safe to share between threads: calls take turns.

    ExecuTorch has one thread pool a process, so the last `num_threads` set holds for all.
    """

    name = "executorch"

    def __init__(self, model: bytes, num_threads: int = 1) -> None:
        """Raises BundleError if `model` cannot be loaded, MissingExtraError without ExecuTorch."""
        _check_threads(num_threads)
        engine = require("executorch.runtime", extra="executorch")
        library = require("executorch.extension.pybindings._portable_lib", extra="executorch")
        self._torch = require("torch", extra="executorch")
        library._unsafe_reset_threadpool(num_threads)
        try:
            # Methods do not keep their program alive, so this object does.
            self._program = engine.Runtime.get().load_program(model)
            self._forward = self._program.load_method("forward")
        except (RuntimeError, ValueError, KeyError) as error:
            raise BundleError(f"ExecuTorch cannot load the program: {error}") from error
        self._shape = tuple(self._forward.metadata.input_tensor_meta(0).sizes())
        self._lock = Lock()

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `ModelRuntime.run`."""
        _check_input(x, self._shape)
        with self._lock:
            try:
                outputs = self._forward.execute([self._torch.from_numpy(np.ascontiguousarray(x))])
            except RuntimeError as error:
                raise InferenceError(f"ExecuTorch failed to run the model: {error}") from error
            # The program reuses its memory, so the next call would overwrite what this one gave.
            arrays = [np.array(output.numpy(), copy=True) for output in outputs]
        return _finite(arrays, self.name)


class OnnxRuntime:
    """An .onnx model on ONNX Runtime's CPU provider. Safe to share between threads."""

    name = "onnx"

    def __init__(self, model: bytes, num_threads: int = 1) -> None:
        """Raises BundleError if it is no model, MissingExtraError without onnxruntime."""
        _check_threads(num_threads)
        engine = require("onnxruntime", extra="onnx")
        options = engine.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        options.log_severity_level = 3  # errors; they come as exceptions, too
        try:
            # Named, since the package's other providers would run elsewhere than asked.
            self._session = engine.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the engine's own classes share no base but this one
            raise BundleError(f"ONNX Runtime cannot load the model: {error}") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise BundleError(f"the model takes {len(inputs)} inputs; expected one image")
        self._input = inputs[0].name
        self._shape = tuple(inputs[0].shape)

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `ModelRuntime.run`."""
        _check_input(x, self._shape)
        try:
            outputs = self._session.run(None, {self._input: x})
        except Exception as error:
            raise InferenceError(f"ONNX Runtime failed to run the model: {error}") from error
        return _finite(outputs, self.name)


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
    for vector in manifest.vectors:
        shapes = [output.shape for output in outputs[vector.output : vector.output + 1]]
        if shapes != [(1, vector.width)]:
            raise ManifestError(
                f"{where}: output {vector.output} should be the {vector.name} of {vector.width} "
                f"values, and is {[list(shape) for shape in shapes] or 'not there'}"
            )


def _interpreter_class() -> Any:
    """The TFLite interpreter that is installed; LiteRT is the current name of the same engine."""
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        if installed(module):
            return import_module(module).Interpreter
    raise RuntimeUnavailableError(
        "no TFLite interpreter is installed: pip install ai-edge-litert (or tflite-runtime)"
    )


def _to_door(x: NDArray[np.float32], tensor: dict[str, Any]) -> NDArray[Any]:
    """The input as the model's tensor takes it: as it is, or in int8 of the tensor's own scale."""
    if tensor["dtype"] is np.float32:
        return x
    scale, zero = tensor["quantization"]
    return np.clip(np.round(x / np.float32(scale)) + zero, -128, 127).astype(np.int8)


def _from_door(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[np.float32]:
    """An output in floats; see `_to_door`."""
    if tensor["dtype"] is np.float32:
        return values
    scale, zero = tensor["quantization"]
    floats: NDArray[np.float32] = values.astype(np.float32)
    return (floats - np.float32(zero)) * np.float32(scale)


def _in_model_order(interpreter: Any) -> list[dict[str, Any]]:
    """Output tensors as the exported model returns them.

    Converters number them by name in a signature (`output_0`, `output_1`, ...), while the order
    of the tensors in the file is theirs to choose. Without a signature the file's order stands.
    """
    tensors: list[dict[str, Any]] = interpreter.get_output_details()
    signatures = interpreter.get_signature_list()
    if len(signatures) != 1:
        return tensors
    named = interpreter.get_signature_runner(next(iter(signatures))).get_output_details()
    if {tensor["index"] for tensor in named.values()} != {tensor["index"] for tensor in tensors}:
        return tensors
    return [named[name] for name in sorted(named, key=_numbers_last)]


def _numbers_last(name: str) -> tuple[str, int]:
    """Sorts `output_2` before `output_10`."""
    stem, digits = re.fullmatch(r"(.*?)(\d*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    return stem, int(digits or 0)


def _check_threads(num_threads: int) -> None:
    if num_threads < 1:
        raise ValueError(f"num_threads={num_threads}: expected 1 or more")


def _check_input(x: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    if x.shape != shape or x.dtype != np.float32:
        raise InferenceError(
            f"the input is {x.dtype} {list(x.shape)}; the model takes float32 {list(shape)}"
        )


def _finite(outputs: list[NDArray[np.float32]], engine: str) -> list[NDArray[np.float32]]:
    for number, output in enumerate(outputs):
        if not np.isfinite(output).all():
            raise InferenceError(
                f"output {number} of the model holds NaN or infinity ({engine}); the artifact does "
                "not suit this machine: try another runtime or precision, and report it"
            )
    return outputs
