"""Losses: what is unknown pulls nowhere."""

from __future__ import annotations

import math

import pytest
import torch

from distill.training.losses.functions import (
    agreement_loss,
    emotion_loss,
    masked_bce,
    sigmoid_agreement,
)

NAN = math.nan


def test_an_unknown_label_has_no_gradient_and_a_known_one_has() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    labels = torch.tensor([[1.0, NAN, 0.0], [NAN, NAN, 0.0]])
    masked_bce(logits, labels).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False, True], [False, False, True]]


def test_the_mean_is_over_known_labels_and_soft_ones_are_not_rounded() -> None:
    logits = torch.tensor([[0.3, 7.0], [-1.0, 2.0]])
    labels = torch.tensor([[0.75, NAN], [NAN, 0.0]])
    p, q = 1 / (1 + math.exp(-0.3)), 1 / (1 + math.exp(-2.0))
    expected = (-0.75 * math.log(p) - 0.25 * math.log(1 - p) - math.log(1 - q)) / 2
    assert masked_bce(logits, labels).item() == pytest.approx(expected, rel=1e-5)
    weighted = masked_bce(logits, labels, torch.tensor([3.0, 1.0])).item()
    expected += 2 * -0.75 * math.log(p) / 2
    assert weighted == pytest.approx(expected, rel=1e-5)


def test_nothing_known_is_a_loss_of_zero_that_can_be_differentiated() -> None:
    logits = torch.ones(2, 2, requires_grad=True)
    loss = masked_bce(logits, torch.full((2, 2), NAN))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum() == 0


def test_agreement_is_least_at_the_teachers_own_logits() -> None:
    teacher = torch.tensor([[2.0, -1.0, 0.5]])
    own = sigmoid_agreement(teacher, teacher)
    assert own < sigmoid_agreement(teacher + 0.5, teacher)
    assert own < sigmoid_agreement(teacher - 0.5, teacher)
    p = teacher.sigmoid()
    entropy = -(p * p.log() + (1 - p) * (1 - p).log()).mean()
    assert own.item() == pytest.approx(entropy.item(), rel=1e-4)
    assert agreement_loss(teacher, teacher).item() == pytest.approx(0, abs=1e-6)
    assert agreement_loss(-teacher, teacher).item() > 0.1


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


def test_faces_without_an_emotion_count_nothing_in_its_mean() -> None:
    """As if they were not there, and without a look at how many there are."""
    torch.manual_seed(0)
    logits = torch.randn(3, 4, requires_grad=True)
    votes = torch.tensor([[0.5, 0.5, 0.0, 0.0], [NAN] * 4, [0.0, 0.0, 1.0, 0.0]])
    possible = torch.tensor([[1.0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]])
    loss = emotion_loss(logits, votes, possible, 0.1)
    rows = [0, 2]
    known = emotion_loss(logits[rows], votes[rows], possible[rows], 0.1)
    assert loss.item() == pytest.approx(known.item(), rel=1e-6)
    loss.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[1] == 0).all()
    assert (logits.grad[rows] != 0).any(dim=1).all()
    nothing = emotion_loss(logits, torch.full((3, 4), NAN), possible, 0.1)
    assert nothing.item() == 0
