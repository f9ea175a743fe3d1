"""Faces that nobody has: drawings, made as they are read, to try a recipe without any data set.

A recipe's root is `made-up:COUNT`. What a drawing shows is known exactly, so it teaches emotions
and Action Units; what is learned from drawings says nothing about faces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SCHEME: Final = "made-up:"
SIDE: Final = 112
"""Pixels of a picture, which is a crop of a face."""
MOST: Final = 100_000
SUBJECTS: Final = 40
"""Faces that return, each in several drawings."""

UNITS: Final[dict[str, frozenset[str]]] = {
    "neutral": frozenset(),
    "happiness": frozenset({"AU6", "AU12", "AU25"}),
    "surprise": frozenset({"AU1", "AU2", "AU5", "AU25", "AU26"}),
    "sadness": frozenset({"AU1", "AU4", "AU15"}),
    "anger": frozenset({"AU4", "AU7", "AU24"}),
    "disgust": frozenset({"AU9", "AU10", "AU17"}),
    "fear": frozenset({"AU1", "AU4", "AU5", "AU20"}),
    "contempt": frozenset({"AU14"}),
}
"""What is drawn of each emotion."""

_EMOTIONS: Final = tuple(UNITS)


class MadeUpError(ValueError):
    """A root of made-up faces says no number, or too many."""


def is_made_up(root: Path) -> bool:
    """Whether a recipe's root asks for drawings."""
    return str(root).startswith(SCHEME)


class MadeUpTree:
    """`count` pictures, PNG: the same ones whenever they are read."""

    def __init__(self, root: Path) -> None:
        """Raises MadeUpError for what is not `made-up:COUNT`."""
        count = str(root).removeprefix(SCHEME)
        if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST):
            raise MadeUpError(f"{root}: expected {SCHEME}COUNT, 1 to {MOST:,} faces")
        self._count = int(count)

    def names(self) -> list[str]:
        """`subject/number-emotion.png`, sorted."""
        return sorted(
            f"{number % SUBJECTS:02d}/{number:05d}-{_emotion(number)}.png"
            for number in range(self._count)
        )

    def read(self, name: str) -> bytes:
        """Content of one file; raises KeyError if there is none."""
        subject, _, file = name.partition("/")
        number, _, emotion = file.removesuffix(".png").partition("-")
        if emotion not in UNITS or not (subject.isdigit() and number.isdigit()):
            raise KeyError(name)
        picture = draw_face(UNITS[emotion], subject=int(subject), number=int(number))
        return cv2.imencode(".png", picture[..., ::-1])[1].tobytes()

    def path(self, name: str) -> Path:
        """Drawings lie nowhere: raises KeyError."""
        raise KeyError(name)


def _emotion(number: int) -> str:
    """Each subject shows all of them in turn, so that skin and ground tell nothing."""
    return _EMOTIONS[(number + number // SUBJECTS) % len(_EMOTIONS)]


def draw_face(units: frozenset[str], *, subject: int, number: int) -> NDArray[np.uint8]:
    """A face that shows these units, uint8 RGB [SIDE, SIDE, 3]; skin and ground are a subject's."""
    own, chance = np.random.default_rng(subject), np.random.default_rng(1000 + number)
    ground, skin = own.integers(40, 220, 3), own.integers(120, 235, 3)
    picture = np.full((SIDE, SIDE, 3), ground, np.uint8)
    x, y = chance.integers(-3, 4, 2).tolist()
    _ellipse(picture, (56 + x, 60 + y), (40, 50), skin.tolist())
    raised = 5 * ("AU1" in units) + 2 * ("AU2" in units) - 4 * ("AU4" in units)
    opening = 5 + 4 * ("AU5" in units) - 3 * bool(units & {"AU6", "AU7"})
    for side in (-1, 1):
        eye = (56 + x + 21 * side, 42 + y)
        _ellipse(picture, eye, (9, max(opening, 2)), (250, 250, 250))
        _ellipse(picture, eye, (4, max(min(opening, 4), 2)), (30, 30, 40))
        slope = 4 if "AU4" in units else -2
        inner, outer = (eye[0] - 9 * side, 30 + y - raised + slope), (eye[0] + 9 * side, 30 + y)
        cv2.line(picture, inner, outer, (40, 30, 20), 3)
    wide = 4 if units & {"AU9", "AU10"} else 0
    _ellipse(picture, (56 + x, 60 + y), (5 + wide, 7), (skin * 0.8).astype(int).tolist())
    _mouth(picture, units, 56 + x, 84 + y)
    noise = chance.normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _mouth(picture: NDArray[np.uint8], units: frozenset[str], x: int, y: int) -> None:
    half = 15 + 6 * bool(units & {"AU12", "AU20"}) - 4 * ("AU24" in units)
    corners = -6 * ("AU12" in units) + 6 * bool(units & {"AU15", "AU17"})
    left = corners - 5 * ("AU14" in units)
    places = [[x - half, y + corners], [x, y - corners // 2], [x + half, y + left]]
    cv2.polylines(picture, [np.array(places, np.int32)], False, (140, 40, 50), 4)
    if "AU25" in units:
        _ellipse(picture, (x, y + 2), (half - 6, 12 if "AU26" in units else 5), (70, 15, 25))


def _ellipse(
    picture: NDArray[np.uint8], at: tuple[int, int], size: tuple[int, int], color: object
) -> None:
    cv2.ellipse(picture, at, size, 0, 0, 360, color, cv2.FILLED, cv2.LINE_AA)  # type: ignore[call-overload]
