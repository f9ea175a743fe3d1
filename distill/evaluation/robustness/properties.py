"""Accuracy by properties of the picture that can be measured on its pixels.

Brightness and contrast of a face come from light, camera and skin together: they are properties of
the picture, and no stand-in for the skin of a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from distill.evaluation.metrics.intervals import bootstrap, estimate, share
from distill.evaluation.reports.schema import Group, PropertyReport
from distill.evaluation.robustness.corruptions import Pixels, is_grey

LEAST_FACES = 50
"""A group with fewer says too little to be listed."""

_TERCILES = ("lowest third", "middle third", "highest third")


def property_reports(
    dataset: str, split: str, faces: list[Pixels], right: NDArray[np.bool_], seed: int
) -> list[PropertyReport]:
    """By brightness, contrast and colour of aligned faces; right [n] says which were answered so.

    A property by which the faces do not differ is left out.
    """
    reports = []
    for what, names, groups in _groupings(faces):
        kept = [place for place in range(len(names)) if (groups == place).sum() >= LEAST_FACES]
        if len(kept) > 1:
            reports.append(
                PropertyReport(
                    dataset=dataset,
                    split=split,
                    what=what,
                    groups=tuple(
                        Group(
                            name=names[place],
                            n=int((groups == place).sum()),
                            accuracy=share(right[groups == place]),
                        )
                        for place in kept
                    ),
                    gap=estimate(*_gap(groups, kept, right, seed)),
                )
            )
    return reports


def brightness(face: Pixels) -> float:
    """Mean luma of an aligned face, 0..255."""
    return float(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).mean())


def contrast(face: Pixels) -> float:
    """Standard deviation of the luma of an aligned face, 0..127.5."""
    return float(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).std())


def _groupings(
    faces: list[Pixels],
) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.int64]]]:
    """What is grouped by, the groups' names, and each face's group, [n]."""
    measures: tuple[tuple[str, Callable[[Pixels], float]], ...] = (
        ("brightness of the aligned face (mean luma)", brightness),
        ("contrast of the aligned face (standard deviation of the luma)", contrast),
    )
    for what, measure in measures:
        values = np.array([measure(face) for face in faces])
        edges = np.quantile(values, (1 / 3, 2 / 3))
        ranges = [values.min(), *edges, values.max()]
        names = tuple(
            f"{name}, {low:.0f} to {high:.0f}"
            for name, low, high in zip(_TERCILES, ranges[:-1], ranges[1:], strict=True)
        )
        yield what, names, np.searchsorted(edges, values)
    coloured = np.array([0 if is_grey(face) else 1 for face in faces])
    yield "colour of the picture", ("grey", "colour"), coloured


def _gap(
    groups: NDArray[np.int64], kept: list[int], right: NDArray[np.bool_], seed: int
) -> tuple[float, float, float]:
    """Accuracy of the best of the groups less that of the worst, and its interval.

    Which group is best and which is worst is settled on all faces, not draw by draw.
    """
    accuracies = [right[groups == place].mean() for place in kept]
    best, worst = kept[int(np.argmax(accuracies))], kept[int(np.argmin(accuracies))]

    def gap(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        own, drawn = groups[rows], right[rows]
        parts = [drawn[own == place] for place in (best, worst)]
        return np.array([parts[0].mean() - parts[1].mean() if all(map(len, parts)) else np.nan])

    low, high = bootstrap(gap, len(right), seed)[:, 0]
    return max(accuracies) - min(accuracies), low, high
