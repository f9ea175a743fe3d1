"""What the C++ of the engines prints to stderr while a model is loaded.

They offer no switch for it. It is held back while they load: notices go to the logger
`mf2_edge.native` (level INFO), everything else to stderr as before. With the environment variable
`MF2_EDGE_NATIVE_OUTPUT=1` nothing is held back; nor is it where the system has no place to hold it.
If the process crashes meanwhile, Python's traceback of the crash says where (`faulthandler`).
"""

from __future__ import annotations

import faulthandler
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from threading import RLock
from typing import BinaryIO, Final

SWITCH: Final = "MF2_EDGE_NATIVE_OUTPUT"

# "INFO: ..." of LiteRT, "[threadpool.cpp:66] ..." of ExecuTorch.
_NOTICE: Final = rb"INFO: |\[\w+\.cpp:\d+\] "
_STDERR: Final = 2

_log = logging.getLogger("mf2_edge.native")


class _State:
    """The one redirection of a process; `stderr` is the real one's number while it lasts."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.stderr: int | None = None

    def renew(self) -> None:
        """In the child of a fork, whose parent's other thread may have been loading."""
        if self.stderr is not None:
            os.dup2(self.stderr, _STDERR)
            os.close(self.stderr)
        self.__init__()  # type: ignore[misc]


_state: Final = _State()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_state.renew)


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is printed to file descriptor 2, then sort it; loads take turns."""
    with _state.lock:
        held = None if _state.stderr is not None else _place()
        if held is None:
            yield
            return
        with held:
            _flush()
            _state.stderr = os.dup(_STDERR)
            crash_is_told = _tell_crash(_state.stderr)
            os.dup2(held.fileno(), _STDERR)
            try:
                yield
            finally:
                _flush()
                os.dup2(_state.stderr, _STDERR)
                if crash_is_told:
                    faulthandler.disable()
                os.close(_state.stderr)
                _state.stderr = None
                _sort(held)


def _place() -> BinaryIO | None:
    """A file without a name, in memory where there is such a thing; None to hold nothing back."""
    if os.environ.get(SWITCH, "") not in ("", "0"):
        return None
    try:
        os.fstat(_STDERR)
        if hasattr(os, "memfd_create"):
            return os.fdopen(os.memfd_create("mf2-edge"), "w+b")
        return TemporaryFile()
    except OSError:
        return None


def _sort(held: BinaryIO) -> None:
    held.seek(0)
    for line in held:
        if re.match(_NOTICE, line):
            _log.info("%s", line.decode(errors="replace").rstrip())
        else:
            with suppress(OSError):  # closed, or no room: the model is loaded all the same
                os.write(_STDERR, line)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()


def _tell_crash(stderr: int) -> bool:
    """Whether a crash will now be told there; somebody's own handler stays as it is."""
    if faulthandler.is_enabled():
        return False
    faulthandler.enable(stderr)
    return True
