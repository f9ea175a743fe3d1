"""Find every face of a frame: one pass of YuNet, then one look of BlazeFace at each of its boxes.

1. **Find.** YuNet sees the whole frame, reduced to a side that `min_face` sets.
2. **Look.** BlazeFace sees each box upright, filling half the view: its landmarks are those that
   alignment was trained on. A look counts where it agrees with the box in place and size.
3. **Orient.** The points of a face do not tell which way is up, two looks do: where one is not
   sure, the face is looked at turned by half a circle, then by quarters.
4. **Accept** by both scores together, `is_face`; boxes are settled, one a face.
5. **Turned frames.** Only where no face was found, YuNet sees the frame turned by quarters, reduced
   to the side of the fast mode.

The thresholds stand in `detectors/yunet_n/detector.json`.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from math import atan2, ceil, hypot, pi, radians
from numbers import Integral
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mf2_edge.pipeline.detect import BlazeFaceDetector, View, centre, roll
from mf2_edge.pipeline.yunet import Candidate, DetectionRules, YuNet
from mf2_edge.types import Box, Detection

TurnedFrames = Literal["all", "next", "none"]

_LOOK_SCORE: Final = 0.1
"""Looks with a lower score are not told from nothing."""

_BOX_OF_FACE: Final = 0.85
"""Side of BlazeFace's box, as a part of the height of a face from forehead to chin."""


