"""Streams of made-up states and rendered frames, for the tests of what looks at time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import mf2_edge
from mf2_edge.facs import ACTION_UNIT_NAMES
from mf2_edge.io.image_file import read_image
from mf2_edge.types import PRESENT, ActionUnit, Box, Emotion, FaceState, Reason, Status
from tests.helpers.make_tiny_bundle import EMOTIONS, UNITS

PORTRAIT = Path(mf2_edge.__file__).parent / "samples" / "astronaut.jpg"


def state(
    units: Mapping[str, float] | None = None,
    emotions: Mapping[str, float] | None = None,
    reason: Reason = Reason.CONFIDENT,
) -> FaceState:
    """A state with these scores; what is not named gets 0, and neutral the rest of 1."""
    told = dict(emotions or {})
    scores = dict.fromkeys(EMOTIONS, 0.0) | {"neutral": 1 - sum(told.values())} | told
    best = max(scores, key=scores.__getitem__)
    shown = {
        label: ActionUnit(
            ACTION_UNIT_NAMES[label],
            score := (units or {}).get(label, 0.0),
            score >= PRESENT,
            reason,
        )
        for label in UNITS
    }
    return FaceState(
        Box(0, 0, 100, 100), None, 1.0, Emotion(best, best, scores, reason), shown, Status.OK
    )


@cache
def portrait(side: int = 400) -> NDArray[np.uint8]:
    """The sample photograph, RGB [side, side, 3]; its face is near the middle of the upper half."""
    return np.asarray(
        cv2.resize(read_image(PORTRAIT), (side, side), interpolation=cv2.INTER_AREA), np.uint8
    )


def scene(*places: tuple[float, float], noise: float = 0.0, seed: int = 0) -> NDArray[np.uint8]:
    """A VGA frame, RGB, with the portrait at each place (x, y of its upper left corner)."""
    frame = np.full((480, 640, 3), 90, np.uint8)
    for x, y in places:
        matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
        picture = portrait()
        drawn = cv2.warpAffine(picture, matrix, (640, 480))
        inside = cv2.warpAffine(np.full(picture.shape[:2], 255, np.uint8), matrix, (640, 480))
        frame = np.where(inside[..., None] > 127, drawn, frame).astype(np.uint8)
    if noise:
        wild = np.random.default_rng(seed).normal(0, noise, frame.shape)
        frame = np.clip(frame + wild, 0, 255).astype(np.uint8)
    return frame
