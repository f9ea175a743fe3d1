"""Losses: what is unknown pulls nowhere."""

from __future__ import annotations

import math

import pytest
import torch

from distill.training.losses import action_unit_loss, emotion_loss

NAN = math.nan


def test_an_unknown_unit_has_no_gradient_and_a_known_one_has() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    labels = torch.tensor([[1.0, NAN, 0.0], [NAN, NAN, 0.0]])
    action_unit_loss(logits, labels, torch.ones(3)).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False, True], [False, False, True]]


def test_units_count_alike_however_many_labels_they_have() -> None:
    labels = torch.tensor([[1.0, 1.0]] + [[NAN, 1.0]] * 9)
    loss = action_unit_loss(torch.zeros(10, 2), labels, torch.ones(2))
    assert loss.item() == pytest.approx(math.log(2))
    sure = torch.tensor([[20.0, 0.0]] * 10)  # the unit with one label is right
    assert action_unit_loss(sure, labels, torch.ones(2)).item() == pytest.approx(math.log(2) / 2)


def test_nothing_known_is_a_loss_of_zero_that_can_be_differentiated() -> None:
    logits = torch.ones(2, 2, requires_grad=True)
    loss = action_unit_loss(logits, torch.full((2, 2), NAN), torch.ones(2))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum() == 0


def test_an_emotion_that_the_data_cannot_name_is_neither_right_nor_wrong() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    votes, possible = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    loss = emotion_loss(logits, votes, possible, smoothing=0.1)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(math.log(2), abs=1e-5)
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert logits.grad[0, 0] < 0 < logits.grad[0, 1]


def test_soft_votes_are_matched_not_rounded() -> None:
    votes, possible = torch.tensor([[0.7, 0.3]]), torch.ones(1, 2)
    matched = emotion_loss(votes.log(), votes, possible, smoothing=0)
    certain = emotion_loss(torch.tensor([[9.0, -9.0]]), votes, possible, smoothing=0)
    assert matched < certain


def test_faces_without_votes_are_skipped() -> None:
    votes = torch.tensor([[1.0, 0.0], [NAN, NAN]])
    logits, possible = torch.randn(2, 2), torch.ones(2, 2)
    assert emotion_loss(logits, votes, possible, 0.1) == emotion_loss(
        logits[:1], votes[:1], possible[:1], 0.1
    )
