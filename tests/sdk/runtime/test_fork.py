"""Processes that fork while an engine runs."""

from __future__ import annotations

import os
import time
from threading import Event, Thread

from mf2_edge import (
    InferenceError,
)
from mf2_edge.runtime.base import Turns


def test_a_fork_waits_for_the_call_that_is_under_way() -> None:
    turns, taken = Turns(num_threads=1), Event()

    def call() -> None:
        with turns.turn():
            taken.set()
            time.sleep(0.3)

    thread = Thread(target=call)
    thread.start()
    taken.wait()
    child = os.fork()
    if child == 0:  # without the wait, the lock would be taken for ever here
        os._exit(0 if turns._lock.acquire(timeout=3) else 1)
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
    with turns.turn():
        pass


def test_threads_of_an_engine_that_a_fork_lacks_are_told() -> None:
    turns = Turns(num_threads=2)
    child = os.fork()
    if child == 0:
        try:
            with turns.turn():
                os._exit(1)
        except InferenceError:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
