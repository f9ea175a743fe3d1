"""Our networks beside those of published peers, in one run, one engine, in turns, on this machine.

    python -m benchmarks.peers.compare [--quick] [--landmarker-python PYTHON --landmarker TASK]

Peers' weights play no part in their speed, so theirs are random: EfficientNet-B0 and B2 of
EmotiEffLib, ResNet-18 of DAN and LibreFace, MobileNetV3-small as the floor. Each round times
every network; a ratio is taken within a round, and its spread is over the rounds. With a Python
that has MediaPipe, the whole `predict` is timed beside its Face Landmarker on the same frames.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.peers.reference_networks import CACHE, tflite_file
from benchmarks.report import RESULTS, conditions
from mf2_edge import FaceStateAnalyzer
from mf2_edge.bench.measure import machine
from mf2_edge.bench.measure.faces import frames
from mf2_edge.bench.measure.pinning import choose_cpus, is_pinned, pin
from mf2_edge.bench.report import percentiles
from mf2_edge.bundle.loader import list_bundles, load_bundle
from mf2_edge.io.atomic import write_json
from mf2_edge.runtime.litert import LiteRTRuntime

OUT = RESULTS / "host" / "peers.json"

PEERS = {
    "efficientnet_b0@224": "EfficientNet-B0 at 224, of EmotiEffLib",
    "efficientnet_b2@260": "EfficientNet-B2 at 260, of EmotiEffLib",
    "resnet18@224": "ResNet-18 at 224, of DAN and LibreFace",
    "mobilenet_v3_small@224": "MobileNetV3-small at 224, the floor",
}
QUERIES = 8
"""Of each in a round."""


@dataclass(slots=True)
class Timed:
    """Something that runs, and the times it took."""

    name: str
    run: Callable[[int], list[float]]
    samples: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 rounds instead of 64")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--bundle", nargs="+", help="names or folders (default: all that ship)")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), metavar="NETWORK")
    parser.add_argument("--landmarker-python", type=Path, help="a Python that has mediapipe")
    parser.add_argument("--landmarker", type=Path, metavar="TASK", help="face_landmarker.task")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if options.landmarker_python and not options.landmarker:
        parser.error("--landmarker-python needs --landmarker, the file face_landmarker.task")
    files = {network: tflite_file(network, options.cache) for network in options.peers}
    load, cpus = machine.load_before(), choose_cpus(1)
    pin(cpus)
    ours, predicts = our_networks(options.bundle or list_bundles())
    peers = [Timed(PEERS.get(n, n), network(path.read_bytes())) for n, path in files.items()]
    with landmarker(options.landmarker_python, options.landmarker) as others:
        end_to_end = [*predicts, *others] if others else []
        take_turns([*ours, *peers, *end_to_end], 4 if options.quick else 64)
    times_faster = ratios(ours, peers) + ratios(predicts, others)
    report = {
        "what": "networks of peers, random weights, beside ours, LiteRT fp32 or int8, one thread",
        **conditions(),
        "machine": machine.host_info().model,
        "queries_a_round": QUERIES,
        "rounds": 4 if options.quick else 64,
        "pinned": is_pinned(cpus),
        "noise": [f"load average {load:.1f} before the start"] if load > machine.LOAD_LIMIT else [],
        "bundles": {b: load_bundle(b).manifest_sha256 for b in options.bundle or list_bundles()},
        "latency_ms": {timed.name: summary(timed) for timed in [*ours, *peers, *end_to_end]},
        "times_faster": times_faster,
    }
    write_json(options.out, report)
    for row in times_faster:
        sys.stdout.write(
            "{ours}: {times:.2f} times as fast as {peer} ({low:.2f} to {high:.2f})\n".format(**row)
        )


def our_networks(bundles: list[str]) -> tuple[list[Timed], list[Timed]]:
    """Each .tflite of each bundle, alone, and `predict` with each."""
    networks, predicts = [], []
    for name in bundles:
        bundle = load_bundle(name)
        for artifact in bundle.manifest.artifacts:
            if artifact.format != "tflite":
                continue
            title = f"{bundle.manifest.name} {artifact.precision}"
            networks.append(Timed(title, network(bundle.read(artifact))))
            analyzer = FaceStateAnalyzer(bundle, runtime="litert", precision=artifact.precision)
            predicts.append(Timed(f"predict, {title}", predict(analyzer)))
    return networks, predicts


def network(model: bytes) -> Callable[[int], list[float]]:
    """Times of a network on noise of its own input's shape."""
    runtime = LiteRTRuntime(model, num_threads=1)
    x = np.random.default_rng(0).normal(size=runtime.input_shape).astype(np.float32)
    return lambda queries: clocked(lambda: runtime.run(x), queries)


def predict(analyzer: FaceStateAnalyzer) -> Callable[[int], list[float]]:
    """Times of the whole `predict` on the frames in turn."""
    views = frames()

    def run(queries: int) -> list[float]:
        turn = iter(views[i % len(views)] for i in range(queries))
        return clocked(lambda: analyzer.predict(next(turn)), queries)

    return run


def clocked(run: Callable[[], object], queries: int) -> list[float]:
    times = []
    for _ in range(queries):
        started = perf_counter()
        run()
        times.append((perf_counter() - started) * 1e3)
    return times


@contextmanager
def landmarker(python: Path | None, task: Path | None) -> Iterator[list[Timed]]:
    """MediaPipe in a process of its own, which inherits the CPU; nothing without `python`."""
    if python is None:
        sys.stderr.write("no --landmarker-python: Face Landmarker is left out\n")
        yield []
        return
    with TemporaryDirectory() as folder:
        views = Path(folder) / "frames.npy"
        np.save(views, np.stack(frames()))
        script = Path(__file__).with_name("landmarker.py")
        with subprocess.Popen(
            [str(python), str(script), str(task), str(views)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip
            yield [Timed("MediaPipe Face Landmarker", lambda queries: ask(process, queries))]
            process.terminate()


def ask(process: subprocess.Popen[str], queries: int) -> list[float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{queries}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"Face Landmarker ended with code {process.wait()}")
    answer: dict[str, Any] = json.loads(line)
    if answer["found"] != queries:
        raise RuntimeError(f"Face Landmarker found a face in {answer['found']} of {queries} frames")
    return list(answer["samples_ms"])


def take_turns(all_timed: list[Timed], rounds: int) -> None:
    for timed in all_timed:
        timed.run(QUERIES)  # warm-up
    for _ in tqdm(range(rounds), unit=" rounds"):
        for timed in all_timed:
            times = timed.run(QUERIES)
            timed.samples += times
            timed.medians.append(median(times))


def summary(timed: Timed) -> dict[str, float]:
    latency = percentiles(timed.samples)
    return {"p50": latency.p50, "p90": latency.p90 or 0, "queries": latency.queries}


def ratios(ours: list[Timed], peers: list[Timed]) -> list[dict[str, Any]]:
    """How many times as fast, within each round: median and quartiles over the rounds."""
    rows = []
    for mine in ours:
        for peer in peers:
            quotients = np.array(peer.medians) / np.array(mine.medians)
            low, middle, high = np.percentile(quotients, (25, 50, 75)).round(3).tolist()
            rows.append(
                {"ours": mine.name, "peer": peer.name, "times": middle, "low": low, "high": high}
            )
    return rows


if __name__ == "__main__":
    main()
