"""Decode: the manifest's calibration, and results that nobody can change."""

from __future__ import annotations

import copy
import json
import math
import pickle
import warnings
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.facs import ACTION_UNIT_REGIONS, REGIONS
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.types import Box, FaceState, Landmarks, Point, Reason, Status, is_visible
from tests.helpers.make_tiny_bundle import EMOTIONS, HEADS, SHOWN, manifest_dict


def decoder(**changes: Any) -> Decoder:
    raw = manifest_dict()
    raw["decoding"] |= changes
    return Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))


def outputs(
    emotion: dict[str, float] | None = None,
    units: dict[str, float] | None = None,
    strength: dict[str, float] | None = None,
    visibility: dict[str, float] | None = None,
) -> list[NDArray[np.float32]]:
    """Logits of all heads, 0 where nothing is said; regions are in view."""
    told = (emotion or {}, units or {}, strength or {}, dict.fromkeys(REGIONS, 9.0))
    told[3].update(visibility or {})
    return [
        np.array([[named.get(label, 0) for label in labels]], np.float32)
        for labels, named in zip(HEADS.values(), told, strict=True)
    ]


def test_emotion_is_softmax_of_logits_over_temperature() -> None:
    emotion = decoder().decode(outputs({"fear": 2.5, "anger": 1.25})).emotion
    total = math.exp(2.5 / 1.25) + math.exp(1.25 / 1.25) + 6
    assert emotion.label == emotion.raw_label == "fear"
    assert emotion.score == emotion.scores["fear"] == pytest.approx(math.exp(2) / total, rel=1e-6)
    assert emotion.scores["anger"] == pytest.approx(math.exp(1) / total, rel=1e-6)
    assert list(emotion.scores) == EMOTIONS
    assert sum(emotion.scores.values()) == pytest.approx(1, abs=1e-12)


def test_action_units_are_scaled_shifted_sigmoids() -> None:
    units = decoder().decode(outputs(units={"AU12": 2.0, "AU1": -1.0})).action_units
    assert list(units) == SHOWN
    assert units["AU12"].score == pytest.approx(1 / (1 + math.exp(-(1.5 * 2 + 0.155))), rel=1e-6)
    assert units["AU1"].score == pytest.approx(1 / (1 + math.exp(1.5 - 0.155)), rel=1e-6)
    assert (units["AU12"].present, units["AU1"].present) == (True, False)
    assert units["AU12"].name == "lip corner puller"


def test_a_score_at_the_threshold_is_present() -> None:
    raw = manifest_dict()
    for unit in raw["calibration"]["action_units"].values():
        unit |= {"scale": 1.0, "bias": 0.0}
    exact = Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))
    units = exact.decode(outputs(units={"AU2": -1e-3})).action_units
    assert units["AU1"].score == 0.5
    assert units["AU1"].present
    assert not units["AU2"].present


def test_heads_are_found_by_their_output_number() -> None:
    raw = manifest_dict()
    raw["heads"][0]["output"], raw["heads"][1]["output"] = 1, 0
    swapped = Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))
    logits = outputs({"disgust": 3}, {"AU4": 3})
    emotion, units, _ = swapped.decode([logits[1], logits[0], *logits[2:]])
    assert emotion.label == "disgust"
    assert units["AU4"].present


