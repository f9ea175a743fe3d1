"""Decode: the manifest's calibration, and results that nobody can change."""

from __future__ import annotations

import copy
import json
import math
import pickle
import timeit
import warnings
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mf2_edge.bundle.manifest import parse_manifest
from mf2_edge.pipeline.decode import Decoder
from mf2_edge.types import Box, FaceState, Landmarks, Point, Reason, Status
from tests.helpers.make_tiny_bundle import EMOTIONS, UNITS, manifest_dict


def decoder(**changes: Any) -> Decoder:
    raw = manifest_dict()
    raw["decoding"] |= changes
    return Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))


def outputs(
    emotion: dict[str, float] | None = None, units: dict[str, float] | None = None
) -> list[NDArray[np.float32]]:
    """Logits of both heads, 0 where nothing is said."""
    rows = ((EMOTIONS, emotion or {}), (UNITS, units or {}))
    return [
        np.array([[named.get(label, 0) for label in labels]], np.float32) for labels, named in rows
    ]


def test_emotion_is_softmax_of_logits_over_temperature() -> None:
    emotion, _ = decoder().decode(outputs({"fear": 2.5, "anger": 1.25}))
    total = math.exp(2.5 / 1.25) + math.exp(1.25 / 1.25) + 6
    assert emotion.label == emotion.raw_label == "fear"
    assert emotion.score == emotion.scores["fear"] == pytest.approx(math.exp(2) / total, rel=1e-6)
    assert emotion.scores["anger"] == pytest.approx(math.exp(1) / total, rel=1e-6)
    assert list(emotion.scores) == EMOTIONS
    assert sum(emotion.scores.values()) == pytest.approx(1, abs=1e-12)


def test_action_units_are_scaled_shifted_sigmoids() -> None:
    _, units = decoder().decode(outputs(units={"AU12": 2.0, "AU1": -1.0}))
    assert list(units) == UNITS
    assert units["AU12"].score == pytest.approx(1 / (1 + math.exp(-(1.5 * 2 + 0.155))), rel=1e-6)
    assert units["AU1"].score == pytest.approx(1 / (1 + math.exp(1.5 - 0.155)), rel=1e-6)
    assert (units["AU12"].present, units["AU1"].present) == (True, False)
    assert units["AU12"].name == "lip corner puller"


def test_a_score_at_the_threshold_is_present() -> None:
    raw = manifest_dict()
    for unit in raw["calibration"]["action_units"].values():
        unit |= {"scale": 1.0, "bias": 0.0}
    exact = Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))
    _, units = exact.decode(outputs(units={"AU2": -1e-3}))
    assert units["AU1"].score == 0.5
    assert units["AU1"].present
    assert not units["AU2"].present


def test_heads_are_found_by_their_output_number() -> None:
    raw = manifest_dict()
    raw["heads"][0]["output"], raw["heads"][1]["output"] = 1, 0
    swapped = Decoder(parse_manifest(json.dumps(raw).encode(), source="test"))
    emotion, units = swapped.decode(outputs({"disgust": 3}, {"AU4": 3})[::-1])
    assert emotion.label == "disgust"
    assert units["AU4"].present


def test_extreme_logits_give_scores_without_warnings() -> None:
    extreme = [1e30, -1e30, 1e4, -1e4, 0, 800, -800, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emotion, units = decoder().decode(
            outputs(dict(zip(EMOTIONS, extreme, strict=True)), {"AU1": 1e30, "AU2": -1e30})
        )
    assert emotion.scores["neutral"] == 1
    assert (units["AU1"].score, units["AU2"].score) == (1, 0)


def test_reasons() -> None:
    sure, unsure = outputs({"fear": 9}), outputs({"fear": 0.1})
    decode = decoder(min_emotion_score=0.5, au_margin=0.1).decode
    assert decode(sure)[0].reason is Reason.CONFIDENT
    assert decode(unsure)[0].reason is Reason.LOW_CONFIDENCE
    # Threshold 0.4; a logit of 0 scores 0.438.
    units = decode(outputs(units={"AU1": 3}))[1]
    assert units["AU1"].reason is Reason.CONFIDENT
    assert units["AU2"].reason is Reason.LOW_CONFIDENCE
    for status, reason in (
        (Status.SMALL, Reason.FACE_TOO_SMALL),
        (Status.UNALIGNED, Reason.UNALIGNED),
    ):
        emotion, units = decode(sure, status)
        assert {emotion.reason, *(unit.reason for unit in units.values())} == {reason}


def face_state() -> FaceState:
    emotion, units = decoder().decode(outputs({"surprise": 4}, {"AU26": 4}), Status.SMALL)
    point = Point(1.5, 2.5)
    landmarks = Landmarks(point, point, point, point, point, point)
    return FaceState(Box(1, 2, 3, 4), landmarks, 0.75, emotion, units, Status.SMALL)


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
    }
    assert (
        json.loads(
            json.dumps(FaceState(face.box, None, 1.0, face.emotion, {}, Status.OK).to_dict())
        )["landmarks"]
        is None
    )


def test_decoding_a_face_takes_far_less_than_a_millisecond() -> None:
    decode, logits = decoder().decode, outputs({"fear": 2}, {"AU1": 1})
    seconds = min(timeit.repeat(lambda: decode(logits), number=50, repeat=10)) / 50
    assert seconds < 0.0005
