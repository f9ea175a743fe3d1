"""YuNet: all faces of a frame in one pass (Wu et al. 2023, *YuNet*, Machine Intelligence Research).

The network reads RGB pixels 0..255 of any height and width that are multiples of its largest
stride. For each cell of three grids it predicts whether a face's middle lies there, the face's box
and five points. Its facts are read from `detector.json` beside the model file.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from math import ceil
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mf2_edge.errors import ChecksumError
from mf2_edge.pipeline.activations import sigmoid
from mf2_edge.pipeline.align import warp
from mf2_edge.runtime.litert import LiteRTRuntime
from mf2_edge.types import Box, Point

KEPT_SHAPES: Final = 4
"""Input shapes whose memory is kept: a stream needs one or two, a folder of pictures a few."""


class DetectionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a candidate and the look at it decide together; see `pipeline/finder.py`.

    Scores are probabilities, lengths parts of the longer side of the candidate's box.
    """

    sure_score: float
    """A candidate from here on is a face if the look at it reaches `sure_look`."""
    sure_look: float
    doubtful_look: float
    """What the look at any other candidate reaches if it is a face."""
    view: float
    """Side of the view of a look."""
    off_centre: float
    """A look's face lies at most this far from the candidate's middle,"""
    size: tuple[float, float]
    """and its longer side is within these."""
    roll: float
    """A face that a look shows turned by more, degrees, is looked at again, level."""
    opposite_below: float
    """Where the look's score is lower, the face is looked at upside down too,"""
    quarters_below: float
    """and where it is lower than this, turned by quarters."""
    turned_look: float
    """A turned look is believed from this score on,"""
    turned_gain: float
    """if it exceeds the first by this much; within it, at scores below `turned_look`, the way up
    is doubtful."""


class SizeAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the model file holds a height and, behind it, a width: two int32, little-endian."""

    byte: int
    stride: int
    """Pixels of the input that one of its units is."""


class YuNetSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`detector.json`."""

    name: str
    file: str
    sha256: str
    license: str
    source: str
    source_sha256: str
    paper: str
    strides: tuple[int, ...]
    sizes_at: tuple[SizeAt, ...]
    """Of the input's shape and of its signature (-1: any size will do), then of each output. The
    bindings write the size of a frame there, because not every engine resizes an input (Android's
    `CompiledModel` and LiteRT.js do not), nor takes a signature that leaves it open."""
    points: tuple[str, ...]
    """What the network's points are, in the order of its output."""
    min_score: float
    """Cells below this probability are no candidates."""
    overlap: float
    """Boxes whose intersection over union exceeds this are one face."""
    side: int
    """Longer side to which a frame is reduced, pixels, where nothing else is asked for."""
    fast_side: int
    """The same in the fast mode, and for turned frames."""
    smallest_face: float
    """Height of the faces, forehead to chin in pixels of the input, from which nine in ten upright
    ones are found."""
    rules: DetectionRules


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a face: box and points in pixels of the frame, probability 0..1."""

    box: Box
    score: float
    right_eye: Point
    left_eye: Point


class YuNet:
    """The network on frames of any size. Safe to share between threads."""

    def __init__(self, *, num_threads: int = 1) -> None:
        """Raises ChecksumError if the model file is damaged."""
        folder = files("mf2_edge") / "detectors" / "yunet_n"
        self.spec = msgspec.json.decode((folder / "detector.json").read_bytes(), type=YuNetSpec)
        self._model = (folder / self.spec.file).read_bytes()
        if sha256(self._model).hexdigest() != self.spec.sha256:
            raise ChecksumError(
                f"{self.spec.file} of {self.spec.name} is damaged: its sha256 is not the one in "
                "detector.json. Reinstall mf2-edge."
            )
        self.num_threads = num_threads
        self._runtimes: OrderedDict[tuple[int, int], LiteRTRuntime] = OrderedDict()

    def run(self, image: NDArray[np.uint8]) -> list[Candidate]:
        """Candidates of a uint8 RGB image [H, W, 3], overlapping ones settled, best first.

        H and W are multiples of the largest stride.
        """
        outputs = self._runtime(image.shape[:2]).run(image[None].astype(np.float32))
        return candidates_of(sorted((out[0] for out in outputs), key=len, reverse=True), self.spec)

    def find(
        self,
        frame: NDArray[np.uint8],
        side: int,
        *,
        quarters: int = 0,
    ) -> list[Candidate]:
        """Candidates of a whole frame, in its pixels; it is reduced so that `side` holds it.

        A smaller frame is not enlarged. The network sees the frame turned counter-clockwise by
        `quarters` of a full turn.
        """
        height, width = frame.shape[:2]
        rows, columns, scale = reduced_shape(height, width, side, self.spec.strides[-1])
        shift = scale / 2 - 0.5  # pixel centres: the frame's corner stays the corner
        matrix = np.array([[scale, 0, shift], [0, scale, shift]])
        view = warp(frame, matrix, columns, rows, border="black")
        found = self.run(np.rot90(view, quarters))
        return [in_frame(each, quarters, (rows, columns), scale) for each in found]

    def _runtime(self, shape: tuple[int, int]) -> LiteRTRuntime:
        runtime = self._runtimes.get(shape)
        if runtime is None:
            height, width = shape
            runtime = LiteRTRuntime(
                self._model, num_threads=self.num_threads, input_shape=(1, height, width, 3)
            )
            self._runtimes[shape] = runtime
            if len(self._runtimes) > KEPT_SHAPES:
                self._runtimes.popitem(last=False)
        self._runtimes.move_to_end(shape)
        return runtime


def reduced_shape(height: int, width: int, side: int, step: int) -> tuple[int, int, float]:
    """Rows and columns of the network's input, multiples of `step`, and the scale of the frame."""
    scale = min(1.0, side / max(height, width))
    rows, columns = (max(1, ceil(round(n * scale) / step)) * step for n in (height, width))
    return rows, columns, scale


