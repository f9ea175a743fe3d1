"""Measure this machine: a process an artifact, pinned, warm, in rounds that take turns.

Rounds take turns so that whatever slows the machine down for a while slows all artifacts alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from mf2_edge.bench.accuracy import model_of
from mf2_edge.bench.errors import BenchError
from mf2_edge.bench.estimate.graph_work import network_work
from mf2_edge.bench.measure import machine
from mf2_edge.bench.measure.pinning import choose_cpus
from mf2_edge.bench.measure.roofline import against_roofline, probe
from mf2_edge.bench.report import Conditions, Report, percentiles, today
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import ArtifactSpec
from mf2_edge.runtime.select import engine_of, runs_here


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure. An artifact is done at `queries`, or after `seconds` of them."""

    queries: int
    seconds: float
    rounds: int
    """In how many turns."""
    stage_queries: int
    """For each stage of `predict`."""


FULL: Final = Effort(queries=1024, seconds=60, rounds=16, stage_queries=256)
"""1,024 queries or 60 s, as in MLPerf Mobile."""

QUICK: Final = Effort(queries=64, seconds=2, rounds=4, stage_queries=8)
"""For a first look, and for tests."""


@dataclass(slots=True)
class _Run:
    """A worker and what it has measured so far."""

    artifact: ArtifactSpec
    pipe: subprocess.Popen[str]
    ready: dict[str, Any]
    samples: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    energy_uj: list[int | None] = field(default_factory=list)
    pinned: list[bool | None] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)


def measure_host(
    bundle: Bundle, artifacts: Sequence[ArtifactSpec], threads: int, effort: Effort = FULL
) -> tuple[Report, ...]:
    """A report for each of `artifacts` for which this machine has an engine.

    Shows a progress bar on stderr. Raises BenchError if no engine runs any, or a worker dies.
    """
    runnable = [artifact for artifact in artifacts if runs_here(artifact)]
    if not runnable:
        named = ", ".join(f"{a.format} {a.precision}" for a in artifacts)
        raise BenchError(
            f"this machine has no engine for {named}; install one: pip install ai-edge-litert, "
            "'mf2-edge[executorch]' or 'mf2-edge[onnx]', or choose another --format"
        )
    cpus, load = choose_cpus(threads), machine.load_before()
    roofline = probe(cpus, threads)
    steal_s = machine.steal_time()
    with ExitStack() as opened:
        runs = [opened.enter_context(_worker(bundle, a, threads, cpus)) for a in runnable]
        _rounds(runs, effort)
        _stages(runs, effort)
    steal_s = machine.steal_time() - steal_s
    return tuple(
        _report(bundle, run, threads, cpus, _noise(run, load, steal_s, threads), roofline)
        for run in runs
    )


@contextmanager
def _worker(
    bundle: Bundle, artifact: ArtifactSpec, threads: int, cpus: tuple[int, ...]
) -> Iterator[_Run]:
    command = [
        sys.executable, "-m", "mf2_edge.bench.measure.worker", str(bundle.path),
        artifact.format, artifact.precision, str(threads), ",".join(map(str, cpus)),
    ]  # fmt: skip
    pipe = subprocess.Popen(  # noqa: S603  (a module of this package)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield _Run(artifact, pipe, _receive(pipe, artifact))
    finally:
        pipe.kill()
        pipe.communicate()


def _receive(pipe: subprocess.Popen[str], artifact: ArtifactSpec) -> dict[str, Any]:
    assert pipe.stdout is not None  # it was asked for
    line = pipe.stdout.readline()
    if not line:
        raise BenchError(
            f"{artifact.file}: the process that ran it ended with code {pipe.wait()}; "
            "try another --format or --precision, and report it"
        )
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise BenchError(f"{artifact.file}: {reply['error']}")
    return reply


def _request(run: _Run, **request: object) -> dict[str, Any]:
    assert run.pipe.stdin is not None  # it was asked for
    try:
        run.pipe.stdin.write(json.dumps(request) + "\n")
        run.pipe.stdin.flush()
    except BrokenPipeError:
        pass  # `_receive` says with which code the process ended
    return _receive(run.pipe, run.artifact)


def _rounds(runs: list[_Run], effort: Effort) -> None:
    from tqdm import tqdm

    size = -(-effort.queries // effort.rounds)
    with tqdm(total=len(runs) * effort.queries, unit=" queries", file=sys.stderr) as progress:
        while waiting := [r for r in runs if not _done(r, effort)]:
            for run in waiting:
                reply = _request(run, queries=min(size, effort.queries - len(run.samples)))
                run.samples += reply["samples_ms"]
                run.medians.append(median(reply["samples_ms"]))
                run.wall_s += reply["wall_s"]
                run.cpu_s += reply["cpu_s"]
                run.energy_uj.append(reply["energy_uj"])
                run.pinned.append(reply["pinned"])
                progress.update(len(reply["samples_ms"]))


def _done(run: _Run, effort: Effort) -> bool:
    return len(run.samples) >= effort.queries or run.wall_s >= effort.seconds


def _stages(runs: list[_Run], effort: Effort) -> None:
    for _ in range(effort.rounds):
        for run in runs:
            for stage in run.ready["stages"]:
                queries = -(-effort.stage_queries // effort.rounds)
                reply = _request(run, stage=stage, queries=queries)
                run.stages.setdefault(stage, []).extend(reply["samples_ms"])


def _noise(run: _Run, load: float, steal_s: float, threads: int) -> tuple[str, ...]:
    return machine.noise(
        load=load,
        steal_s=steal_s,
        cpu_share=run.cpu_s / run.wall_s,
        threads=threads,
        round_medians=run.medians,
    )


def _report(
    bundle: Bundle,
    run: _Run,
    threads: int,
    cpus: tuple[int, ...],
    noise: tuple[str, ...],
    roofline: tuple[float, float],
) -> Report:
    network = percentiles(run.samples)
    energy = [joules for joules in run.energy_uj if joules is not None]
    work = network_work(bundle) if run.artifact.precision == "fp32" else None
    pinned = None if None in run.pinned else all(run.pinned)
    return Report(
        provenance="measured-host",
        date=today(),
        device=machine.host_info(),
        model=model_of(bundle, run.artifact),
        runtime=engine_of(run.artifact.format).version(),
        compute_unit="cpu",
        threads=threads,
        network=network,
        stages={name: percentiles(samples) for name, samples in run.stages.items()},
        load_ms=round(run.ready["load_ms"], 3),
        cold_start_ms=round(run.ready["cold_start_ms"], 3),
        peak_memory_mb=_rounded(run.ready["peak_memory_mb"]),
        energy_mj=round(sum(energy) / 1e3 / len(run.samples), 3) if energy else None,
        roofline=None if work is None else against_roofline(work, network.p50, *roofline),
        conditions=Conditions(
            cpus=cpus, pinned=pinned, cpu_share=round(run.cpu_s / run.wall_s, 3), noise=noise
        ),
        method=f"{len(run.samples)} queries in {len(run.medians)} rounds that took turns with the "
        "other artifacts, eight views of one face, a process an artifact",
        notes=() if energy else ("energy: no RAPL counter can be read here",),
    )


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(max(number, 0.0), 2)