def test_extreme_logits_give_scores_without_warnings() -> None:
    extreme = [1e30, -1e30, 1e4, -1e4, 0, 800, -800, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emotion, units, _ = decoder().decode(
            outputs(dict(zip(EMOTIONS, extreme, strict=True)), {"AU1": 1e30, "AU2": -1e30})
        )
    assert emotion.scores["neutral"] == 1
    assert (units["AU1"].score, units["AU2"].score) == (1, 0)


def test_reasons() -> None:
    sure, unsure = outputs({"fear": 9}), outputs({"fear": 0.1})
    decode = decoder(min_emotion_score=0.5, au_margin=0.1).decode
    assert decode(sure)[0].reason is Reason.CONFIDENT
    assert decode(unsure)[0].reason is Reason.LOW_CONFIDENCE
    # A logit of 0 scores 0.539.
    units = decode(outputs(units={"AU1": 3}))[1]
    assert units["AU1"].reason is Reason.CONFIDENT
    assert units["AU2"].reason is Reason.LOW_CONFIDENCE
    for status, reason in (
        (Status.SMALL, Reason.FACE_TOO_SMALL),
        (Status.UNALIGNED, Reason.UNALIGNED),
    ):
        emotion, units, _ = decode(sure, status)
        assert {emotion.reason, *(unit.reason for unit in units.values())} == {reason}


def face_state() -> FaceState:
    logits = outputs({"surprise": 4}, {"AU26": 4, "AU12": 4}, {"AU26": 4})
    emotion, units, seen = decoder().decode(logits, Status.SMALL)
    point = Point(1.5, 2.5)
    landmarks = Landmarks(point, point, point, point, point, point)
    box = Box(1, 2, 3, 4)
    return FaceState(box, landmarks, 0.75, emotion, units, Status.SMALL, visibility=seen)


def test_results_cannot_be_changed() -> None:
    face = face_state()
    with pytest.raises(TypeError):
        face.emotion.scores["fear"] = 1.0  # type: ignore[index]
    with pytest.raises(TypeError):
        face.action_units["AU1"] = face.action_units["AU2"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        face.status = Status.OK  # type: ignore[misc]


def test_results_copy_and_pickle() -> None:
    face = face_state()
    assert pickle.loads(pickle.dumps(face)) == face
    assert copy.deepcopy(face) == face


def test_to_dict_is_plain_json() -> None:
    face = face_state()
    plain = face.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["status"] == "small"
    assert type(plain["status"]) is str
    assert plain["landmarks"]["mouth_center"] == {"x": 1.5, "y": 2.5}
    assert plain["emotion"]["label"] == "surprise"
    assert plain["emotion"]["reason"] == "face_too_small"
    assert plain["emotion"]["scores"] == dict(face.emotion.scores)
    assert plain["action_units"]["AU26"] == {
        "name": "jaw drop",
        "score": face.action_units["AU26"].score,
        "present": True,
        "reason": "face_too_small",
        "strength": face.action_units["AU26"].strength,
        "intensity": face.action_units["AU26"].intensity,
        "level": "marked",
        "reliability": None,
    }
    assert plain["action_units"]["AU12"]["reliability"] == {
        "laboratory": {"f1": 0.9, "n": 574},
        "world": {"f1": 0.75, "n": 800},
    }
    assert plain["visibility"] == dict(face.visibility)
    assert (
        json.loads(
            json.dumps(FaceState(face.box, None, 1.0, face.emotion, {}, Status.OK).to_dict())
        )["landmarks"]
        is None
    )


def test_intensity_and_level_come_from_presence_and_strength() -> None:
    """scale 1.5 and bias 0.155 of presence, 1.2 and -0.4 of strength."""
    units = {"AU12": 3.0, "AU6": 3.0, "AU4": -3.0}
    told = decoder().decode(outputs({}, units, {"AU12": 3.0, "AU6": -3.0, "AU4": 9.0}))
    smile, cheeks, frown = (told.action_units[label] for label in ("AU12", "AU6", "AU4"))
    assert smile.strength is not None
    assert smile.strength == pytest.approx(1 / (1 + math.exp(-(1.2 * 3 - 0.4))))
    assert smile.intensity == pytest.approx((smile.score + smile.strength) / 2)
    assert (smile.level, cheeks.level, frown.level) == ("marked", "slight", "none")
    # Nobody marks what is not there: P(marked) is P(present) at most.
    assert frown.strength is not None
    assert frown.strength > 0.99
    assert frown.intensity == frown.score < 0.05
    for unit in told.action_units.values():
        assert unit.intensity is not None
        assert 0 <= unit.intensity <= unit.score
        assert unit.present is (unit.score >= 0.5)


def test_a_network_without_strength_and_visibility_tells_neither() -> None:
    raw = manifest_dict()
    raw["heads"] = raw["heads"][:2]
    raw["calibration"] |= {"strength": {}, "visibility": {}}
    bare = Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))
    emotion, units, visibility = bare.decode(outputs(units={"AU12": 4})[:2])
    assert visibility == {}
    assert emotion.reason is Reason.LOW_CONFIDENCE
    assert {unit.intensity for unit in units.values()} == {None}
    assert {unit.level for unit in units.values()} == {None}
    assert all(unit.can_be_judged for unit in units.values())
    assert units["AU12"].present