def candidates_of(maps: list[NDArray[np.float32]], spec: YuNetSpec) -> list[Candidate]:
    """Candidates of the network's maps [h, w, 16], finest first; overlapping ones settled."""
    pairs = zip(maps, spec.strides, strict=True)
    found = np.concatenate([_decode(each, stride, spec.min_score) for each, stride in pairs])
    return [_candidate(row) for row in suppress(found, spec.overlap)]


def _decode(output: NDArray[np.float32], stride: int, threshold: float) -> NDArray[np.float64]:
    """Rows (score, x0, y0, x1, y1, points) of the cells from `threshold` on; output [h, w, 16]."""
    face, fit = (sigmoid(output[..., n]) for n in (0, 1))
    scores = np.sqrt(face * fit)
    rows, columns = np.nonzero(scores >= threshold)
    values = output[rows, columns, 2:].astype(np.float64)
    cell = np.stack([columns, rows], axis=1).astype(np.float64)
    centre, half = (cell + values[:, 0:2]) * stride, np.exp(values[:, 2:4]) * stride / 2
    pairs = values[:, 4:].reshape(len(values), (values.shape[1] - 4) // 2, 2)
    points = ((pairs + cell[:, None]) * stride).reshape(len(values), values.shape[1] - 4)
    return np.concatenate(
        [scores[rows, columns, None], centre - half, centre + half, points], axis=1
    )


def suppress(found: NDArray[np.float64], overlap: float) -> NDArray[np.float64]:
    """The best of each group of overlapping rows (score, x0, y0, x1, y1, ...), best first."""
    rest = found[np.argsort(-found[:, 0], kind="stable")]
    kept = []
    while len(rest):
        best = rest[0]
        kept.append(best)
        low, high = np.maximum(rest[:, 1:3], best[1:3]), np.minimum(rest[:, 3:5], best[3:5])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        areas = np.prod(rest[:, 3:5] - rest[:, 1:3], axis=1)
        apart = shared <= overlap * (areas + areas[0] - shared)
        apart[0] = False
        rest = rest[apart]
    return np.array(kept).reshape(len(kept), found.shape[1])


def _candidate(row: NDArray[np.float64]) -> Candidate:
    score, x0, y0, x1, y1, right_x, right_y, left_x, left_y = row[:9].tolist()
    box = Box(x0, y0, x1 - x0, y1 - y0)
    return Candidate(box, score, Point(right_x, right_y), Point(left_x, left_y))


def in_frame(face: Candidate, quarters: int, shape: tuple[int, int], scale: float) -> Candidate:
    """A candidate of a turned view, in pixels of the frame that was reduced by `scale`."""
    rows, columns = shape

    def back(x: float, y: float) -> Point:
        turned = {0: (x, y), 1: (columns - y, x), 2: (columns - x, rows - y), 3: (y, rows - x)}
        u, v = turned[quarters % 4]
        return Point(u / scale, v / scale)

    box = face.box
    a, b = back(box.x, box.y), back(box.x + box.width, box.y + box.height)
    turned_box = Box(min(a.x, b.x), min(a.y, b.y), abs(a.x - b.x), abs(a.y - b.y))
    eyes = (back(eye.x, eye.y) for eye in (face.right_eye, face.left_eye))
    return Candidate(turned_box, face.score, *eyes)
