"""ONNX Runtime, which runs .onnx models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import BundleError, InferenceError
from mf2_edge.extras import require
from mf2_edge.runtime.base import check_input, check_threads, finite

_ELSEWHERE = b"\x0a\x08location\x12"
"""How `TensorProto.external_data` spells the key of a file's path."""


class OnnxRuntime:
    """An .onnx model on ONNX Runtime's CPU provider. Safe to share between threads."""

    name = "onnx"

    def __init__(self, model: bytes, num_threads: int = 1) -> None:
        """Raises BundleError if it is no model, MissingExtraError without onnxruntime."""
        check_threads(num_threads)
        if _ELSEWHERE in model:
            raise BundleError(
                "the ONNX model keeps weights in another file, whose path it names and whose bytes "
                "no checksum covers; expected all of them inside: export it as one file"
            )
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
        check_input(x, self._shape)
        try:
            outputs = self._session.run(None, {self._input: x})
        except Exception as error:
            raise InferenceError(f"ONNX Runtime failed to run the model: {error}") from error
        return finite(outputs, self.name)
