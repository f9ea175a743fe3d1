"""Measure on an Android phone: push the runner and the model, run in turns, keep what was got.

LiteRT's `benchmark_model` reads .tflite, ExecuTorch's `executor_runner` reads .pte. A phone that
vanishes in the middle costs what was not measured yet, and nothing else.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from mf2_edge.bench.accuracy import model_of
from mf2_edge.bench.errors import BenchError, PhoneError, PhoneLostError
from mf2_edge.bench.measure.adb import HOT, THERMAL, Phone
from mf2_edge.bench.report import Conditions, DeviceInfo, Latency, Report, today
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import ArtifactSpec

_FOLDER: Final = "/data/local/tmp/mf2-edge-bench"
_RUNNERS: Final = {"tflite": "benchmark_model", "executorch": "executor_runner"}
_COOL_DOWN_S: Final = 10.0
_NUMBER: Final = r"([\d.]+(?:e[+-]?\d+)?)"


@dataclass(frozen=True, slots=True)
class Turn:
    """What one run of a runner printed, ms."""

    p50_ms: float
    queries: int
    load_ms: float | None = None
    first_ms: float | None = None
    peak_mb: float | None = None


@dataclass(slots=True)
class _Measured:
    artifact: ArtifactSpec
    turns: list[Turn] = field(default_factory=list)
    lost: str | None = None


def measure_android(
    phone: Phone,
    device: DeviceInfo,
    bundle: Bundle,
    artifacts: Sequence[ArtifactSpec],
    runner: Path,
    *,
    threads: int,
    queries: int,
    rounds: int,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Report, ...]:
    """A report for each artifact that `runner` reads; cut short where the phone vanished.

    Waits for a hot phone to cool down, a minute at most, before it begins.

    Raises PhoneError if the phone is locked, PhoneLostError if it vanished before any figure,
    BenchError if the runner reads none of the artifacts.
    """
    chosen = _readable(artifacts, runner)
    if phone.is_locked():
        raise PhoneError(
            f"{device.model} is locked or its screen is off, when it saves power; unlock it, keep "
            "the screen on (developer options: stay awake), and measure again"
        )
    before = _cooled(phone, sleep)
    battery, low_power = phone.battery(), phone.low_power()
    measured = [_Measured(artifact) for artifact in chosen]
    try:
        _push(phone, runner, bundle, chosen)
        for _ in range(rounds):
            for each in measured:
                text = _turn(phone, each.artifact, threads, -(-queries // rounds))
                each.turns.append(read_turn(text, each.artifact.format))
        after = phone.thermal()
        phone.run("shell", "rm", "-rf", _FOLDER)
    except PhoneLostError as error:
        if not any(each.turns for each in measured):
            raise
        sys.stderr.write(f"mf2-edge: {error}; what was measured is kept\n")
        after = None
        for each in measured:
            each.lost = str(error)
    noise = _noise(before, after, low_power)
    conditions = Conditions(
        thermal_before=_status(before),
        thermal_after=_status(after),
        low_power_mode=low_power,
        battery_percent=battery,
        noise=noise,
    )
    return tuple(_report(bundle, each, device, conditions, threads, runner) for each in measured)


def read_turn(text: str, kind: str) -> Turn:
    """What a runner printed; raises PhoneError with its last line if there is no figure."""
    if kind == "executorch":
        found = re.search(rf"executed successfully (\d+) time\(s\) in {_NUMBER} ms", text)
        if found:
            return Turn(p50_ms=float(found[2]) / int(found[1]), queries=int(found[1]))
    else:
        # The warm-up prints a line of the same form first.
        counts = re.findall(rf"count=(\d+) .*?avg={_NUMBER}(?:.*?median={_NUMBER})?", text)
        summary = re.search(rf"Init: {_NUMBER}, First inference: {_NUMBER}", text)
        if counts and summary:
            count, average, middle = counts[-1]
            memory = re.search(rf"(?:overall=|footprint \(MB\)[^:]*: ){_NUMBER}", text)
            return Turn(
                p50_ms=float(middle or average) / 1e3,
                queries=int(count),
                load_ms=float(summary[1]) / 1e3,
                first_ms=float(summary[2]) / 1e3,
                peak_mb=float(memory[1]) if memory else None,
            )
    last = (text.strip().splitlines() or ["nothing"])[-1]
    raise PhoneError(f"the runner printed no figure, but: {last}")


def _readable(artifacts: Sequence[ArtifactSpec], runner: Path) -> list[ArtifactSpec]:
    if not runner.is_file():
        raise BenchError(
            f"{runner}: no such file; expected LiteRT's benchmark_model or ExecuTorch's "
            "executor_runner, built for the phone (docs/bench.md)"
        )
    kind = "executorch" if "executor" in runner.name else "tflite"
    chosen = [artifact for artifact in artifacts if artifact.format == kind]
    if not chosen:
        named = ", ".join(f"{a.format} {a.precision}" for a in artifacts)
        raise BenchError(
            f"{runner.name} reads {kind}, and the choice is {named}; give the runner of that "
            f"format: {', '.join(f'{name} for {key}' for key, name in _RUNNERS.items())}"
        )
    return chosen


def _cooled(phone: Phone, sleep: Callable[[float], None]) -> int | None:
    status = phone.thermal()
    for _ in range(6):
        if status is None or status < HOT:
            break
        sleep(_COOL_DOWN_S)
        status = phone.thermal()
    return status


def _push(phone: Phone, runner: Path, bundle: Bundle, artifacts: list[ArtifactSpec]) -> None:
    phone.run("shell", "mkdir", "-p", _FOLDER)
    phone.push(runner, f"{_FOLDER}/runner")
    phone.run("shell", "chmod", "755", f"{_FOLDER}/runner")
    for artifact in artifacts:
        phone.push(bundle.path_of(artifact), f"{_FOLDER}/{Path(artifact.file).name}")


def _turn(phone: Phone, artifact: ArtifactSpec, threads: int, queries: int) -> str:
    model = f"{_FOLDER}/{Path(artifact.file).name}"
    if artifact.format == "executorch":
        options = [
            f"--model_path={model}",
            f"--num_executions={queries}",
            f"--cpu_threads={threads}",
        ]
    else:
        options = [
            f"--graph={model}", f"--num_threads={threads}", f"--num_runs={queries}",
            "--warmup_runs=20", "--min_secs=0", "--report_peak_memory_footprint=true",
        ]  # fmt: skip
    # The runner writes to either stream, and its log goes to stderr of the phone's shell.
    return phone.run("shell", f"{_FOLDER}/runner", *options, "2>&1", timeout=300)


def _status(number: int | None) -> str | None:
    return None if number is None else THERMAL[min(number, len(THERMAL) - 1)]


def _noise(before: int | None, after: int | None, low_power: bool | None) -> tuple[str, ...]:
    found = []
    if before is not None and before >= HOT:
        found.append(f"thermal status {_status(before)} at the start, after a minute's wait")
    if after is not None and after >= HOT:
        found.append(f"thermal status {_status(after)} at the end: throttled")
    if low_power:
        found.append("battery saver was on")
    return tuple(found)


def _report(
    bundle: Bundle,
    measured: _Measured,
    device: DeviceInfo,
    conditions: Conditions,
    threads: int,
    runner: Path,
) -> Report:
    turns = measured.turns
    queries = sum(turn.queries for turn in turns)
    first = turns[0] if turns else None
    loaded = [turn for turn in turns if turn.load_ms is not None and turn.first_ms is not None]
    return Report(
        provenance="measured-device",
        date=today(),
        device=device,
        model=model_of(bundle, measured.artifact),
        runtime=runner.name,
        compute_unit="cpu",
        threads=threads,
        network=Latency(p50=round(median(t.p50_ms for t in turns), 4), queries=queries)
        if turns
        else None,
        load_ms=median(t.load_ms or 0 for t in loaded) if loaded else None,
        cold_start_ms=median((t.load_ms or 0) + (t.first_ms or 0) for t in loaded)
        if loaded
        else None,
        peak_memory_mb=first.peak_mb if first else None,
        conditions=conditions,
        complete=measured.lost is None,
        method=f"{len(turns)} runs of {runner.name} in turns; p50 is the median of the runs' "
        f"{'medians' if measured.artifact.format == 'tflite' else 'means'}; "
        "it prints no p90 or p99",
        notes=() if measured.lost is None else (f"cut short: {measured.lost}",),
    )
