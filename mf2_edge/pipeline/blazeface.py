"""BlazeFace: one square view in, the faces it holds out (Bazarevsky et al. 2019, arXiv:1907.05047).

The network predicts, at every anchor, a score, a box and six keypoints relative to the anchor's
centre. Its facts are read from `detector.json` beside the model file.
"""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files
from math import log

import msgspec
import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import ChecksumError
from mf2_edge.pipeline.activations import sigmoid
from mf2_edge.runtime.litert import LiteRTRuntime
from mf2_edge.types import Box, Detection, Landmarks, Point


class AnchorLayer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One grid of anchors: its stride in view pixels and how many anchors share a cell."""

    stride: int
    per_cell: int


class DetectorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`detector.json`."""

    name: str
    file: str
    sha256: str
    license: str
    source: str
    paper: str
    input_size: int
    """Side of the square RGB view, pixels."""
    mean: float
    std: float
    """The network reads (pixel - mean) / std."""
    anchor_layers: tuple[AnchorLayer, ...]
    keypoints: tuple[str, ...]
    """Fields of `Landmarks` in the order of the network's output."""
    min_score: float
    """Anchors below this probability are no faces."""
    min_score_in_box: float
    """The same where the caller knows that there is a face."""
    candidate_score: float
    """The same for parts of a frame, where `sure_score` has the last word."""
    sure_score: float
    """A second look at a face reaches this; at clutter not (benchmarks/stress/detector_range)."""
    overlap: float
    """Boxes whose intersection over union exceeds this are one face."""


class BlazeFace:
    """The detector network on one square view. Coordinates are pixels of that view."""

    def __init__(self, *, num_threads: int = 1) -> None:
        folder = files("mf2_edge") / "detectors" / "blazeface_short_range"
        self.spec = msgspec.json.decode((folder / "detector.json").read_bytes(), type=DetectorSpec)
        model = (folder / self.spec.file).read_bytes()
        if sha256(model).hexdigest() != self.spec.sha256:
            raise ChecksumError(
                f"{self.spec.file} of {self.spec.name} is damaged: its sha256 is not the one in "
                "detector.json. Reinstall mf2-edge."
            )
        self.runtime = LiteRTRuntime(model, num_threads=num_threads)
        self._anchors = _anchors(self.spec)

    def run(self, view: NDArray[np.uint8], min_score: float | None = None) -> list[Detection]:
        """Faces of a uint8 RGB view [size, size, 3], overlapping ones merged, best first.

        `min_score` (0..1) replaces the model's own threshold.
        """
        pixels = view[None].astype(np.float32)
        pixels -= self.spec.mean
        pixels *= 1 / self.spec.std
        outputs = {out.shape[-1]: out[0] for out in self.runtime.run(pixels)}
        # In float64, whose sums are the same in whatever order a binding adds them up.
        logits = outputs[1][:, 0].astype(np.float64)
        threshold = self.spec.min_score if min_score is None else min_score
        chosen = np.flatnonzero(logits >= log(threshold / (1 - threshold)))
        pairs = 2 + len(self.spec.keypoints)  # the box's centre and size, then the keypoints
        values = outputs[2 * pairs][chosen].astype(np.float64).reshape(len(chosen), pairs, 2)
        points = values + self._anchors[chosen, None]
        points[:, 1] = values[:, 1]  # a size, not a position
        scores = sigmoid(logits[chosen])
        merged = merge(points, scores, self.spec.overlap)
        return [self._detection(face, score) for face, score in merged]

    def distinct(self, faces: list[Detection]) -> list[Detection]:
        """The best of each group of overlapping detections, best first.

        For detections of different views, whose landmarks may disagree about what is up.
        """
        kept: list[Detection] = []
        for face in sorted(faces, key=lambda face: face.score, reverse=True):
            if all(iou(face.box, other.box) <= self.spec.overlap for other in kept):
                kept.append(face)
        return kept

    def _detection(self, points: NDArray[np.float64], score: float) -> Detection:
        (cx, cy), (width, height) = points[0].tolist(), points[1].tolist()
        box = Box(cx - width / 2, cy - height / 2, width, height)
        named = zip(self.spec.keypoints, points[2:].tolist(), strict=True)
        return Detection(box, score, Landmarks(**{name: Point(x, y) for name, (x, y) in named}))


def merge(
    points: NDArray[np.float64], scores: NDArray[np.float64], overlap: float
) -> list[tuple[NDArray[np.float64], float]]:
    """One face a group of overlapping anchors, best first: their mean, weighted by score.

    points: [n, pairs, 2], the box's centre, its size, then keypoints. scores: [n]. The weighting is
    the paper's answer to jitter (its section 3.4); the score of a group is its best.
    """
    faces = []
    half = points[:, 1] / 2
    low, high, areas = points[:, 0] - half, points[:, 0] + half, points[:, 1, 0] * points[:, 1, 1]
    rest = np.argsort(-scores)
    while len(rest):
        best = rest[0]
        sides = np.minimum(high[rest], high[best]) - np.maximum(low[rest], low[best])
        width, height = np.maximum(sides, 0).T
        shared = width * height
        same = shared > overlap * (areas[rest] + areas[best] - shared)
        same[0] = True
        group = rest[same]
        weights = scores[group] / scores[group].sum()
        mean = weights @ points[group].reshape(len(group), -1)
        faces.append((mean.reshape(points.shape[1:]), float(scores[best])))
        rest = rest[~same]
    return faces


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0..1."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (a.area + b.area - width * height)


def _anchors(spec: DetectorSpec) -> NDArray[np.float32]:
    """Centres [n, 2] of all anchors, row by row, layer by layer; pixel centres are integers."""
    layers = []
    for layer in spec.anchor_layers:
        cells = spec.input_size // layer.stride
        centre = (np.arange(cells, dtype=np.float32) + 0.5) * layer.stride - 0.5
        grid = np.stack(np.meshgrid(centre, centre), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, layer.per_cell, axis=0))
    return np.concatenate(layers)
