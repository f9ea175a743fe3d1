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
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from typing import Any, Final

from mf2_edge.bench.accuracy import model_of
from mf2_edge.bench.errors import BenchError
from mf2_edge.bench.estimate.graph_work import Work, read_work
from mf2_edge.bench.measure import machine
from mf2_edge.bench.measure.latency import percentiles
from mf2_edge.bench.measure.pinning import choose_cpus
from mf2_edge.bench.measure.roofline import probe, roof_of
from mf2_edge.bench.report import Conditions, Report
from mf2_edge.bundle.loader import Bundle
from mf2_edge.bundle.schema import ArtifactSpec
from mf2_edge.runtime.select import runs_here

_PACKAGES: Final = {
    "tflite": ("ai-edge-litert", "tflite-runtime"),
    "executorch": ("executorch",),
    "onnx": ("onnxruntime",),
}


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
    hello: dict[str, Any]
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
    roof = probe(cpus, threads)
    stolen = machine.stolen_seconds()
    with ExitStack() as opened:
        runs = [opened.enter_context(_worker(bundle, a, threads, cpus)) for a in runnable]
        _rounds(runs, effort)
        _stages(runs, effort)
    stolen = machine.stolen_seconds() - stolen
    return tuple(
        _report(bundle, run, threads, cpus, _noise(run, load, stolen, threads), roof)
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
        yield _Run(artifact, pipe, _hear(pipe, artifact))
    finally:
        pipe.kill()
        pipe.communicate()


def _hear(pipe: subprocess.Popen[str], artifact: ArtifactSpec) -> dict[str, Any]:
    assert pipe.stdout is not None  # it was asked for
    line = pipe.stdout.readline()
    if not line:
        raise BenchError(
            f"{artifact.file}: the process that ran it ended with code {pipe.wait()}; "
            "try another --format or --precision, and report it"
        )
    heard: dict[str, Any] = json.loads(line)
    if "error" in heard:
        raise BenchError(f"{artifact.file}: {heard['error']}")
    return heard


def _order(run: _Run, **order: object) -> dict[str, Any]:
    assert run.pipe.stdin is not None  # it was asked for
    try:
        run.pipe.stdin.write(json.dumps(order) + "\n")
        run.pipe.stdin.flush()
    except BrokenPipeError:
        pass  # `_hear` says with which code the process ended
    return _hear(run.pipe, run.artifact)


def _rounds(runs: list[_Run], effort: Effort) -> None:
    from tqdm import tqdm

    size = -(-effort.queries // effort.rounds)
    with tqdm(total=len(runs) * effort.queries, unit=" queries", file=sys.stderr) as progress:
        while waiting := [r for r in runs if not _done(r, effort)]:
            for run in waiting:
                heard = _order(run, queries=min(size, effort.queries - len(run.samples)))
                run.samples += heard["samples_ms"]
                run.medians.append(median(heard["samples_ms"]))
                run.wall_s += heard["wall_s"]
                run.cpu_s += heard["cpu_s"]
                run.energy_uj.append(heard["energy_uj"])
                run.pinned.append(heard["pinned"])
                progress.update(len(heard["samples_ms"]))


def _done(run: _Run, effort: Effort) -> bool:
    return len(run.samples) >= effort.queries or run.wall_s >= effort.seconds


def _stages(runs: list[_Run], effort: Effort) -> None:
    for _ in range(effort.rounds):
        for run in runs:
            for stage in run.hello["stages"]:
                queries = -(-effort.stage_queries // effort.rounds)
                heard = _order(run, stage=stage, queries=queries)
                run.stages.setdefault(stage, []).extend(heard["samples_ms"])


def _noise(run: _Run, load: float, stolen_s: float, threads: int) -> tuple[str, ...]:
    return machine.noise(
        load=load,
        stolen_s=stolen_s,
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
    roof: tuple[float, float],
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
        runtime=_engine_version(run.artifact.format),
        compute_unit="cpu",
        threads=threads,
        network=network,
        stages={name: percentiles(samples) for name, samples in run.stages.items()},
        load_ms=round(run.hello["load_ms"], 3),
        cold_start_ms=round(run.hello["cold_start_ms"], 3),
        peak_memory_mb=_rounded(run.hello["peak_memory_mb"]),
        energy_mj=round(sum(energy) / 1e3 / len(run.samples), 3) if energy else None,
        roof=None if work is None else roof_of(work, network.p50, *roof),
        conditions=Conditions(
            cpus=cpus, pinned=pinned, cpu_share=round(run.cpu_s / run.wall_s, 3), noise=noise
        ),
        method=f"{len(run.samples)} queries in {len(run.medians)} rounds that took turns with the "
        "other artifacts, eight views of one face, a process an artifact",
        notes=() if energy else ("energy: no RAPL counter can be read here",),
    )


def network_work(bundle: Bundle) -> Work | None:
    """The work of the bundle's network, from its first .tflite; None if it has none."""
    found = [a for a in bundle.manifest.artifacts if a.format == "tflite"]
    plain = sorted(found, key=lambda artifact: artifact.precision != "fp32")
    return read_work(bundle.read(plain[0]), source=plain[0].file) if plain else None


def today() -> str:
    """The day, ISO 8601, UTC."""
    return datetime.now(UTC).date().isoformat()


def _engine_version(kind: str) -> str:
    for package in _PACKAGES[kind]:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
    return kind


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(max(number, 0.0), 2)
