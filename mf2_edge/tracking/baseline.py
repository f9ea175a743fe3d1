"""Neutral calibration: what one person's resting face looks like to the model, taken off.

Some faces frown, smile or look tired at rest. A `Baseline` holds the scores that a resting face
gets and corrects others by them:

    action unit   score' = max(0, (score - rest) / (1 - rest)), so rest becomes 0 and 1 stays 1
    emotion       score' = score * weight, scaled to sum 1, where weight = goal / rest, kept within
                  1/3..3; the goal is 0.9 for neutral and equal shares for the others

A person's few seconds of neutral face are the surer way (`NeutralRecorder`). Where nobody can be
asked, `RunningRest` follows a low quantile of each unit's score: whoever moves a unit only now and
then shows its rest that way. It leaves the emotions alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from mf2_edge.errors import BaselineError
from mf2_edge.io.atomic import write_json
from mf2_edge.io.regular import open_regular
from mf2_edge.types import PRESENT, Emotion, FaceState, Reason, Status

if TYPE_CHECKING:
    from mf2_edge.bundle.loader import Bundle

MIN_FRAMES: Final = 10
MAX_NOT_NEUTRAL: Final = 0.6
"""Median score of another emotion from which on a face is not at rest."""
MAX_FRAMES: Final = 1800
"""Frames that a recorder keeps, the latest: a minute at 30 frames a second."""

MAX_REST: Final = 0.6
"""A unit that rests higher cannot be told from a moved one; more is not taken off."""

_LARGEST_FILE: Final = 1_000_000
"""Bytes of a saved baseline; usual ones have three thousand."""

_GOAL_NEUTRAL: Final = 0.9
_MAX_WEIGHT: Final = 3.0


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Scores of one person's resting face, 0..1, by one bundle. No picture is kept."""

    bundle: str
    bundle_sha256: str
    """Of the manifest: scores of another model mean something else."""
    frames: int
    """That they are the medians of; 0 for running quantiles."""
    emotions: dict[str, float]
    """Empty where the emotions are left alone."""
    action_units: dict[str, float]

    def save(self, path: str | Path) -> None:
        """Write a JSON file, whole or not at all."""
        write_json(Path(path), self)

    def check(self, bundle: Bundle) -> None:
        """Raise BaselineError unless it was recorded with this very bundle."""
        if self.bundle_sha256 != bundle.manifest_sha256:
            raise BaselineError(
                f"the baseline was recorded with bundle {self.bundle} (manifest sha256 "
                f"{self.bundle_sha256[:12]}), this is {bundle.manifest.name} "
                f"({bundle.manifest_sha256[:12]}); expected the same: record it again"
            )
        emotions = bundle.manifest.head("emotion").labels
        units = bundle.manifest.head("action_units").labels
        if (self.emotions and set(self.emotions) != set(emotions)) or len(emotions) < 2:
            raise BaselineError(
                f"the baseline holds the emotions {sorted(self.emotions)}; expected none, or all "
                f"of {sorted(emotions)}, at least two"
            )
        if odd := sorted(set(self.action_units) - set(units)):
            raise BaselineError(
                f"the baseline holds {odd}, which are no Action Units of the bundle"
            )

    def apply(self, state: FaceState) -> FaceState:
        """The state as it would be if this person rested like everybody."""
        units = {}
        for label, unit in state.action_units.items():
            rest = min(self.action_units.get(label, 0.0), MAX_REST)
            score = max(0.0, (unit.score - rest) / (1 - rest))
            units[label] = replace(unit, score=score, present=score >= PRESENT)
        return replace(state, action_units=units, emotion=self._apply_emotion(state.emotion))

    def _apply_emotion(self, emotion: Emotion) -> Emotion:
        if not self.emotions:
            return emotion
        others = (1 - _GOAL_NEUTRAL) / (len(self.emotions) - 1)
        scores = {}
        for label, score in emotion.scores.items():
            goal = _GOAL_NEUTRAL if label == "neutral" else others
            weight = goal / max(self.emotions[label], 1e-6)
            scores[label] = score * min(max(weight, 1 / _MAX_WEIGHT), _MAX_WEIGHT)
        total = sum(scores.values())
        scores = {label: score / total for label, score in scores.items()}
        best = max(scores, key=scores.__getitem__)
        return replace(emotion, label=best, raw_label=best, scores=scores)


