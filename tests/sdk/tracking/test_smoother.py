"""Smoothing: strong where a value rests, weak where it moves, the same at any frame rate."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.bundle.schema import Manifest, SmoothingSpec
from mf2_edge.facs import REGIONS
from mf2_edge.tracking.one_euro import OneEuro
from mf2_edge.tracking.smoother import Smoother
from mf2_edge.types import PRESENT, ActionUnitEvent, FaceState, Reason
from tests.helpers.make_tiny_bundle import manifest_dict
from tests.helpers.streams import state

SPEC = SmoothingSpec().action_units


def manifest() -> Manifest:
    return parse_manifest(json.dumps(manifest_dict()).encode(), source="test")


def filtered(curve: Callable[[float], float], fps: float, seconds: float) -> NDArray[np.float64]:
    """The filter's answer to a curve, seen at a frame rate, at 15 moments a second."""
    one = OneEuro(SPEC, together=False)
    times = np.arange(0, seconds, 1 / fps)
    values = [float(one.update(np.array([curve(t)]), 1 / fps)[0]) for t in times]
    return np.array(values)[:: round(fps / 15)]


def smile(t: float) -> float:
    """Rest, a smile that comes within 0.3 s and stays."""
    return float(np.interp(t, [1.0, 1.3], [0.05, 0.95]))


def test_the_frame_rate_does_not_change_the_curve() -> None:
    slow, quick = filtered(smile, 15, 3), filtered(smile, 60, 3)
    assert np.abs(slow - quick[: len(slow)]).max() < 0.12  # a frame of 15 fps is 67 ms long
    rest, after = slice(0, 14), slice(30, 45)
    assert np.abs(slow[rest] - quick[rest]).max() < 1e-9
    assert np.abs(slow[after] - quick[after]).max() < 0.01


def test_a_still_face_trembles_half_as_much_and_a_smile_is_late_by_less_than_100_ms() -> None:
    rng, fps = np.random.default_rng(0), 30
    noisy = 0.5 + rng.normal(0, 0.03, 20 * fps)
    one = OneEuro(SPEC, together=False)
    smoothed = [float(one.update(np.array([x]), 1 / fps)[0]) for x in noisy]
    assert np.abs(np.diff(smoothed)).mean() < 0.5 * np.abs(np.diff(noisy)).mean()
    seen = np.array([smile(t) for t in np.arange(0, 3, 1 / 60)])
    answer = filtered_all(seen, 60)
    late = (np.argmax(answer >= 0.5) - np.argmax(seen >= 0.5)) / 60
    assert 0 <= late < 0.1


def filtered_all(values: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    one = OneEuro(SPEC, together=False)
    return np.array([float(one.update(np.array([x]), 1 / fps)[0]) for x in values])


@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=20),
    st.lists(st.floats(0, 2), min_size=20, max_size=20),
)
def test_values_stay_within_what_was_seen_and_sums_are_kept(
    rows: list[list[float]], gaps: list[float]
) -> None:
    one = OneEuro(SPEC, together=True)
    shares = [np.array(row) + 0.1 for row in rows]
    shares = [row / row.sum() for row in shares]
    for row, gap in zip(shares, gaps, strict=False):
        smoothed = one.update(row, gap)
        assert smoothed.sum() == pytest.approx(1)
        assert (smoothed >= np.min(shares, axis=0) - 1e-9).all()
        assert (smoothed <= np.max(shares, axis=0) + 1e-9).all()


def test_no_time_no_change_and_a_long_gap_forgets() -> None:
    one = OneEuro(SPEC, together=False)
    one.update(np.array([0.2]), 0)
    assert one.update(np.array([0.9]), 0) == pytest.approx([0.2])
    assert one.update(np.array([0.9]), 60) == pytest.approx([0.9])


def run(
    states: list[FaceState], step_ms: float = 33
) -> tuple[list[FaceState], list[ActionUnitEvent]]:
    smoother = Smoother(manifest(), track_id=7)
    smoothed, events = [], []
    for number, each in enumerate(states):
        after, told = smoother.update(each, number * step_ms)
        smoothed.append(after)
        events += told
    return smoothed, [*events, *smoother.close(len(states) * step_ms)]


def test_a_unit_begins_peaks_and_ends() -> None:
    course = [0.0] * 10 + [0.95] * 20 + [1.0] * 10 + [0.0] * 30
    smoothed, events = run([state({"AU12": score}) for score in course])
    kinds = [(event.track_id, event.label, event.kind) for event in events]
    assert kinds == [(7, "AU12", "onset"), (7, "AU12", "apex"), (7, "AU12", "offset")]
    onset, apex, offset = (event.timestamp_ms / 33 for event in events)
    assert 10 <= onset <= 13
    assert 30 <= apex <= 40
    assert 40 <= offset <= 45
    assert events[1].score == max(each.action_units["AU12"].score for each in smoothed)


def test_a_unit_that_lasts_ends_with_the_face() -> None:
    _, events = run([state({"AU12": 1.0})] * 5)
    assert [(event.kind, event.timestamp_ms) for event in events] == [
        ("onset", 0), ("apex", 0), ("offset", 165),
    ]  # fmt: skip


