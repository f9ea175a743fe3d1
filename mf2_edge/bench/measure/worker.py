"""One artifact in a process of its own: opens it, warms up, and measures on request.

`host.py` starts it and writes one JSON request a line to its stdin; the worker replies to each
with one JSON line. Between requests it sleeps, so that only one worker computes at a time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, Final, TextIO

import numpy as np

from mf2_edge.analyzer import FaceStateAnalyzer
from mf2_edge.bench.measure.faces import frames
from mf2_edge.bench.measure.machine import energy_between, memory_mb, read_energy_uj
from mf2_edge.bench.measure.pinning import is_pinned, pin
from mf2_edge.bundle.loader import load_bundle
from mf2_edge.errors import Mf2EdgeError
from mf2_edge.io.frames import check_frame
from mf2_edge.pipeline.finder import YuNetDetector
from mf2_edge.runtime.select import engine_of, open_model

_WARM_UP: Final = 20

Stage = Callable[[], object]


class Worker:
    """The artifact, its inputs, and what is timed."""

    def __init__(self, bundle: str, kind: str, precision: str, threads: int) -> None:
        engine = engine_of(kind)
        engine.preload()  # imports are not part of the load time
        self.bundle = load_bundle(bundle)
        artifact = self.bundle.select(kind, precision)  # type: ignore[arg-type]  # checked by it
        size, channels_first = self.bundle.manifest.input, artifact.layout == "NCHW"
        shape = (3, size.height, size.width) if channels_first else (size.height, size.width, 3)
        blank = np.zeros((1, *shape), np.float32)
        before = memory_mb()
        started = time.perf_counter()
        runtime = open_model(self.bundle.read(artifact), artifact.format, threads)
        self.load_ms = (time.perf_counter() - started) * 1e3
        runtime.run(blank)
        self.cold_start_ms = (time.perf_counter() - started) * 1e3
        for _ in range(_WARM_UP):
            runtime.run(blank)
        after = memory_mb()
        self.peak_memory_mb = None if before is None or after is None else after[1] - before[0]
        del runtime
        self._frames = frames()
        self._analyzer = FaceStateAnalyzer(
            self.bundle, runtime=engine.name, precision=artifact.precision, num_threads=threads
        )
        self._network, self._stages = self._make_network(), self._make_stages()

    def _make_network(self) -> Stage:
        """The network on each of the faces in turn."""
        analyzer = self._analyzer
        inputs = []
        for frame in self._frames:
            image = check_frame(frame, "bgr")
            [face] = analyzer.detector.detect(image)[:1]
            inputs.append(analyzer.preprocess(analyzer.align(image, face)[0]))
        turn: Iterator[Any] = cycle(inputs)
        return lambda: analyzer.runtime.run(next(turn))

    def _make_stages(self) -> dict[str, Stage]:
        """`predict` on each frame in turn, and its stages on the first."""
        analyzer, turn = self._analyzer, cycle(self._frames)
        image = check_frame(self._frames[0], "bgr")
        [face] = analyzer.detector.detect(image)[:1]
        aligned, _ = analyzer.align(image, face)
        outputs = analyzer.runtime.run(analyzer.preprocess(aligned))
        stages: dict[str, Stage] = {
            "predict": lambda: analyzer.predict(next(turn)),
            "detect": lambda: analyzer.detector.detect(image),
            "align": lambda: analyzer.align(image, face),
            "preprocess": lambda: analyzer.preprocess(aligned),
            "run": lambda: self._network(),
            "decode": lambda: analyzer.decoder.decode(outputs),
        }
        if isinstance(analyzer.detector, YuNetDetector):
            net, side = analyzer.detector.network, analyzer.detector.network.spec.side
            view = np.zeros((side * 3 // 4, side, 3), np.uint8)
            stages["detector_network"] = lambda: net.run(view)
        return stages

    def handle(self, request: dict[str, Any], cpus: tuple[int, ...]) -> dict[str, Any]:
        """Run the network, or a stage, `queries` times."""
        stage = self._stages.get(request.get("stage", ""), self._network)
        energy, cpu, started = read_energy_uj(), time.process_time(), time.perf_counter()
        samples = _timed(stage, request["queries"])
        return {
            "samples_ms": samples,
            "wall_s": time.perf_counter() - started,
            "cpu_s": time.process_time() - cpu,
            "energy_uj": energy_between(energy, read_energy_uj()),
            "pinned": is_pinned(cpus),
        }

    @property
    def ready(self) -> dict[str, Any]:
        """What is known once the artifact is open."""
        return {
            "load_ms": self.load_ms,
            "cold_start_ms": self.cold_start_ms,
            "peak_memory_mb": self.peak_memory_mb,
            "stages": [*self._stages],
        }


def _timed(stage: Stage, queries: int) -> list[float]:
    samples = []
    for _ in range(queries):
        started = time.perf_counter()
        stage()
        samples.append((time.perf_counter() - started) * 1e3)
    return samples


def main(arguments: list[str]) -> int:
    """Serve requests until stdin ends: BUNDLE FORMAT PRECISION THREADS CPU,CPU,..."""
    bundle, kind, precision, threads, cpu_list = arguments
    # Engines print to stdout as they please; replies go where nothing else writes.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cpus = tuple(int(cpu) for cpu in cpu_list.split(",") if cpu)
    pin(cpus)
    try:
        worker = Worker(bundle, kind, precision, int(threads))
    except Mf2EdgeError as error:
        _send(replies, {"error": str(error)})
        return 2
    _send(replies, worker.ready)
    for line in sys.stdin:
        _send(replies, worker.handle(json.loads(line), cpus))
    return 0


def _send(replies: TextIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
