"""What the machine of the bench is, and what else it is busy with."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from mf2_edge.bench.estimate.devices import HOST
from mf2_edge.bench.report import DeviceInfo

LOAD_LIMIT: Final = 0.5
"""Load average beyond which, before anything was measured, others are at work."""

SHARE_LIMIT: Final = 0.97
"""A single thread that had less of its CPU than this was put aside for others."""

SPREAD_LIMIT: Final = 0.1
"""Quartiles of the rounds' medians further apart than this part of their median."""

_POWER: Final = Path("/sys/class/powercap/intel-rapl:0")


def host_info() -> DeviceInfo:
    """This machine, as reports name it; never a phone."""
    return DeviceInfo(
        name=HOST,
        model=f"{platform.system()} {platform.machine()}, {cpu_name()}",
        soc=cpu_name(),
        os=f"{platform.system()} {platform.release()}",
    )


def cpu_name() -> str:
    """The CPU's name, as the system says it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown CPU")


def load_before() -> float:
    """Processes that wanted a CPU in the last minute, on average; 0 where the system won't say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def steal_time() -> float:
    """CPU time that the hypervisor gave to other machines since the start, seconds."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return 0.0
    fields = stat.read_text().splitlines()[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else 0.0


def noise(
    *, load: float, steal_s: float, cpu_share: float, threads: int, round_medians: Sequence[float]
) -> tuple[str, ...]:
    """Why figures may be too high: one line a reason, none on a quiet machine."""
    found = []
    if load > LOAD_LIMIT:
        found.append(f"load average {load:.1f} before the start: other programs were running")
    if steal_s > 0.1:
        found.append(f"the hypervisor took {steal_s:.1f} s of CPU time away")
    if threads == 1 and cpu_share < SHARE_LIMIT:
        found.append(f"had its CPU for {cpu_share:.0%} of the time only")
    if len(round_medians) >= 4:
        low, middle, high = np.percentile(round_medians, (25, 50, 75))
        if (spread := (high - low) / middle) > SPREAD_LIMIT:
            found.append(f"medians of the rounds spread by {spread:.0%} (quartiles)")
    return tuple(found)


def read_energy_uj() -> int | None:
    """Energy counter of the CPU package, microjoules; None where it cannot be read."""
    try:
        return int((_POWER / "energy_uj").read_text())
    except (OSError, ValueError):
        return None


def energy_between(before: int | None, after: int | None) -> int | None:
    """Microjoules from one reading to the next; the counter starts over at its maximum."""
    if before is None or after is None:
        return None
    if after >= before:
        return after - before
    try:
        return after - before + int((_POWER / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        return None


def memory_mb() -> tuple[float, float] | None:
    """Memory of this process now and at its most, MB; None where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    rows = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    now, peak = (int(rows[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))
    return now, peak
