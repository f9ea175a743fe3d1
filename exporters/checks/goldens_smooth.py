"""Goldens of the stage smooth: one face's scores over time, and what the smoother makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mf2_edge.tracking.series import smooth_series
from mf2_edge.verify import GOLDEN_NAMES

if TYPE_CHECKING:
    from mf2_edge.bundle.schema import Manifest

FRAMES = 240


def smooth_arrays(manifest: Manifest) -> dict[str, Any]:
    """Arrays `smooth/...` of the goldens, as `mf2_edge/verify.py` describes them.

    Uneven times with a repeated frame and a gap; scores that rest, jitter, rise, fall and jump;
    strength and visibility too where the network tells them, so that regions come and go.
    """
    rng = np.random.default_rng(0)
    steps = rng.choice([16.0, 17.0, 33.0, 40.0, 66.0], FRAMES)
    steps[[0, 60, 150]] = [0.0, 0.0, 1500.0]
    times = np.cumsum(steps)
    before = {"emotion_scores": _shares(rng, len(manifest.head("emotion").labels))}
    for head in manifest.heads:
        if head.name != "emotion":
            before[f"{GOLDEN_NAMES[head.name]}_scores"] = _scores(rng, len(head.labels))
    smoothed = smooth_series(manifest, times, **before)
    made = {"smooth/timestamps_ms": times}
    made |= {f"smooth/{name}": scores for name, scores in before.items()}
    made |= {f"smooth/smoothed_{name}": getattr(smoothed, name) for name in before}
    return made | {"smooth/label": smoothed.label, "smooth/present": smoothed.present}


def _scores(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """[t, count] in 0..1: levels that hold for a while, reached in ramps, with jitter."""
    levels = rng.uniform(0, 1, (FRAMES // 24 + 2, count))
    places = np.linspace(0, len(levels) - 1.001, FRAMES)
    share = np.clip(3 * (places % 1) - 2, 0, 1)[:, None]
    course = levels[places.astype(int)] * (1 - share) + levels[places.astype(int) + 1] * share
    trembling = course + rng.normal(0, 0.03, course.shape)
    trembling[100] = 1 - trembling[100]  # one odd frame
    return np.asarray(np.clip(trembling, 0, 1))


def _shares(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """The same, each row summing to 1."""
    raw = _scores(rng, count) ** 3 + 1e-3
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))
