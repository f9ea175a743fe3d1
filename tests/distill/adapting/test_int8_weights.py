"""Weights of heads on the grid of int8: what is trained is what is kept."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from distill.adapting.exportable import DFNOnVectors, keeps_int8, with_int8_weights
from distill.adapting.int8_weights import Rounded, round_weights, scales, settle
from distill.networks.dfn import DFN, Layout


def network() -> DFN:
    torch.manual_seed(0)
    return DFN(Layout((12, 20), 0, 1), 3, torch.zeros(32), torch.ones(32), width=16).eval()


def test_a_rounded_weight_is_the_nearest_on_its_grid_and_learns_as_itself() -> None:
    weight = torch.randn(5, 40, requires_grad=True)
    rounded = Rounded()(weight)
    step = scales(weight)
    assert ((rounded - weight).abs() <= step / 2 + 1e-7).all()
    assert (rounded / step).abs().max() <= 127.001
    assert len(torch.unique((rounded / step).round().detach())) > 100
    (rounded * torch.arange(40.0)).sum().backward()
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.arange(40.0).expand(5, 40))


def test_a_head_trained_with_rounding_keeps_its_names_and_answers_from_bytes() -> None:
    dfn, vectors = network(), torch.randn(7, 32)
    names = set(dfn.state_dict())
    before = DFNOnVectors(dfn)(vectors)
    assert not keeps_int8(DFNOnVectors(dfn))
    round_weights(dfn)
    expected = DFNOnVectors(dfn)(vectors)
    assert not torch.equal(expected, before)
    copied = deepcopy(dfn)
    settle(copied)
    assert set(copied.state_dict()) == names
    head = DFNOnVectors(copied)
    assert torch.equal(head(vectors), expected)
    assert keeps_int8(head)
    kept = with_int8_weights(head)
    torch.testing.assert_close(kept(vectors), expected, rtol=1e-5, atol=1e-6)
    kinds = {values.dtype for values in kept.state_dict().values() if values.ndim == 2}
    assert kinds == {torch.int8}
    assert not [m for m in kept.modules() if isinstance(m, nn.Linear)]
