"""Find every face of a frame: YuNet once, then one look of BlazeFace at each of its boxes.

1. **Find**: one pass of YuNet over the frame, reduced so that `side` holds it.
2. **Look**: BlazeFace sees each box upright, filling half the view. Its landmarks are those that
   alignment was trained on. A look counts where it agrees with the box in place and size.
3. **Orient**: the points of a face do not tell which way is up, two looks do. Where a look is not
   sure, the face is looked at turned by half a circle, then by quarters.
4. **Accept** by both scores together; boxes are settled, one a face.
5. Where nobody was found, the frame is searched again turned, at the side of the fast mode.
"""

from __future__ import annotations

from math import atan2, hypot, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.blazeface import iou
from mf2_edge.detect import BlazeFaceDetector, View, _centre, _roll
from mf2_edge.types import Box, Detection, Point
from mf2_edge.yunet import Candidate, YuNet

FAST_SIDE: Final = 320
SIDES: Final = (320, 512, 640)

VIEW_OF_BOX: Final = 2.0
LOOK_OFF_CENTRE: Final = 0.3
LOOK_SIDE: Final = (0.55, 1.3)
LEVEL: Final = 20 / 180 * pi


class P:
    floor = 0.3
    sure, sure_look = 0.8, 0.3
    mid, mid_look = 0.5, 0.7
    low_look = 0.85
    turn180_below, turn_min, turn_gain = 0.8, 0.75, 0.10
    turn90_below = 0.6
    turned = True


class Finder:
    def __init__(self, *, num_threads: int = 1, side: int = 512, fast_side: int = 320) -> None:
        self.network = YuNet(num_threads=num_threads)
        self.looker = BlazeFaceDetector(num_threads=num_threads)
        self.side = side
        self.fast_side = fast_side
        self.p = P()
        self.count = {"find": 0, "look": 0}

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        found = self._pass(frame, self.side, 0)
        if not found and self.p.turned:
            for quarters in (1, 3, 2):
                found = self._pass(frame, self.fast_side, quarters)
                if found:
                    break
        return sorted(found, key=lambda f: f.box.area, reverse=True)

    def _pass(self, frame, side, quarters):
        candidates = self.network.find(frame, side, quarters=quarters, min_score=self.p.floor)
        self.count["find"] += 1
        out = []
        for c in candidates:
            f = self.examine(frame, c)
            if f is not None:
                out.append(f)
        return self.distinct(out)

    def examine(self, frame, c: Candidate):
        p = self.p
        look = self.orient(frame, c)
        s = look.score if look else 0.0
        if c.score >= p.sure and s >= p.sure_look or c.score >= p.mid and s >= p.mid_look or s >= p.low_look:
            return look
        return None

    def orient(self, frame, c):
        p = self.p
        turn = atan2(c.left_eye.y - c.right_eye.y, c.left_eye.x - c.right_eye.x)
        best = self.look(frame, c, turn)
        score = best.score if best else 0.0
        if score < p.turn180_below:
            for extra, below in ((pi, p.turn180_below), (pi / 2, p.turn90_below), (-pi / 2, p.turn90_below)):
                if score >= below:
                    break
                other = self.look(frame, c, turn + extra)
                if other and other.score >= p.turn_min and other.score > score + p.turn_gain:
                    best, score = other, other.score
        return best

    def look(self, frame, c, turn):
        self.count["look"] += 1
        longer = max(c.box.width, c.box.height)
        middle = _centre(c.box)
        seen = self._nearest(frame, View(middle, VIEW_OF_BOX * longer, turn), c.box)
        if seen is None:
            return None
        off = (_roll(seen) - turn + pi) % (2 * pi) - pi
        if abs(off) > LEVEL:
            self.count["look"] += 1
            again = self._nearest(frame, View(middle, VIEW_OF_BOX * longer, turn + off), c.box)
            if again and again.score >= seen.score - 0.1:
                seen = again
        return seen

    def _nearest(self, frame, view, box):
        longer = max(box.width, box.height)
        m = _centre(box)
        best = None
        for f in self.looker._look(frame, view, 0.1):
            q = _centre(f.box)
            side = max(f.box.width, f.box.height)
            if hypot(q.x - m.x, q.y - m.y) > LOOK_OFF_CENTRE * longer or not LOOK_SIDE[0] <= side / longer <= LOOK_SIDE[1]:
                continue
            if best is None or f.score > best.score:
                best = f
        return best

    def distinct(self, faces):
        kept = []
        for f in sorted(faces, key=lambda f: -f.score):
            if all(iou(f.box, o.box) <= 0.3 for o in kept):
                kept.append(f)
        return kept