def load_baseline(path: str | Path) -> Baseline:
    """Read what `Baseline.save` wrote; raises BaselineError that names the file and the fault."""
    try:
        with open_regular(Path(path)) as stream:
            baseline = msgspec.json.decode(stream.read(_LARGEST_FILE), type=Baseline)
    except (OSError, ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: {error}; expected a file of Baseline.save") from error
    values = [*baseline.emotions.values(), *baseline.action_units.values()]
    if not all(0 <= value <= 1 for value in values):
        raise BaselineError(f"{path}: a score is outside 0..1; record the baseline again")
    return baseline


class NeutralRecorder:
    """Collects states of one person at rest; give it those of a stream without a baseline."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._states: deque[FaceState] = deque(maxlen=MAX_FRAMES)

    def add(self, state: FaceState) -> bool:
        """Take one state; False, and nothing is taken, where the picture is too poor."""
        unread = state.emotion.reason in (Reason.LOW_QUALITY, Reason.NOT_VISIBLE)
        poor = state.status is not Status.OK or unread
        if not poor:
            self._states.append(state)
        return not poor

    def baseline(self) -> Baseline:
        """Medians of what was collected.

        Raises BaselineError with fewer than 10 frames, and for a face that shows an emotion.
        """
        if len(self._states) < MIN_FRAMES:
            raise BaselineError(
                f"{len(self._states)} usable frames of a resting face; expected {MIN_FRAMES} or "
                "more: look into the camera for a few seconds, in good light"
            )
        first, manifest = self._states[0], self._bundle.manifest
        emotions = {
            label: float(np.median([state.emotion.scores[label] for state in self._states]))
            for label in first.emotion.scores
        }
        shown = max((e for e in emotions if e != "neutral"), key=lambda e: emotions[e], default="")
        if shown and emotions[shown] > max(MAX_NOT_NEUTRAL, emotions.get("neutral", 0.0)):
            raise BaselineError(
                f"the face shows {shown} ({emotions[shown]:.2f}), which would be taken for "
                "its rest; expected a resting face: relax it and record again"
            )
        return Baseline(
            bundle=manifest.name,
            bundle_sha256=self._bundle.manifest_sha256,
            frames=len(self._states),
            emotions=emotions,
            action_units={
                label: float(np.median([s.action_units[label].score for s in self._states]))
                for label in first.action_units
            },
        )


class RunningRest:
    """Follows a low quantile of each unit's score, in constant memory.

    Stochastic approximation of a quantile (Robbins and Monro 1951, doi:10.1214/aoms/1177729586):
    with each frame the estimate moves up by `quantile * step` where the score is above it and down
    by `(1 - quantile) * step` where it is below, `step` being `seconds` over `memory_s`.
    """

    def __init__(self, bundle: Bundle, *, quantile: float = 0.2, memory_s: float = 20.0) -> None:
        """`quantile` in 0..1; `memory_s` seconds to cross the whole range of a score."""
        if not (0 < quantile < 1 and memory_s > 0):
            raise ValueError(
                f"quantile={quantile}, memory_s={memory_s}: expected 0 < quantile < 1 and seconds "
                "above 0"
            )
        self._bundle, self._quantile, self._memory_s = bundle, quantile, memory_s
        self._rest: dict[str, float] = {}
        self._last_ms: float | None = None

    def add(self, state: FaceState, timestamp_ms: float) -> None:
        """Take one state of the person; states of a stream without a baseline."""
        seconds = 0.0 if self._last_ms is None else (timestamp_ms - self._last_ms) / 1e3
        self._last_ms = timestamp_ms
        step = seconds / self._memory_s
        for label, unit in state.action_units.items():
            rest = self._rest.get(label, min(unit.score, MAX_REST))
            move = self._quantile if unit.score > rest else self._quantile - 1
            self._rest[label] = min(max(rest + move * step, 0.0), 1.0)

    def baseline(self) -> Baseline:
        """The quantiles so far; raises BaselineError before the first state."""
        if not self._rest:
            raise BaselineError("no state was added; expected at least one of the person")
        return Baseline(
            bundle=self._bundle.manifest.name,
            bundle_sha256=self._bundle.manifest_sha256,
            frames=0,
            emotions={},
            action_units=dict(self._rest),
        )
