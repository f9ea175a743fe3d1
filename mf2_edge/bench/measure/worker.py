"""One artifact in a process of its own: opens it, warms up, answers orders to run it.

`host.py` starts it and writes one JSON order a line to its stdin; it answers each with one JSON
line. Between orders it sleeps, so that only one worker computes at a time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
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
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.runtime.select import RuntimeName, open_model

_ENGINES: Final[dict[str, tuple[RuntimeName, tuple[str, ...]]]] = {
    "tflite": ("litert", ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")),
    "executorch": ("executorch", ("executorch.runtime",)),
    "onnx": ("onnx", ("onnxruntime",)),
}
"""By format: name of the engine, and what to import before the clock starts."""

_WARM_UP: Final = 20

Stage = Callable[[], object]


class Worker:
    """The artifact, its inputs, and what is timed."""

    def __init__(self, bundle: str, kind: str, precision: str, threads: int) -> None:
        engine, modules = _ENGINES[kind]
        for module in modules:
            if find_spec(module.partition(".")[0]):
                import_module(module)
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
            self.bundle, runtime=engine, precision=artifact.precision, num_threads=threads
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
        if isinstance(analyzer.detector, BlazeFaceDetector):
            net = analyzer.detector.network
            side = net.spec.input_size
            view = np.zeros((1, side, side, 3), np.float32)
            stages["detector_network"] = lambda: net.runtime.run(view)
        return stages

    def obey(self, order: dict[str, Any], cpus: tuple[int, ...]) -> dict[str, Any]:
        """Run the network, or a stage, `queries` times."""
        stage = self._stages.get(order.get("stage", ""), self._network)
        energy, cpu, started = read_energy_uj(), time.process_time(), time.perf_counter()
        samples = _timed(stage, order["queries"])
        return {
            "samples_ms": samples,
            "wall_s": time.perf_counter() - started,
            "cpu_s": time.process_time() - cpu,
            "energy_uj": energy_between(energy, read_energy_uj()),
            "pinned": is_pinned(cpus),
        }

    @property
    def hello(self) -> dict[str, Any]:
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
    """Serve orders until stdin ends: BUNDLE FORMAT PRECISION THREADS CPU,CPU,..."""
    bundle, kind, precision, threads, cpu_list = arguments
    # Engines print to stdout as they please; answers go where nobody else writes.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cpus = tuple(int(cpu) for cpu in cpu_list.split(",") if cpu)
    pin(cpus)
    try:
        worker = Worker(bundle, kind, precision, int(threads))
    except Mf2EdgeError as error:
        _say(answers, {"error": str(error)})
        return 2
    _say(answers, worker.hello)
    for line in sys.stdin:
        _say(answers, worker.obey(json.loads(line), cpus))
    return 0


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