class YuNetDetector:
    """Any number of faces of an RGB frame, largest first, at a price that the frame's size bounds.

    `min_face`: height of the smallest face wanted, forehead to chin, in pixels or, below 1, as a
    part of the frame's longer side; smaller ones are left out. None: what the default side finds,
    about 6 %. `fast` finds faces from about 12 % on, at a third of the price; not with `min_face`.
    `max_faces`: the largest so many. `min_detection_score` (0..1) leaves out faces below it.
    `turned_frames`: which quarters of a turn are tried in a frame without upright faces: all, one
    a call in turn ("next", for streams), or none.

    Raises ValueError for options out of range.
    """

    def __init__(
        self,
        *,
        num_threads: int = 1,
        min_face: float | None = None,
        max_faces: int | None = None,
        min_detection_score: float = 0.0,
        fast: bool = False,
        turned_frames: TurnedFrames = "all",
    ) -> None:
        _check(min_face, max_faces, min_detection_score, fast=fast)
        if turned_frames not in get_args(TurnedFrames):
            raise ValueError(f"turned_frames={turned_frames!r}: expected all, next or none")
        self.min_face, self.max_faces, self.fast = min_face, max_faces, fast
        self.min_detection_score = min_detection_score
        self.turned_frames = turned_frames
        self.network = YuNet(num_threads=num_threads)
        self.landmarks = BlazeFaceDetector(num_threads=num_threads, search="single")
        self._quarters = 0

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        """Faces of a uint8 RGB frame [H, W, 3] in its pixels, largest first."""
        side = self.side(frame.shape[0], frame.shape[1])
        found = self._search(frame, side, 0)
        if found:
            return found
        for quarters in self._turns():
            found = self._search(frame, min(side, self.network.spec.fast_side), quarters)
            if found:
                break
        return found

    def refine(self, frame: NDArray[np.uint8], box: Box) -> Detection | None:
        """See `BlazeFaceDetector.refine`."""
        return self.landmarks.refine(frame, box)

    def follow(self, frame: NDArray[np.uint8], face: Detection) -> Detection | None:
        """See `BlazeFaceDetector.follow`."""
        return self.landmarks.follow(frame, face)

    def for_stream(self) -> YuNetDetector:
        """The same detector for the frames of one scene: of turned frames, a quarter a call."""
        other = copy(self)
        if self.turned_frames == "all":
            other.turned_frames = "next"
        return other

    def side(self, height: int, width: int) -> int:
        """The longer side to which a frame is reduced, pixels; no frame is enlarged."""
        spec, longer = self.network.spec, max(height, width)
        if self.min_face is None:
            return min(longer, spec.fast_side if self.fast else spec.side)
        smallest = self._min_pixels(longer)
        return min(longer, max(spec.strides[-1], ceil(longer * spec.smallest_face / smallest)))

    def _min_pixels(self, longer: int) -> float:
        if self.min_face is None:
            return 0.0
        return self.min_face if self.min_face >= 1 else self.min_face * longer

    def _turns(self) -> tuple[int, ...]:
        if self.turned_frames == "all":
            return (1, 3, 2)
        if self.turned_frames == "none":
            return ()
        self._quarters = self._quarters % 3 + 1
        return (self._quarters,)

    def _search(self, frame: NDArray[np.uint8], side: int, quarters: int) -> list[Detection]:
        """Steps 1 to 4; largest first."""
        rules, smallest = self.network.spec.rules, self._min_pixels(max(frame.shape[:2]))
        faces: list[Detection] = []
        candidates = self.network.find(frame, side, quarters=quarters)
        for candidate in sorted(candidates, key=lambda each: each.box.area, reverse=True):
            look = self._orient(frame, candidate)
            if look is None or not is_face(candidate.score, look.score, rules):
                continue
            if max(look.box.width, look.box.height) < _BOX_OF_FACE * smallest:
                continue
            score = (candidate.score + look.score) / 2
            if score >= self.min_detection_score:
                faces.append(replace(look, score=score))
        distinct = self.landmarks.network.distinct(faces)
        return sorted(distinct, key=lambda face: face.box.area, reverse=True)[: self.max_faces]

    def _orient(self, frame: NDArray[np.uint8], candidate: Candidate) -> Detection | None:
        """Step 3: the look at a candidate that shows it upright."""
        rules = self.network.spec.rules
        right, left = candidate.right_eye, candidate.left_eye
        turn = atan2(left.y - right.y, left.x - right.x)
        best = self._look(frame, candidate, turn)
        first = _score(best)
        if first >= rules.opposite_below:
            return best
        opposite = self._look(frame, candidate, turn + pi)
        if opposite is not None and _is_better(opposite.score, first, rules):
            return opposite
        quarters = (pi / 2, -pi / 2) if first < rules.quarters_below else ()
        for quarter in quarters:
            turned = self._look(frame, candidate, turn + quarter)
            if turned is not None and _is_better(turned.score, _score(best), rules):
                best = turned
        rival = _score(opposite)
        if best is not None and best.score < rules.turned_look:
            return replace(best, doubtful=rival > best.score - rules.turned_gain)
        return best

    def _look(
        self, frame: NDArray[np.uint8], candidate: Candidate, turn: float
    ) -> Detection | None:
        """Step 2: the face in the middle of the view that is `turn` radians turned, made level."""
        rules = self.network.spec.rules
        face = self._nearest(frame, candidate.box, turn)
        if face is None:
            return None
        off = (roll(face) - turn + pi) % (2 * pi) - pi
        if abs(off) <= radians(rules.roll):
            return face
        level = self._nearest(frame, candidate.box, turn + off)
        return level if level is not None and level.score >= face.score else face

    def _nearest(self, frame: NDArray[np.uint8], box: Box, turn: float) -> Detection | None:
        """The best face of one pass that agrees with a box in place and size."""
        rules, middle, side = self.network.spec.rules, centre(box), max(box.width, box.height)
        view = View(middle, rules.view * side, turn)
        for face in self.landmarks.look(frame, view, _LOOK_SCORE):
            found, extent = centre(face.box), max(face.box.width, face.box.height) / side
            near = hypot(found.x - middle.x, found.y - middle.y) <= rules.off_centre * side
            if near and rules.size[0] <= extent <= rules.size[1]:
                return face
        return None


def is_face(score: float, look: float, rules: DetectionRules) -> bool:
    """The rule of acceptance: a candidate's score and that of the look at it, both 0..1."""
    if look >= rules.doubtful_look:
        return True
    return score >= rules.sure_score and look >= rules.sure_look


def _is_better(turned: float, first: float, rules: DetectionRules) -> bool:
    return turned >= rules.turned_look and turned > first + rules.turned_gain


def _score(face: Detection | None) -> float:
    return 0.0 if face is None else face.score


def _check(
    min_face: float | None, max_faces: int | None, min_detection_score: float, *, fast: bool
) -> None:
    if min_face is not None and not 0 < min_face < float("inf"):
        raise ValueError(
            f"min_face={min_face}: expected pixels, or below 1 a part of the frame's longer side"
        )
    if min_face is not None and fast:
        raise ValueError("min_face and fast: expected one of them; min_face sets the price itself")
    if max_faces is not None and (not isinstance(max_faces, Integral) or max_faces < 1):
        raise ValueError(f"max_faces={max_faces!r}: expected a whole number, 1 or more")
    if not 0 <= min_detection_score <= 1:
        raise ValueError(f"min_detection_score={min_detection_score}: expected 0 to 1")
