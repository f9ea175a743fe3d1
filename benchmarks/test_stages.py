"""Latency of `predict` stage by stage, one thread, a VGA frame with one face.

    make bench

The frame is NASA's astronaut portrait, its face 150 px wide in 640x480. Figures hold for the
machine they were measured on and for no phone.
"""

from __future__ import annotations

from importlib.resources import as_file, files

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from mf2_edge import FaceStateAnalyzer
from mf2_edge.io.frames import check_frame, read_image
from mf2_edge.pipeline.finder import YuNetDetector


@pytest.fixture(scope="module")
def analyzer() -> FaceStateAnalyzer:
    return FaceStateAnalyzer(num_threads=1)


@pytest.fixture(scope="module")
def frame() -> NDArray[np.uint8]:
    """BGR uint8 [480, 640, 3], as a camera gives it."""
    with as_file(files("mf2_edge") / "samples" / "astronaut.jpg") as path:
        portrait = read_image(path)[0:330, 0:440]
    return np.ascontiguousarray(cv2.resize(portrait, (640, 480))[..., ::-1], dtype=np.uint8)


@pytest.fixture(scope="module")
def rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return check_frame(frame, "bgr")


def test_predict(
    benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer, frame: NDArray[np.uint8]
) -> None:
    assert len(benchmark(analyzer.predict, frame)) == 1


def test_detect(
    benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer, rgb: NDArray[np.uint8]
) -> None:
    assert len(benchmark(analyzer.detector.detect, rgb)) == 1


def test_detector_network(benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer) -> None:
    assert isinstance(analyzer.detector, YuNetDetector)
    network = analyzer.detector.network
    view = np.zeros((network.spec.side * 3 // 4, network.spec.side, 3), dtype=np.uint8)
    assert benchmark(network.run, view) == []


def test_align(
    benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer, rgb: NDArray[np.uint8]
) -> None:
    [face] = analyzer.detector.detect(rgb)
    aligned, status = benchmark(analyzer.align, rgb, face)
    assert (aligned.ndim, status) == (3, "ok")


def test_preprocess(
    benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer, rgb: NDArray[np.uint8]
) -> None:
    aligned, _ = analyzer.align(rgb, analyzer.detector.detect(rgb)[0])
    assert benchmark(analyzer.preprocess, aligned).dtype == np.float32


def test_run(
    benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer, rgb: NDArray[np.uint8]
) -> None:
    aligned, _ = analyzer.align(rgb, analyzer.detector.detect(rgb)[0])
    manifest = analyzer.bundle.manifest
    told = len(manifest.heads) + len(manifest.embeddings)
    assert len(benchmark(analyzer.runtime.run, analyzer.preprocess(aligned))) == told


def test_decode(
    benchmark: BenchmarkFixture, analyzer: FaceStateAnalyzer, rgb: NDArray[np.uint8]
) -> None:
    aligned, _ = analyzer.align(rgb, analyzer.detector.detect(rgb)[0])
    outputs = analyzer.runtime.run(analyzer.preprocess(aligned))
    emotion, *_ = benchmark(analyzer.decoder.decode, outputs)
    assert sum(emotion.scores.values()) == pytest.approx(1)
