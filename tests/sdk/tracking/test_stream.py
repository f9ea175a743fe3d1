"""Streams of rendered frames: who is who, what began, and what a frame may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge import FaceStateAnalyzer, FaceStateStream, FrameError, TimestampError
from mf2_edge.pipeline.detect import BlazeFaceDetector
from mf2_edge.tracking.tracker import FORGET_MS, Tracker
from mf2_edge.types import Box, Detection, FaceState, Landmarks, Point
from tests.helpers.streams import scene

STEP_MS = 40.0
ANALYZER = FaceStateAnalyzer()


def stream() -> FaceStateStream:
    return ANALYZER.stream()


def play(
    feed: FaceStateStream, frames: Iterator[NDArray[np.uint8]], start_ms: float = 0
) -> list[list[FaceState]]:
    return [
        feed.update(frame, start_ms + number * STEP_MS, color="rgb")
        for number, frame in enumerate(frames)
    ]


def ids(states: list[FaceState]) -> list[int | None]:
    return [state.track_id for state in states]


def test_a_face_that_moves_keeps_its_number_and_is_found_in_every_frame() -> None:
    places = ((100 + 60 * math.sin(i / 6), 40 + 20 * math.cos(i / 5)) for i in range(50))
    seen = play(stream(), (scene(place, noise=4, seed=i) for i, place in enumerate(places)))
    assert {tuple(ids(states)) for states in seen} == {(1,)}
    assert {states[0].emotion.label for states in seen} == {"happiness"}
    assert {states[0].action_units["AU12"].present for states in seen} == {True}


def test_who_leaves_and_comes_back_soon_is_the_same_later_another() -> None:
    here, nobody = scene((120, 40)), scene()
    feed = stream()
    play(feed, iter([here] * 5))
    away = play(feed, iter([nobody] * 12), 5 * STEP_MS)
    assert away[-1] == []
    back = play(feed, iter([here] * 10), 17 * STEP_MS)
    assert ids(back[-1]) == [1]
    later = 27 * STEP_MS + FORGET_MS
    play(feed, iter([nobody] * 30), 27 * STEP_MS)
    again = play(feed, iter([here] * 10), later + 30 * STEP_MS)
    assert ids(again[-1]) == [2]
    kinds = [(e.track_id, e.label, e.kind) for e in feed.take_events() if e.label == "AU12"]
    assert kinds == [(1, "AU12", "onset"), (1, "AU12", "apex"), (1, "AU12", "offset"),
                     (2, "AU12", "onset")]  # fmt: skip
    assert feed.take_events() == []


def test_smoothed_states_are_those_of_single_frames_when_nothing_moves() -> None:
    frame = scene((120, 40))
    [single] = ANALYZER.predict(frame, color="rgb")
    [smoothed] = play(stream(), iter([frame] * 20))[-1]
    for label, unit in single.action_units.items():
        assert smoothed.action_units[label].score == pytest.approx(unit.score, abs=0.15)
    assert smoothed.emotion.label == single.emotion.label
    assert smoothed.box.x == pytest.approx(single.box.x, abs=2)


def test_repeated_dropped_and_uneven_frames_work_and_time_may_not_run_back() -> None:
    feed, frame = stream(), scene((120, 40))
    for moment in (0, 0, 1, 500, 501, 5000):
        assert len(feed.update(frame, moment, color="rgb")) == 1
    with pytest.raises(TimestampError, match=r"from 5000 to 4999.*reset"):
        feed.update(frame, 4999, color="rgb")
    with pytest.raises(TimestampError, match="finite"):
        feed.update(frame, math.nan, color="rgb")
    assert len(feed.update(frame, 5000, color="rgb")) == 1  # the errors changed nothing
    feed.reset()
    assert ids(feed.update(frame, 0, color="rgb")) == [1]


def test_a_bad_frame_is_refused_and_the_stream_goes_on() -> None:
    feed = stream()
    with pytest.raises(FrameError):
        feed.update(np.zeros((4, 4), np.float32), 0)
    assert ids(feed.update(scene((120, 40)), 0, color="rgb")) == [1]
    with pytest.raises(ValueError, match="detect_every_ms"):
        ANALYZER.stream(detect_every_ms=-1)


def test_colours_are_as_in_predict() -> None:
    frame = scene((120, 40))
    [rgb] = stream().update(frame, 0, color="rgb")
    [bgr] = stream().update(np.ascontiguousarray(frame[..., ::-1]), 0)
    assert rgb.emotion.scores == bgr.emotion.scores


class Scripted:
    """A detector and follower of faces whose places are given; the follower sees what is near."""

    def __init__(self, places: Callable[[], list[tuple[float, float]]]) -> None:
        self.places = places
        self.searches = 0

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        self.searches += 1
        return [face_at(*place) for place in self.places()]

    def follow(self, frame: NDArray[np.uint8], face: Detection) -> Detection | None:
        here = (face.box.x, face.box.y)
        near = [place for place in self.places() if math.dist(place, here) < 40]
        return face_at(*min(near, key=lambda place: math.dist(place, here))) if near else None


class Mistaken(Scripted):
    """Beside the faces of `places`, searches take clutter for a face; the follower always does."""

    def __init__(
        self,
        places: Callable[[], list[tuple[float, float]]],
        clutter: list[tuple[float, float]],
        when: Callable[[], bool],
    ) -> None:
        super().__init__(lambda: places() + clutter)
        self.faces, self.when = places, when

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        self.searches += 1
        return [face_at(*place) for place in (self.places() if self.when() else self.faces())]


def face_at(x: float, y: float) -> Detection:
    points = [Point(x + 10 * i, y + 10 * i) for i in range(6)]
    return Detection(Box(x, y, 60, 60), 0.9, Landmarks(*points))


def test_faces_that_cross_keep_their_numbers() -> None:
    """One passes in front: the hidden one is not seen for a while, and goes on as it moved."""
    now = [0.0]

    def places() -> list[tuple[float, float]]:
        left, right = 100 + 4 * now[0], 500 - 4 * now[0]
        both = [(left, 100.0), (right, 110.0)]
        return both if abs(left - right) > 45 else [both[0]]

    crowd = Scripted(places)
    tracker = Tracker(crowd, crowd, detect_every_ms=100)
    frame = np.zeros((480, 640, 3), np.uint8)
    first: dict[int, float] = {}
    for step in range(100):
        now[0] = step
        tracks, _ = tracker.update(frame, step * STEP_MS)
        if step == 5:
            first = {track.id: track.face.box.x for track in tracks}
    last = {track.id: track.face.box.x for track in tracks}
    assert set(first) == set(last) == {1, 2}
    assert all(abs((first[i] < 300) - (last[i] > 300)) < 1 for i in first)


def follow_through(crowd: Scripted, now: list[float], frames: int) -> list[dict[int, float]]:
    """Numbers and places (x) of the faces that a tracker tells of, frame by frame."""
    tracker = Tracker(crowd, crowd, detect_every_ms=200)
    told = []
    for step in range(frames):
        now[0] = step * STEP_MS
        tracks, _ = tracker.update(np.zeros((480, 640, 3), np.uint8), now[0])
        told.append({track.id: track.face.box.x for track in tracks})
    return told


def test_what_one_search_alone_takes_for_a_face_is_never_told() -> None:
    now = [0.0]
    crowd = Mistaken(
        lambda: [(100.0, 100.0)] + ([(500.0, 100.0)] if now[0] >= 1000 else []),
        clutter=[(300.0, 300.0)],
        when=lambda: 400 <= now[0] < 600,
    )
    told = follow_through(crowd, now, 50)
    assert {number: place for faces in told for number, place in faces.items()} == {
        1: 100.0,
        2: 500.0,  # the mistake took no number
    }


def test_who_comes_later_is_told_of_one_search_after_the_first_that_finds_them() -> None:
    now = [0.0]
    found: list[float] = []

    class Late(Scripted):
        def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
            faces = super().detect(frame)
            found.extend([now[0]] if faces else [])
            return faces

    def walking() -> list[tuple[float, float]]:
        return [(now[0] / 4, 100.0)] if now[0] >= 100 else []

    told = follow_through(Late(walking), now, 30)
    since = next(step for step, faces in enumerate(told) if faces) * STEP_MS
    assert since == found[1] <= found[0] + 200
    assert [set(faces) for faces in told if faces] == [{1}] * (30 - int(since / STEP_MS))


def test_a_search_that_does_not_find_it_again_ends_a_mistake() -> None:
    """Two mistakes at one place, a search without it between them."""
    now = [0.0]
    crowd = Mistaken(list, clutter=[(300.0, 300.0)], when=lambda: int(now[0] / 200) in (1, 3, 5))
    assert follow_through(crowd, now, 60) == [{}] * 60


def test_the_faces_of_the_first_frame_are_told_of_at_once() -> None:
    crowd = Scripted(lambda: [(100.0, 100.0), (400.0, 100.0)])
    assert follow_through(crowd, [0.0], 1) == [{1: 100.0, 2: 400.0}]


def test_the_tracker_searches_seldom_and_remembers_little() -> None:
    """Five minutes in which somebody new comes every two seconds."""
    now = [0.0]
    crowd = Scripted(lambda: [(50.0 + 200 * (int(now[0] / 2000) % 3), 100.0)])
    tracker = Tracker(crowd, crowd, detect_every_ms=200)
    frame = np.zeros((480, 640, 3), np.uint8)
    forgotten = []
    for step in range(300 * 25):
        now[0] = step * STEP_MS
        tracks, gone = tracker.update(frame, now[0])
        forgotten += gone
        assert len(tracker._tracks) <= 3
    assert len(tracks) == 1
    assert len(forgotten) == len(set(forgotten)) >= 140
    assert crowd.searches <= 300 * 5 + 300 / 2 * 3


def test_a_detector_without_landmarks_still_gives_numbers() -> None:
    class BoxesOnly:
        def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
            return [Detection(f.box, f.score) for f in BlazeFaceDetector().detect(frame)]

    feed = FaceStateAnalyzer(detector=BoxesOnly()).stream(detect_every_ms=0)
    seen = play(feed, (scene((100 + 4 * i, 40)) for i in range(6)))
    assert {tuple(ids(states)) for states in seen} == {(1,)}
