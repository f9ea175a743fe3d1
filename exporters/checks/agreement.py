"""How far the int8 artifacts of a bundle are from one another, format by format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mf2_edge.pipeline.decode import Decoder, Scores
from mf2_edge.types import PRESENT

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two artifacts on the same pictures; scores and parts in 0..1."""

    files: tuple[str, str]
    max_abs_difference: float
    mean_abs_difference: float
    emotion: float
    """Part of the pictures with the same emotion."""
    action_units: float
    """Part of the decisions on Action Units that are the same."""


def compare_scores(
    manifest: Manifest,
    files: tuple[str, str],
    outputs: tuple[Sequence[NDArray[np.float32]], Sequence[NDArray[np.float32]]],
) -> Agreement:
    """Compare outputs [n, values], one array a head, as calibrated scores and decisions."""
    decoder = Decoder(manifest)
    found, expected = (decoder.scores(each) for each in outputs)
    differences = score_differences(found, expected)
    same_emotion = found.emotion.argmax(axis=1) == expected.emotion.argmax(axis=1)
    same_units = (found.action_units >= PRESENT) == (expected.action_units >= PRESENT)
    return Agreement(
        files,
        float(differences.max()),
        float(differences.mean()),
        float(same_emotion.mean()),
        float(same_units.mean()),
    )


def score_differences(found: Scores, expected: Scores) -> NDArray[np.float64]:
    """Absolute differences [n, labels] of the scores of all heads."""
    pairs = zip(found.named().values(), expected.named().values(), strict=True)
    return np.concatenate([np.abs(a - b) for a, b in pairs], axis=1)


def compare_all(
    manifest: Manifest, outputs: Mapping[str, Sequence[NDArray[np.float32]]]
) -> list[Agreement]:
    """Every pair of files, in their order."""
    return [
        compare_scores(manifest, (a, b), (outputs[a], outputs[b]))
        for a, b in combinations(outputs, 2)
    ]


def agreement_rows(pairs: Sequence[Agreement]) -> list[tuple[str, ...]]:
    """A header and one row a pair, as text."""
    head = ("int8 file", "int8 file", "max diff", "mean diff", "emotion", "AUs")
    rows = [
        (
            *each.files,
            f"{each.max_abs_difference:.1e}",
            f"{each.mean_abs_difference:.1e}",
            f"{each.emotion:.2%}",
            f"{each.action_units:.2%}",
        )
        for each in pairs
    ]
    return [head, *rows]
