"""Judging scores: figures against scikit-learn's, thresholds, folds, and the words of results."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from distill.datasets import EMOTIONS, LabelledFace
from distill.datasets.folds import fixed_folds
from distill.evaluation.metrics.labels import (
    emotion_metrics,
    label_metrics,
    mean_over_folds,
    thresholds_of_best_f1,
)
from distill.evaluation.metrics.scores import f1
from distill.evaluation.protocols.evaluator import Evaluator
from distill.evaluation.protocols.folds import EvaluationProtocol, Fold, ProtocolError
from distill.evaluation.scoring import Scores

UNITS = ("AU1", "AU2")


@dataclass
class ToyScorer:
    """A scorer whose scores the test gives."""

    emotions: tuple[str, ...] = EMOTIONS
    units: tuple[str, ...] = UNITS
    thresholds: NDArray[np.float64] = field(default_factory=lambda: np.array([0.5, 0.5]))
    title: str = "toy"
    key: str = "toy"
    data: frozenset[str] = frozenset()

    def score(self, picture: NDArray[np.uint8], face: LabelledFace) -> tuple[list[float], bool]:
        raise AssertionError("the test gives the scores")


def test_figures_of_units_leave_unknown_labels_out() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((200, 2))
    labels = (rng.random((200, 2)) < 0.3 + 0.4 * scores).astype(np.float32)
    labels[:80, 1] = np.nan
    found = label_metrics(labels, scores, np.array([0.4, 0.7]), UNITS)
    for column, (unit, threshold, first) in enumerate((("AU1", 0.4, 0), ("AU2", 0.7, 80))):
        truth, score = labels[first:, column], scores[first:, column]
        assert found[unit].value == pytest.approx(f1_score(truth, score >= threshold), abs=1e-4)
        assert found[unit].auc == pytest.approx(roc_auc_score(truth, score), abs=1e-4)
        assert found[unit].support == truth.sum()


def test_a_unit_that_is_never_there_or_always_is_not_judged() -> None:
    labels = np.array([[0, 1], [0, 1], [np.nan, np.nan]], dtype=np.float32)
    assert label_metrics(labels, np.full((3, 2), 0.9), np.array([0.5, 0.5]), UNITS) == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=20))
def test_no_threshold_has_a_better_f1(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([[score / 6] for score, _ in pairs])
    truth = np.array([present for _, present in pairs])
    labels = truth[:, None].astype(np.float32)
    [threshold] = thresholds_of_best_f1(labels, scores, otherwise=np.array([0.123]))
    if truth.all() or not truth.any():
        assert threshold == 0.123
        return
    best = max(f1(scores[:, 0] >= place, truth) for place in np.arange(-1, 14) / 12)
    assert f1(scores[:, 0] >= threshold, truth) == pytest.approx(best)


def test_emotions_are_decided_among_the_ones_asked_for() -> None:
    rng = np.random.default_rng(1)
    scores = rng.random((300, 8))
    truth = [EMOTIONS[place] for place in rng.integers(0, 7, 300)]  # no contempt
    own = EMOTIONS[:7]
    found = emotion_metrics(truth, scores, EMOTIONS, own)
    decided = [EMOTIONS[place] for place in scores[:, :7].argmax(axis=1)]
    assert found.accuracy == pytest.approx(np.mean(np.array(decided) == truth), abs=1e-4)
    assert found.mean_f1 == pytest.approx(f1_score(truth, decided, average="macro"), abs=1e-4)
    assert sum(label.support for label in found.recalls.values()) == 300
    among_all = emotion_metrics(truth, scores, EMOTIONS, EMOTIONS)
    right = np.array(EMOTIONS)[scores.argmax(axis=1)] == truth
    assert among_all.accuracy == pytest.approx(right.mean(), abs=1e-4)
    assert among_all.accuracy < found.accuracy
    assert "contempt" not in among_all.f1s


def test_means_over_folds_skip_folds_that_could_not_judge_a_unit() -> None:
    labels = np.array([[1, 1], [0, 1]], dtype=np.float32)
    thresholds = np.array([0.5, 0.5])
    one = label_metrics(labels, np.array([[0.9, 0.1], [0.8, 0.1]]), thresholds, UNITS)
    two = label_metrics(labels.T, np.array([[0.9, 0.9], [0.1, 0.1]]), thresholds, UNITS)
    mean = mean_over_folds([one, two])
    assert list(one) == ["AU1"]
    assert list(two) == ["AU2"]
    assert (mean["AU1"], mean["AU2"]) == (one["AU1"], two["AU2"])


def _coded(subject: str, *present: str) -> LabelledFace:
    return LabelledFace(
        subject, "dev", action_units=frozenset(present), coded=frozenset(UNITS), subject=subject
    )


PROTOCOL = EvaluationProtocol(
    title="Toy",
    split="two subjects",
    rule="by hand",
    units=("AU1", "AU9"),
    fold_subjects=fixed_folds((frozenset({"A"}), frozenset({"B"}))),
    held_out=False,
)
FACES = [_coded("A"), _coded("A", "AU1"), _coded("B"), _coded("B", "AU1")]
SCORES = np.array([0.1, 0.3, 0.6, 0.8])  # A's best threshold is 0.2, B's is 0.7


def _scores(units: NDArray[np.float64], unaligned: int = 0) -> Scores:
    two = np.stack([units, np.full(len(units), np.nan)], axis=1)
    return Scores(np.full((len(units), 8), np.nan), two, np.arange(len(units)) < unaligned)


def test_thresholds_of_a_fold_come_from_the_others() -> None:
    folds = PROTOCOL.folds(FACES)
    scores = _scores(SCORES, unaligned=1)
    scorer = ToyScorer(data=frozenset({"Toy"}))
    results = Evaluator(PROTOCOL, FACES, folds, scorer, lambda _: scores).results()
    a, b, mean, shipped = results
    assert a.split == "fold 1 of two subjects"
    assert a.value == 0  # from 0.7 on, nothing of A is present
    assert b.value == pytest.approx(2 / 3, abs=1e-4)  # from 0.2 on, all of B is
    assert mean.value == pytest.approx(1 / 3, abs=1e-4)
    assert shipped.value == pytest.approx(1 / 3, abs=1e-4)  # 0.5: none of A, all of B
    assert [result.n for result in results] == [2, 2, 4, 4]
    assert mean.labels["AU1"].support == 2
    assert "1 of 2 units (AU9 cannot be evaluated)" in mean.protocol
    assert "thresholds of best F1 on the subjects of the other folds" in mean.protocol
    assert "thresholds as shipped" in shipped.protocol
    assert "no landmarks found in 1 faces" in mean.protocol
    assert "learned from faces of this data set" in mean.protocol


def test_a_network_that_learns_from_each_fold_is_judged_by_its_own_scores() -> None:
    """The seam for heads fitted fold by fold: `scores_of` is asked with each fold."""
    folds = PROTOCOL.folds(FACES)

    def adapted(fold: Fold) -> Scores:
        assert set(fold.train.tolist()).isdisjoint(fold.evaluated.tolist())
        present = np.array([face.action_units == frozenset({"AU1"}) for face in FACES])
        return _scores(np.where(present, 0.9, 0.1) if fold.name == "fold 2" else SCORES)

    evaluate = Evaluator(PROTOCOL, FACES, folds, ToyScorer(), adapted, how="head fitted a fold")
    one, two, *means = evaluate.results()
    assert (one.value, two.value) == (0, 1)
    assert all("head fitted a fold" in result.protocol for result in means)


def test_nothing_to_judge_is_refused() -> None:
    faces = [_coded("A", "AU1"), _coded("B"), _coded("B", "AU1")]
    folds = PROTOCOL.folds(faces)
    with pytest.raises(ProtocolError, match="Toy: in fold 1 no unit that the network knows"):
        Evaluator(PROTOCOL, faces, folds, ToyScorer(), lambda _: _scores(SCORES[:3])).results()


def test_a_set_of_seven_emotions_is_also_judged_among_its_own() -> None:
    protocol = EvaluationProtocol(
        title="Seven", split="test", rule="hard", parts=("test",), emotions=EMOTIONS[:7]
    )
    faces = [LabelledFace("a", "test", "fear"), LabelledFace("b", "test", "neutral")]
    emotions = np.zeros((2, 8))
    emotions[0, EMOTIONS.index("contempt")], emotions[0, EMOTIONS.index("fear")] = 0.6, 0.4
    emotions[1, 0] = 1
    scores = Scores(emotions, np.full((2, 2), np.nan), np.zeros(2, dtype=bool))
    scorer = ToyScorer(data=frozenset({"Seven"}))
    results = Evaluator(protocol, faces, protocol.folds(faces), scorer, lambda _: scores).results()
    assert [(result.metric, result.value) for result in results] == [
        ("accuracy", 0.5),
        ("accuracy", 1),
        ("mean F1", 1),
    ]
    assert "best of all 8 emotions" in results[0].protocol
    assert "best of the set's own 7 emotions" in results[1].protocol
    assert "learned from the training part of this data set" in results[0].protocol
    assert {result.split for result in results} == {"test"}
