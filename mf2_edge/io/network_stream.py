"""Frames of a stream that has no end, connected again where the connection is lost."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import VideoError
from mf2_edge.io.video_file import VideoFile

PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Waits before a lost connection is tried again; it is given up where all tries bring no frame."""


class NetworkStream:
    """An open address. `reconnects` counts the connections after the first."""

    def __init__(self, opened: VideoFile) -> None:
        self._file = opened
        self.name, self.fps = opened.name, opened.fps
        self.reconnects = 0
        self._stop = Event()

    def frames(self, every: int = 1) -> Iterator[tuple[NDArray[np.uint8], float]]:
        """Every `every`-th frame, BGR [H, W, 3], without a time of its own (0)."""
        tries = 0
        while not self._stop.is_set():
            for frame, _ in self._file.frames(every):
                tries = 0
                yield frame, 0.0
            self._file.close()
            while True:
                if tries == len(PAUSES_S) or self._stop.wait(PAUSES_S[tries]):
                    return
                tries += 1
                try:
                    self._file = VideoFile(self.name)
                except VideoError:
                    continue
                self.reconnects += 1
                break

    def stop(self) -> None:
        """Connect no more; from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Let go of the address."""
        self._stop.set()
        self._file.close()
