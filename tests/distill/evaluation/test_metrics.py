"""Metrics against scikit-learn, and thresholds against trying them all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from distill.evaluation.metrics.scores import auc, best_threshold, f1

SCORES = arrays(np.float64, 40, elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]))
TRUTH = arrays(np.bool_, 40)


@given(scores=SCORES, truth=TRUTH)
def test_f1_and_auc_equal_scikit_learn(scores: np.ndarray, truth: np.ndarray) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn")
    expected = metrics.f1_score(truth, scores >= 0.5, zero_division=0)
    assert f1(scores >= 0.5, truth) == pytest.approx(expected)
    if truth.any() and not truth.all():
        assert auc(scores, truth) == pytest.approx(metrics.roc_auc_score(truth, scores))
    else:
        assert np.isnan(auc(scores, truth))


def test_best_threshold_of_honest_scores_is_nearly_the_best_there_is() -> None:
    rng = np.random.default_rng(0)
    scores = rng.beta(0.5, 2.0, 20_000)
    truth = rng.random(20_000) < scores
    reached = f1(scores >= best_threshold(scores), truth)
    best = max(f1(scores >= edge, truth) for edge in np.linspace(0.05, 0.95, 91))
    assert reached >= best - 0.002


@given(scores=SCORES)
def test_best_threshold_lies_within_the_scores(scores: np.ndarray) -> None:
    assert scores.min() <= best_threshold(scores) <= scores.max()
