"""The interface of inference engines, and the checks that they share.

A runtime takes the preprocessed input and returns the raw outputs in the order in which the
exported model returns them, so that `HeadSpec.output` means the same for every engine.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import InferenceError


class ModelRuntime(Protocol):
    """Interface of an inference engine with a loaded model."""

    name: str
    """Name of the engine, as `FaceStateAnalyzer(runtime=...)` takes it."""

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs for one input [1, ...]; copies that the caller may keep.

        Raises InferenceError if the input does not fit the model or an output is not finite.
        """
        ...


def check_threads(num_threads: int) -> None:
    """Raise ValueError for less than one thread."""
    if num_threads < 1:
        raise ValueError(f"num_threads={num_threads}: expected 1 or more")


def check_input(x: NDArray[np.float32], shape: tuple[int, ...]) -> None:
    """Raise InferenceError if `x` is not float32 of the model's shape."""
    if x.shape != shape or x.dtype != np.float32:
        raise InferenceError(
            f"the input is {x.dtype} {list(x.shape)}; the model takes float32 {list(shape)}"
        )


def finite(outputs: list[NDArray[np.float32]], engine: str) -> list[NDArray[np.float32]]:
    """The outputs of an engine; raises InferenceError if one holds NaN or infinity."""
    for number, output in enumerate(outputs):
        if not np.isfinite(output).all():
            raise InferenceError(
                f"output {number} of the model holds NaN or infinity ({engine}); the artifact does "
                "not suit this machine: try another runtime or precision, and report it"
            )
    return outputs
