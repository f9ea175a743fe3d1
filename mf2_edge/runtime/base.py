"""The interface of inference engines, and the checks that they share.

A runtime takes the preprocessed input and returns the raw outputs in the order in which the
exported model returns them, so that `HeadSpec.output` means the same for every engine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from threading import Lock
from typing import Final, Protocol
from weakref import WeakSet

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


class Turns:
    """Lets the calls of one model take turns, across threads and through forks.

    While a process forks, no call is under way: the child would find the model half changed and
    its lock taken for ever. The engine's own threads are not there in a child.
    """

    def __init__(self, num_threads: int) -> None:
        self._lock, self._process, self._num_threads = Lock(), os.getpid(), num_threads
        _LOCKS.add(self._lock)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One call; raises InferenceError in a fork of the process if there were more threads."""
        if self._num_threads > 1 and os.getpid() != self._process:
            raise InferenceError(
                f"the model was opened with {self._num_threads} threads before this process was "
                "forked, and they are not here; expected an analyzer opened after the fork, or the "
                'start method "spawn"'
            )
        with self._lock:
            yield


MOST_THREADS: Final = 1024
"""Of one network; engines crash or overflow far above."""

_LOCKS: WeakSet[Lock] = WeakSet()
_FORKING = Lock()
"""Of two threads that fork at once, each would wait for locks that the other holds."""
_held: list[Lock] = []


def _before_fork() -> None:
    _FORKING.acquire()
    _held[:] = list(_LOCKS)
    for lock in _held:
        lock.acquire()


def _after_fork() -> None:
    for lock in _held:
        lock.release()
    _held.clear()
    _FORKING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def check_threads(num_threads: int) -> None:
    """Raise ValueError for what counts no threads: less than one, or more than any machine has."""
    if not isinstance(num_threads, Integral) or not 1 <= num_threads <= MOST_THREADS:
        raise ValueError(f"num_threads={num_threads!r}: expected 1 to {MOST_THREADS}")


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
