"""ExecuTorch, which runs .pte programs."""

from __future__ import annotations

import warnings
from threading import Lock
from typing import Any, Final
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import BundleError, InferenceError
from mf2_edge.extras import require
from mf2_edge.runtime.base import Turns, check_input, check_threads, finite
from mf2_edge.runtime.native_output import held_back

_LOADING: Final = Lock()


class ExecuTorchRuntime:
    """A .pte program on ExecuTorch. Safe to share between threads: calls take turns.

    ExecuTorch has one thread pool a process, and programs keep the pool that they were loaded with.
    So the first `num_threads` holds for all programs that are open at a time; another warns.
    """

    name = "executorch"

    def __init__(self, model: bytes, num_threads: int = 1) -> None:
        """Raises BundleError if `model` cannot be loaded, MissingExtraError without ExecuTorch."""
        check_threads(num_threads)
        with held_back(), _LOADING:
            self._load(model, num_threads)
        self._shape = tuple(self._forward.metadata.input_tensor_meta(0).sizes())
        self._turns = Turns(num_threads)

    def _load(self, model: bytes, num_threads: int) -> None:
        engine = require("executorch.runtime", extra="executorch")
        library = require("executorch.extension.pybindings._portable_lib", extra="executorch")
        self._torch = require("torch", extra="executorch")
        _set_threads(library, num_threads)
        try:
            # Methods do not keep their program alive, so this object does.
            self._program = engine.Runtime.get().load_program(model)
            self._forward = self._program.load_method("forward")
        except (RuntimeError, ValueError, KeyError) as error:
            raise BundleError(f"ExecuTorch cannot load the program: {error}") from error
        _OPEN.add(self)

    def run(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """See `ModelRuntime.run`."""
        check_input(x, self._shape)
        with self._turns.turn():
            try:
                outputs = self._forward.execute([self._torch.from_numpy(np.ascontiguousarray(x))])
            except RuntimeError as error:
                raise InferenceError(f"ExecuTorch failed to run the model: {error}") from error
            # The program reuses its memory, so the next call would overwrite what this one gave.
            arrays = [np.array(output.numpy(), copy=True) for output in outputs]
        return finite(arrays, self.name)


_OPEN: Final[WeakSet[ExecuTorchRuntime]] = WeakSet()


def _set_threads(library: Any, count: int) -> None:
    """Give the pool `count` threads, unless a program is open: it would run on freed memory."""
    if not _OPEN:
        library._unsafe_reset_threadpool(count)
        return
    kept = library._threadpool_get_thread_count()
    if kept != count:
        warnings.warn(
            f"num_threads={count}: ExecuTorch keeps {kept}, as another of its programs is open; "
            "drop that first, or open it with the same number",
            RuntimeWarning,
            stacklevel=2,
        )
