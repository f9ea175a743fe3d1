"""What every reader yields: one face and what is known about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mf2_edge.types import Box

EMOTIONS: Final = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)


MARKED_INTENSITY: Final = 3
"""Of FACS, C: from here on a unit is marked."""


class LayoutError(ValueError):
    """A folder or archive is not laid out like the data set it is said to be."""


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One picture of a data set and what is known about the face in it.

    `name` is the picture's path in the tree; where that is a video, `video_frame` counts its
    frames from 0. `split` is the data set's own part, "dev" where it has none.

    `emotion` is the label under the data set's own protocol, None where that gives none; `votes`
    are the raters' votes behind it where they were published, `shares` a distribution over
    emotions, summing to 1, where the data set gives that.

    `action_units` are the units coded present by a human; None if the picture was not coded.
    `coded` are the units that the coder looked for: of these, those that are not present are
    absent, and every other unit is unknown. None stands for all of FACS.

    `intensities` are those of coded units where the data set has them, 0 (absent) to 5 (FACS E).

    `subject` is who it is; for data sets that do not say, the video it comes from. `groups` are the
    data set's own labels of "age", "gender" and "race", for figures by group.

    The picture is a crop of the face, or it is more than that: then `box` says where the face is
    (pixels), or `whole_frame` that it has to be looked for.
    """

    name: str
    split: str
    emotion: str | None = None
    votes: dict[str, float] | None = None
    action_units: frozenset[str] | None = None
    coded: frozenset[str] | None = None
    subject: str | None = None
    box: Box | None = None
    whole_frame: bool = False
    video_frame: int | None = None
    shares: Mapping[str, float] | None = None
    intensities: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The name, or "VIDEO#FRAME": no other face of the data set has it."""
        return self.name if self.video_frame is None else f"{self.name}#{self.video_frame}"

    def unit_labels(self, units: Sequence[str]) -> NDArray[np.float32]:
        """1 present, 0 absent, NaN unknown for each of `units`, float32 [units]."""
        labels = np.full(len(units), np.nan, dtype=np.float32)
        if self.action_units is not None:
            for place, unit in enumerate(units):
                if unit in self.action_units:
                    labels[place] = 1
                elif self.coded is None or unit in self.coded:
                    labels[place] = 0
        return labels


def draw(name: str, seed: int) -> float:
    """A number from 0 to below 1 for a name, to draw splits by.

    It comes from a hash, so that neither order nor the version of a library changes it.
    """
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32