def test_a_score_at_the_threshold_does_not_flicker() -> None:
    threshold = PRESENT
    near = [threshold + (0.03 if i % 2 else -0.03) for i in range(200)]
    smoothed, events = run([state({"AU12": score}) for score in near])
    assert len(events) <= 3
    assert len({each.action_units["AU12"].present for each in smoothed}) == 1
    said = {each.action_units["AU12"].reason for each in smoothed}
    assert Reason.SMOOTHED in said


def test_one_odd_frame_does_not_change_the_label() -> None:
    smoothed, _ = run(
        [state(emotions={"happiness": 0.9})] * 20
        + [state(emotions={"anger": 0.6})]
        + [state(emotions={"happiness": 0.9})] * 5
    )
    odd = smoothed[20].emotion
    assert (odd.label, odd.raw_label, odd.reason) == ("happiness", "anger", Reason.SMOOTHED)
    assert {each.emotion.label for each in smoothed} == {"happiness"}
    assert sum(odd.scores.values()) == pytest.approx(1)
    lasting, _ = run(
        [state(emotions={"happiness": 0.9})] * 20 + [state(emotions={"anger": 0.9})] * 20
    )
    assert lasting[-1].emotion.label == "anger"
    assert lasting[-1].emotion.reason is Reason.CONFIDENT


def test_a_poor_picture_stays_the_reason() -> None:
    poor = state({"AU12": 0.9}, reason=Reason.LOW_QUALITY)
    smoothed, _ = run([state()] * 5 + [poor])
    assert smoothed[-1].emotion.reason is Reason.LOW_QUALITY
    assert smoothed[-1].action_units["AU12"].reason is Reason.LOW_QUALITY


def seen(units: dict[str, float], strength: float, visibility: dict[str, float]) -> FaceState:
    """A state whose units all have one strength."""
    raw = state(units)
    marked = {label: replace(unit, strength=strength) for label, unit in raw.action_units.items()}
    return replace(raw, action_units=marked, visibility=visibility)


def test_strength_and_visibility_are_calmed_like_scores() -> None:
    smoother = Smoother(manifest(), 1)
    smoother.update(seen({"AU12": 0.2}, 0.2, {"mouth": 0.2}), 0)
    smoothed, _ = smoother.update(seen({"AU12": 0.9}, 0.9, {"mouth": 0.9}), 40)
    unit = smoothed.action_units["AU12"]
    assert 0.2 < unit.score < 0.9
    assert unit.strength == unit.score == smoothed.visibility["mouth"]
    assert unit.intensity == unit.score


def test_a_unit_whose_region_is_hidden_stays_what_it_was() -> None:
    smoother = Smoother(manifest(), 1)
    shown, covered = {"brows": 0.9, "mouth": 0.9}, {"brows": 0.9, "mouth": 0.1}
    smoothed, events = smoother.update(seen({"AU12": 0.9}, 0.9, shown), 0)
    kinds = [(event.label, event.kind) for event in events]
    for step in range(1, 20):
        hidden = seen({"AU12": 0.1, "AU4": 0.9}, 0.9, covered)
        smoothed, events = smoother.update(hidden, step * 100.0)
        kinds += [(event.label, event.kind) for event in events]
    assert smoothed.action_units["AU12"].present
    assert smoothed.action_units["AU12"].score < 0.2
    assert smoothed.action_units["AU12"].reason is Reason.NOT_VISIBLE
    assert smoothed.action_units["AU4"].reason is Reason.CONFIDENT
    assert smoothed.emotion.reason is Reason.CONFIDENT
    assert kinds == [("AU12", "onset"), ("AU4", "onset")]
    # Seen again, it is gone; and a frame that alone says "hidden" is smoothed.
    for step in range(20, 40):
        smoothed, events = smoother.update(
            seen({"AU12": 0.1, "AU4": 0.9}, 0.9, shown), step * 100.0
        )
        kinds += [(event.label, event.kind) for event in events]
    assert kinds[2:] == [("AU12", "apex"), ("AU12", "offset")]
    alone = replace(
        hidden,
        action_units={
            label: replace(unit, reason=Reason.NOT_VISIBLE)
            for label, unit in hidden.action_units.items()
        },
    )
    smoothed, _ = smoother.update(alone, 3910.0)
    assert smoothed.visibility["mouth"] > 0.5
    assert smoothed.action_units["AU12"].reason is Reason.SMOOTHED


def test_a_face_of_which_nothing_is_seen_is_not_judged() -> None:
    smoother = Smoother(manifest(), 1)
    smoothed, events = smoother.update(seen({"AU12": 0.9}, 0.9, dict.fromkeys(REGIONS, 0.1)), 0)
    assert smoothed.emotion.reason is Reason.NOT_VISIBLE
    assert {unit.reason for unit in smoothed.action_units.values()} == {Reason.NOT_VISIBLE}
    assert events == []
    assert not smoothed.action_units["AU12"].present
