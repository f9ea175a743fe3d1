"""LiteRT, which runs .tflite models."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import BundleError, InferenceError, RuntimeUnavailableError
from mf2_edge.extras import installed
from mf2_edge.runtime.base import Turns, check_input, check_threads, finite
from mf2_edge.runtime.native_output import held_back


class LiteRTRuntime:
    """A .tflite model on LiteRT (or `tflite-runtime`, where that is what is installed).

    Safe to share between threads: calls take turns.
    """

    name = "litert"

    def __init__(
        self, model: bytes, num_threads: int = 1, input_shape: tuple[int, ...] | None = None
    ) -> None:
        """`input_shape`: of a model whose input has open sizes; None for the shape in the file.

        Raises BundleError if it is no model or does not take that shape, RuntimeUnavailableError
        if there is no LiteRT.
        """
        check_threads(num_threads)
        interpreter_class = _interpreter_class()
        try:
            with held_back():
                self._interpreter = interpreter_class(model_content=model, num_threads=num_threads)
                if input_shape is not None:
                    place = self._interpreter.get_input_details()[0]["index"]
                    self._interpreter.resize_tensor_input(place, input_shape, strict=True)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"LiteRT cannot load the model: {error}") from error
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise BundleError(f"the model takes {len(inputs)} inputs; expected one image")
        self._input = inputs[0]
        self._outputs = in_model_order(self._interpreter)
        for tensor in (self._input, *self._outputs):
            if tensor["dtype"] not in (np.float32, np.int8):
                raise BundleError(
                    f"tensor {tensor['name']} is {np.dtype(tensor['dtype'])}; expected float32 or "
                    "int8: export it with float32 inputs and outputs"
                )
        self._shape = tuple(int(n) for n in self._input["shape"])
        self._turns = Turns(num_threads)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the one input, batch first."""
        return self._shape

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `ModelRuntime.run`."""
        check_input(x, self._shape)
        with self._turns.turn():
            self._interpreter.set_tensor(self._input["index"], _quantized(x, self._input))
            try:
                self._interpreter.invoke()
            except RuntimeError as error:
                raise InferenceError(f"LiteRT failed to run the model: {error}") from error
            tensors = [self._interpreter.get_tensor(out["index"]) for out in self._outputs]
        outputs = [_dequantized(*pair) for pair in zip(tensors, self._outputs, strict=True)]
        return finite(outputs, self.name)


def _interpreter_class() -> Any:
    """The TFLite interpreter that is installed; LiteRT is the current name of the same engine."""
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        if installed(module):
            return import_module(module).Interpreter
    raise RuntimeUnavailableError(
        "no TFLite interpreter is installed: pip install ai-edge-litert (or tflite-runtime)"
    )


def _quantized(x: NDArray[np.float32], tensor: dict[str, Any]) -> NDArray[Any]:
    """The input as the model's tensor takes it: as it is, or in int8 of the tensor's own scale."""
    if tensor["dtype"] is np.float32:
        return x
    scale, zero = tensor["quantization"]
    steps = np.round(x / np.float32(scale)) + zero
    return np.asarray(np.clip(steps, -128, 127), np.int8)


def _dequantized(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[np.float32]:
    """An output in floats; see `_quantized`."""
    if tensor["dtype"] is np.float32:
        return values
    scale, zero = tensor["quantization"]
    floats: NDArray[np.float32] = values.astype(np.float32)
    return (floats - np.float32(zero)) * np.float32(scale)


def in_model_order(interpreter: Any) -> list[dict[str, Any]]:
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
