"""Runs a model file again and again; the program of the guest whose instructions are counted.

    python -m benchmarks.arm.repeat FILE TIMES SIDE...

SIDEs are the input's shape. Writes to descriptor 999, which is not open, before the first counted
inference and after the last.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mf2_edge.runtime.base import ModelRuntime

MARK = 999
WARM = 2
"""Inferences before the count: engines unpack weights at the first."""


def main() -> int:
    """Run the command; returns the exit code."""
    path, times, *sides = sys.argv[1:]
    data, shape = Path(path).read_bytes(), tuple(map(int, sides))
    runtime: ModelRuntime
    if path.endswith(".onnx"):
        from mf2_edge.runtime.onnx import OnnxRuntime

        runtime = OnnxRuntime(data)
    else:
        from mf2_edge.runtime.litert import LiteRTRuntime

        runtime = LiteRTRuntime(data, input_shape=shape)
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    for number in range(WARM + int(times) + 1):
        if number in (WARM, WARM + int(times)):
            with contextlib.suppress(OSError):
                os.write(MARK, b"")
        runtime.run(x)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
