"""Neutral calibration: a resting face becomes neutral, a moved one stays moved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mf2_edge import BaselineError, FaceStateAnalyzer, NeutralRecorder, RunningRest, load_baseline
from mf2_edge.bundle.loader import Bundle, load_bundle
from mf2_edge.cli.watch import RestingFace
from mf2_edge.cli.watch_files import FrameResult
from mf2_edge.types import Reason
from tests.helpers.streams import state

TINY = Path(__file__).parents[2] / "fixtures" / "tiny_bundle"
RESTING = state({"AU4": 0.55, "AU12": 0.1}, {"anger": 0.5, "sadness": 0.2})


@pytest.fixture
def bundle() -> Bundle:
    return load_bundle(TINY)


def recorded(bundle: Bundle) -> NeutralRecorder:
    recorder = NeutralRecorder(bundle)
    rng = np.random.default_rng(0)
    for _ in range(30):
        tremble = float(rng.normal(0, 0.02))
        assert recorder.add(
            state({"AU4": 0.55 + tremble, "AU12": 0.1}, {"anger": 0.5, "sadness": 0.2})
        )
    return recorder


def test_a_resting_face_comes_out_neutral_and_a_frown_stays_a_frown(bundle: Bundle) -> None:
    baseline = recorded(bundle).baseline()
    rest = baseline.apply(RESTING)
    assert RESTING.emotion.label == "anger"
    assert rest.emotion.label == "neutral"
    assert sum(rest.emotion.scores.values()) == pytest.approx(1)
    assert RESTING.action_units["AU4"].present
    assert rest.action_units["AU4"].score < 0.05
    assert not rest.action_units["AU4"].present
    frown = baseline.apply(state({"AU4": 0.95}, {"anger": 0.95}))
    assert frown.action_units["AU4"].present
    assert frown.emotion.label == "anger"


def test_it_is_saved_by_person_and_bound_to_its_bundle(bundle: Bundle, tmp_path: Path) -> None:
    baseline = recorded(bundle).baseline()
    baseline.save(tmp_path / "ada.json")
    assert load_baseline(tmp_path / "ada.json") == baseline
    assert (tmp_path / "ada.json").stat().st_size < 3000
    with pytest.raises(BaselineError, match="record it again"):
        FaceStateAnalyzer().stream(baseline=baseline)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw["action_units"].update(AU4=1.5), "outside 0..1"),
        (lambda raw: raw.update(picture="x"), "unknown field"),
        (lambda raw: raw.pop("frames"), "frames"),
    ],
)
def test_damaged_files_say_so(bundle: Bundle, tmp_path: Path, change: object, said: str) -> None:
    path = tmp_path / "ada.json"
    recorded(bundle).baseline().save(path)
    raw = json.loads(path.read_text())
    change(raw)  # type: ignore[operator]
    path.write_text(json.dumps(raw))
    with pytest.raises(BaselineError, match=said):
        load_baseline(path)
    with pytest.raises(BaselineError, match=r"none\.json"):
        load_baseline(tmp_path / "none.json")


def test_too_few_frames_and_poor_ones_do_not_count(bundle: Bundle) -> None:
    recorder = NeutralRecorder(bundle)
    for _ in range(9):
        recorder.add(RESTING)
    assert not recorder.add(state(reason=Reason.LOW_QUALITY))
    with pytest.raises(BaselineError, match="9 usable frames"):
        recorder.baseline()


def test_the_running_rest_finds_what_a_face_comes_back_to(bundle: Bundle) -> None:
    rest, rng = RunningRest(bundle), np.random.default_rng(0)
    for number in range(30 * 120):  # two minutes at 30 fps: a frown every third of the time
        frowns = number // 90 % 3 == 0
        score = (0.9 if frowns else 0.4) + float(rng.normal(0, 0.03))
        rest.add(state({"AU4": score}), number * 33.3)
    found = rest.baseline()
    assert found.action_units["AU4"] == pytest.approx(0.4, abs=0.08)
    assert found.emotions == {}
    assert found.apply(RESTING).emotion == RESTING.emotion
    with pytest.raises(BaselineError, match="no state"):
        RunningRest(bundle).baseline()


def test_the_command_line_records_the_face_of_one_person_at_rest(
    bundle: Bundle, tmp_path: Path
) -> None:
    def told(path: Path, happiness: float, people: int = 1) -> None:
        writer = RestingFace(path, bundle)
        for number in range(12):
            face = state({"AU4": 0.3}, {"happiness": happiness})
            writer.write(
                FrameResult(number, 0.0, np.zeros((2, 2, 3), np.uint8), [face] * people, [])
            )
        writer.close()

    told(tmp_path / "ada.json", happiness=0.1)
    assert load_baseline(tmp_path / "ada.json").action_units["AU4"] == pytest.approx(0.3)
    with pytest.raises(BaselineError, match="shows happiness"):
        told(tmp_path / "smile.json", happiness=0.95)
    with pytest.raises(BaselineError, match="0 usable frames"):
        told(tmp_path / "two.json", happiness=0.1, people=2)
    assert [path.name for path in tmp_path.iterdir()] == ["ada.json"]
