"""Intervals and calibration errors against SciPy, scikit-learn and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix as reference_matrix
from sklearn.metrics import f1_score, precision_recall_fscore_support

from distill.datasets import EMOTIONS, LabelledFace
from distill.evaluation.metrics.emotion import EvaluatedPart, confusion_matrix, emotion_report
from distill.evaluation.metrics.intervals import bootstrap, mean, wilson
from distill.evaluation.metrics.reliability import calibration_error, reliability
from distill.evaluation.metrics.units import unit_metrics
from distill.evaluation.protocols.raters import against_others, agreement_of, rater_report


@given(st.integers(1, 3000), st.data())
def test_wilson_is_what_scipy_computes(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson(right, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_eight_in_ten_is_the_textbooks() -> None:
    assert wilson(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-7)


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = bootstrap(lambda rows: values[rows].mean(keepdims=True), 400, seed=1)[:, 0]
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)


def test_faces_of_one_person_are_drawn_together() -> None:
    people = np.random.default_rng(0).normal(0, 1, 25)
    values, groups = np.repeat(people, 16), np.repeat(np.arange(25), 16)

    def width(grouped: bool) -> float:
        low, high = bootstrap(
            lambda rows: values[rows].mean(keepdims=True), 400, 0, groups if grouped else None
        )[:, 0]
        return float(high - low)

    assert width(grouped=True) == pytest.approx(4 * width(grouped=False), rel=0.1)  # sqrt(16)


def test_the_same_seed_gives_the_same_interval_and_draws_without_a_figure_are_left_out() -> None:
    rare = np.arange(30) == 0

    def figure(rows: np.ndarray) -> np.ndarray:
        return np.array([1.0 if rare[rows].any() else np.nan, np.nan])

    first, second = bootstrap(figure, 30, seed=5), bootstrap(figure, 30, seed=5)
    assert np.array_equal(first, second, equal_nan=True)
    assert first[:, 0].tolist() == [1.0, 1.0]
    assert np.isnan(first[:, 1]).all()
    known = mean(np.array([0.0, 1.0, np.nan]), seed=0)
    assert (known.value, known.low, known.high) == (0.5, 0.0, 1.0)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.9, 0.2, 0.8, 0.4, 0.6, 0.3])
    right = np.array([True, False, False, True, True, False])
    # bins 0.2 0.3 | 0.4 0.6 | 0.8 0.9: |0.25 - 0| + |0.5 - 1| + |0.85 - 0.5|, a third each
    assert calibration_error(confidence, right, bins=3) == pytest.approx(1.1 / 3)
    [one] = reliability(confidence, right, seed=0, bins=1).bins
    assert (one.n, one.right.value) == (6, 0.5)
    assert one.confidence == pytest.approx(3.2 / 6, abs=1e-4)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_lies_between_the_overall_gap_and_one(
    pairs: list[tuple[float, bool]],
) -> None:
    confidence = np.array([score for score, _ in pairs])
    right = np.array([hit for _, hit in pairs])
    error = calibration_error(confidence, right)
    assert abs(confidence.mean() - right.mean()) - 1e-9 <= error <= 1 + 1e-9


def test_honest_scores_have_nearly_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(50_000)
    right = rng.random(50_000) < confidence
    assert calibration_error(confidence, right) < 0.01
    assert calibration_error(confidence**3, right) > 0.2


def test_emotion_figures_are_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 7, 400)  # no contempt
    logits = rng.normal(0, 1, (400, 8)).astype(np.float32)
    logits[np.arange(400), labels] += 1.5
    answers = logits.argmax(axis=1)
    part = EvaluatedPart("Toy", "test", "by hand", "nothing else", labels)
    report = emotion_report(part, logits, EMOTIONS, temperature=2.0, seed=0)
    assert np.array_equal(confusion_matrix(labels, answers, 8), reference_matrix(labels, answers))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, answers, labels=range(7), zero_division=0
    )
    for place, name in enumerate(EMOTIONS[:7]):
        found = report.labels[name]
        assert found.precision is not None
        assert (found.precision.value, found.recall.value, found.f1.value) == pytest.approx(
            (precision[place], recall[place], f1[place]), abs=1e-4
        )
        assert found.support == support[place]
        assert found.f1.low is not None
        assert found.f1.high is not None
        assert found.f1.low < found.f1.value < found.f1.high
    assert report.mean_recall.value == pytest.approx(recall.mean(), abs=1e-4)
    assert report.mean_f1.value == pytest.approx(f1.mean(), abs=1e-4)
    assert "contempt" not in report.labels
    assert sum(report.confusion["neutral"].values()) == support[0]
    powers = np.exp(logits.astype(np.float64) / 2)
    confidence = powers.max(axis=1) / powers.sum(axis=1)
    expected = calibration_error(confidence, answers == labels)
    assert report.after.error.value == pytest.approx(expected, abs=1e-4)


def test_unknown_units_count_neither_way() -> None:
    rng = np.random.default_rng(3)
    scores = rng.random((120, 2))
    labels = (rng.random((120, 2)) < scores).astype(np.float32)
    labels[:50, 1] = np.nan
    subjects = np.repeat([f"S{number}" for number in range(20)], 6)
    found = unit_metrics(
        ("AU1", "AU2"), labels, scores >= 0.5, scores, ("AU2",), seed=0, subjects=subjects
    )
    expected = f1_score(labels[50:, 1], scores[50:, 1] >= 0.5)
    assert found.labels["AU2"].value == pytest.approx(expected, abs=1e-4)
    assert found.labels["AU2"].support == (labels[:, 1] == 1).sum()
    assert found.mean_f1.value == found.labels["AU2"].value  # the headline is AU2 alone
    assert "over 20 subjects" in found.interval


def test_a_rater_is_judged_against_the_majority_of_the_others() -> None:
    votes = {"happiness": 7.0, "neutral": 2.0, "sadness": 1.0}
    # Without any one rater happiness still leads: 7 raters agree with the others, 3 do not.
    found = against_others(votes, "happiness")
    assert (found.rater, found.model) == pytest.approx((0.7, 1))
    assert against_others(votes, "neutral").model == 0
    # 2 : 2 without one of the three, so that these have nobody to be evaluated by; 3 : 1 else,
    # where the single vote is dropped.
    split = against_others({"happiness": 3.0, "neutral": 2.0}, "happiness")
    assert (split.rater, split.model) == pytest.approx((0, 1))
    assert np.isnan(against_others({"happiness": 1.0}, "happiness").rater)


def test_raters_are_grouped_by_how_many_chose_the_label() -> None:
    votes = ({"happiness": 10.0}, {"happiness": 9.0, "neutral": 1.0}, {"anger": 6.0, "fear": 4.0})
    faces = [
        LabelledFace(f"{number}", "test", next(iter(own)), own) for number, own in enumerate(votes)
    ]
    assert [agreement_of(face) for face in faces] == [1.0, 0.9, 0.6]
    report = rater_report("Toy", "test", faces, ["happiness", "neutral", "anger"], seed=0)
    groups = {group.agreement: group for group in report.groups}
    assert {name: group.n for name, group in groups.items()} == {
        "all": 1,
        "9 of 10": 1,
        "fewer": 1,
        "all faces": 3,
    }
    assert (groups["9 of 10"].accuracy.value, groups["9 of 10"].rater.value) == (0, 0.9)
    assert groups["all faces"].rater.value == pytest.approx((1 + 0.9 + 0.6) / 3, abs=1e-4)
