"""Which regions of a face can be judged, by the probabilities of the head `visibility`."""

from __future__ import annotations

from collections.abc import Mapping

from mf2_edge.facs import ACTION_UNIT_REGIONS
from mf2_edge.types.answers import PRESENT


def is_visible(unit: str, visibility: Mapping[str, float]) -> bool:
    """Whether the region that shows a unit can be judged; true without the head `visibility`."""
    return visibility.get(ACTION_UNIT_REGIONS[unit], 1.0) >= PRESENT


def is_covered(visibility: Mapping[str, float]) -> bool:
    """Whether too little of a face shows for its emotion: two hidden regions, or all there are.

    False without the head `visibility`. Measured in benchmarks/results/picture-quality.json.
    """
    hidden = sum(seen < PRESENT for seen in visibility.values())
    return hidden >= 2 or 0 < hidden == len(visibility)


def visible_part(visibility: Mapping[str, float]) -> float:
    """The part of the regions that can be judged, 0..1; 1 without the head `visibility`."""
    hidden = sum(seen < PRESENT for seen in visibility.values())
    return 1 - hidden / max(len(visibility), 1)
