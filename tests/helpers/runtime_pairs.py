"""Runs networks of several runtimes in one process; prints a digest of what each answers.

    python -m tests.helpers.runtime_pairs RUNTIME...

opens a network of each runtime, in this order, and `finder`, the face detector. What a network
answers before the others are loaded it has to answer in turn with every other one, and while
another thread opens and runs that one. The pairs that answered otherwise are printed too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from threading import Thread
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from mf2_edge.bundle.loader import load_bundle
from mf2_edge.pipeline.finder import YuNetDetector
from mf2_edge.runtime.select import RuntimeName, choose_artifact, open_artifact
from tests.helpers.samples import astronaut

BUNDLES: Final[dict[RuntimeName, str]] = {
    "litert": "mf2-edge-s",
    "executorch": "mf2-edge-s",
    "onnx": "mf2-edge-m",
}
"""A small one for each runtime."""

TURNS: Final = 3

Name = RuntimeName | Literal["finder"]
Answer = Callable[[], str]


def main(names: list[Name]) -> None:
    """Print `alone` (digest by name), `pairs` (how many were tried) and `differ` (those pairs)."""
    frame = astronaut()
    opened = {name: opener(name, frame) for name in names}
    runs: dict[Name, Answer] = {}
    alone: dict[Name, str] = {}
    for name, make in opened.items():
        runs[name] = make(1)
        alone[name] = runs[name]()
    differ = []
    pairs = list(product(names, repeat=2))
    for one, other in pairs:
        in_turn = [runs[each]() == alone[each] for each in (one, other, one)]
        if not all(in_turn) or not at_once(runs[one], alone[one], opened[other], alone[other]):
            differ.append(f"{one}, {other}")
    print(json.dumps({"alone": alone, "pairs": len(pairs), "differ": differ}))  # noqa: T201


def at_once(run: Answer, expected: str, make: Callable[[int], Answer], of_other: str) -> bool:
    """Run one network while a thread opens the other, of two threads and of one, and runs it."""
    told: list[str] = []

    def work() -> None:
        for threads in (2, 1):
            other = make(threads)
            told.extend(other() for _ in range(TURNS))

    thread = Thread(target=work)
    thread.start()
    found = [run()]
    while thread.is_alive():
        found.append(run())
    thread.join()
    return set(found) == {expected} and told == [of_other] * (2 * TURNS)


def opener(name: Name, frame: NDArray[np.uint8]) -> Callable[[int], Answer]:
    """What opens a network with a number of threads; it answers the same face each time."""
    if name == "finder":

        def find(threads: int) -> Answer:
            detector = YuNetDetector(num_threads=threads, fast=True)
            return lambda: sha256(repr(detector.detect(frame)).encode()).hexdigest()

        return find
    bundle = load_bundle(BUNDLES[name])
    artifact = choose_artifact(bundle, name)
    size = bundle.manifest.input
    face = np.random.default_rng(0).normal(size=(1, size.height, size.width, 3)).astype(np.float32)
    if artifact.layout == "NCHW":
        face = np.ascontiguousarray(face.transpose(0, 3, 1, 2))

    def open_network(threads: int) -> Answer:
        network = open_artifact(bundle, artifact, threads)
        return lambda: sha256(b"".join(out.tobytes() for out in network.run(face))).hexdigest()

    return open_network


if __name__ == "__main__":
    main(cast("list[Name]", sys.argv[1:]))