@pytest.mark.parametrize("region", REGIONS)
def test_units_of_a_hidden_region_cannot_be_judged(region: str) -> None:
    """With the bias of 0.6, a logit of -0.6 is 0.5, which is still in view."""
    for logit, hidden in ((-0.61, True), (-0.59, False)):
        sure = dict.fromkeys(SHOWN, 5.0)
        emotion, units, seen = decoder().decode(
            outputs({"fear": 9}, sure, visibility={region: logit}), Status.SMALL
        )
        assert (seen[region] < 0.5) is hidden
        unseen = {label for label, unit in units.items() if not unit.can_be_judged}
        there = {label for label in SHOWN if ACTION_UNIT_REGIONS[label] == region}
        assert unseen == (there if hidden else set())
        assert {units[label].reason for label in unseen} <= {Reason.NOT_VISIBLE}
        assert emotion.reason is Reason.FACE_TOO_SMALL
        assert all(unit.present for unit in units.values())


def test_regions_of_units() -> None:
    named = {
        region: [unit for unit in SHOWN if ACTION_UNIT_REGIONS[unit] == region]
        for region in REGIONS
    }
    assert named == {
        "brows": ["AU1", "AU2", "AU4"],
        "eyes": ["AU5", "AU6", "AU7"],
        "nose": ["AU9"],
        "mouth": [f"AU{n}" for n in (12, 15, 20, 23, 24, 25, 26, 27)],
        "chin": ["AU17"],
    }
    assert ACTION_UNIT_REGIONS["AU43"] == "eyes"
    assert ACTION_UNIT_REGIONS["AU10"] == "mouth"


@pytest.mark.parametrize(
    ("hidden", "judged"),
    [((), True), (("mouth",), True), (("mouth", "chin"), False), (("brows", "eyes"), False)],
)
def test_an_emotion_is_judged_with_one_region_hidden_at_most(
    hidden: tuple[str, ...], judged: bool
) -> None:
    seen = {region: -4.0 if region in hidden else 4.0 for region in REGIONS}
    told = decoder().decode(outputs({"anger": 9}, visibility=seen))
    assert (told.emotion.reason is not Reason.NOT_VISIBLE) == judged
    shown = [unit for label, unit in told.action_units.items() if is_visible(label, seen_as(seen))]
    assert shown
    assert all(unit.can_be_judged for unit in shown)


def seen_as(logits: dict[str, float]) -> dict[str, float]:
    """Probabilities on the same side of 0.5 as their logits of 0."""
    return {region: float(logit > 0) for region, logit in logits.items()}


def test_what_shows_no_region_at_all_is_not_judged() -> None:
    nothing = dict.fromkeys(REGIONS, -4.0)
    told = decoder().decode(outputs({"anger": 9}, visibility=nothing))
    reasons = {told.emotion.reason, *(unit.reason for unit in told.action_units.values())}
    assert reasons == {Reason.NOT_VISIBLE}


def test_experimental_units_are_told_on_request() -> None:
    raw = manifest_dict()
    manifest = parse_manifest(json.dumps(raw).encode(), source="test")
    logits = outputs(units={"AU14": 5})
    assert "AU14" not in Decoder(manifest).decode(logits).action_units
    asked = Decoder(manifest, include_experimental=True).decode(logits).action_units
    assert asked["AU14"].present
    assert list(asked) == raw["heads"][1]["labels"]
    assert Decoder(manifest).scores(logits).action_units.shape == (1, len(asked))


def test_reliability_is_that_of_the_manifest() -> None:
    emotion, units, _ = decoder().decode(outputs({"happiness": 5}))
    assert units["AU12"].reliability is not None
    assert units["AU12"].reliability.world is not None
    assert units["AU12"].reliability.world.f1 == 0.75
    assert units["AU4"].reliability is not None
    assert units["AU4"].reliability.laboratory is None
    assert units["AU1"].reliability is None
    assert emotion.reliability is not None
    assert emotion.reliability.laboratory is not None
    assert decoder().decode(outputs({"fear": 5})).emotion.reliability is None
