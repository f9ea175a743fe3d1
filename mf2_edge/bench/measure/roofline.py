"""What this machine can do at most: a float32 matrix product and a copy, in a pinned process.

    python -m mf2_edge.bench.measure.roofline CPU,CPU,...

prints `{"gflops": ..., "gbytes_s": ...}`: the best of several runs, since it is a limit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from mf2_edge.bench.estimate.graph_work import Work
from mf2_edge.bench.measure.pinning import pin
from mf2_edge.bench.report import Roofline

_SIDE: Final = 768
_COPY: Final = 32 << 20
"""Float32 elements of the copy: 128 MiB, beyond any cache."""


_WIDE: Final = "SKYLAKEX"
"""OpenBLAS's kernels of 512 bits. Left to itself it takes narrower ones on AMD's processors, and an
engine that does not would then pass the bound."""


def probe(cpus: tuple[int, ...], threads: int) -> tuple[float, float]:
    """Gflop/s and GB/s of `threads` threads on `cpus`, from processes of their own."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    found = [_probe(cpus, environment)]
    if _has_wide_registers():
        found.append(_probe(cpus, environment | {"OPENBLAS_CORETYPE": _WIDE}))
    return max(each["gflops"] for each in found), max(each["gbytes_s"] for each in found)


def _probe(cpus: tuple[int, ...], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603  (this very file)
        [sys.executable, "-m", "mf2_edge.bench.measure.roofline", ",".join(map(str, cpus))],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _has_wide_registers() -> bool:
    """Whether the processor has AVX-512 (from /proc/cpuinfo; Linux only)."""
    try:
        return " avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def against_roofline(work: Work, p50_ms: float, gflops: float, gbytes_s: float) -> Roofline:
    """The bound that the two rates put on a network, and the share of it that it reaches."""
    arithmetic_ms = 2 * work.macs / gflops / 1e6
    memory_ms = work.bytes_moved / gbytes_s / 1e6
    bound = max(arithmetic_ms, memory_ms)
    return Roofline(
        gflops=round(gflops, 2),
        gbytes_s=round(gbytes_s, 2),
        bound_ms=round(bound, 4),
        limit="arithmetic" if arithmetic_ms >= memory_ms else "memory",
        share=round(bound / p50_ms, 4),
    )


def _best_seconds(run: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _main(cpus: tuple[int, ...]) -> None:
    pin(cpus)
    generator = np.random.default_rng(0)
    a, b = (generator.random((_SIDE, _SIDE), np.float32) for _ in range(2))
    product = np.empty_like(a)
    source = np.ones(_COPY, np.float32)
    target = np.empty_like(source)
    multiply = _best_seconds(lambda: np.matmul(a, b, out=product), 12)
    copy = _best_seconds(lambda: np.copyto(target, source), 6)
    found = {"gflops": 2 * _SIDE**3 / multiply / 1e9, "gbytes_s": 2 * source.nbytes / copy / 1e9}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    _main(tuple(int(cpu) for cpu in sys.argv[1].split(",") if cpu))
