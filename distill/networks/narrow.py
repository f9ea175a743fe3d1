"""A narrower network out of a trained one: the channels that matter most keep their weights.

Structured pruning by magnitude (Li et al. 2017, arXiv:1608.08710), before training goes on: which
channels of a layer matter is evaluated by the weights that write them times the weights that read
them. Channels that a sum ties together, those of a stage's residual blocks, are chosen together.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from distill.networks.edge import EdgeNet
from distill.networks.mobilefacenet import Bottleneck, ConvPReLU
from distill.networks.network import Branch, FaceStateNet


@torch.no_grad()
def narrow(wide: FaceStateNet, into: FaceStateNet) -> None:
    """Fill `into`, a narrower network of the same layers, with the best channels of `wide`.

    Both over MobileFaceNet. What an edge network has beside trunk and branches comes along if both
    are edge networks, and stays as it is otherwise.
    """
    stem = _stem(wide.trunk["stem"], into.trunk["stem"])
    stage2 = _stage(wide.trunk["stage2"], into.trunk["stage2"], stem)
    stage3 = _stage(wide.trunk["stage3"], into.trunk["stage3"], stage2)
    face = _branch(wide.emotion, into.emotion, stage3)
    unit = _branch(wide.action_units, into.action_units, stage3)
    for name in set(wide.extra) & set(into.extra):
        layer = getattr(wide, name)
        _fill(layer, getattr(into, name), torch.arange(len(layer.weight)), unit)
    if isinstance(wide, EdgeNet) and isinstance(into, EdgeNet):
        for name, kept in (("embed", face), ("tokens", unit)):
            layer, narrower = getattr(wide, name), getattr(into, name)
            _fill(layer, narrower, torch.arange(len(layer.weight)), kept)
        into.face_to_text.load_state_dict(wide.face_to_text.state_dict())
        into.unit_to_text.load_state_dict(wide.unit_to_text.state_dict())


def _stem(wide: nn.Module, into: nn.Module) -> Tensor:
    """Fill the stem; returns the channels of its output that were kept."""
    first, depthwise, last = cast("tuple[ConvPReLU, ConvPReLU, nn.Conv2d]", tuple(wide.children()))
    a, b, c = cast("tuple[ConvPReLU, ConvPReLU, nn.Conv2d]", tuple(into.children()))
    inner = _best(_written(first.conv) * _written(depthwise.conv) * _read(last), a.conv)
    kept = _best(_written(last), c)
    _fill_activated(first, a, inner, None)
    _fill_activated(depthwise, b, inner, None)
    _fill(last, c, kept, inner)
    return kept


def _stage(wide: nn.Module, into: nn.Module, inputs: Tensor) -> Tensor:
    """Fill a stage's blocks; returns the channels that were kept of what they add up to."""
    blocks = zip(wide.children(), into.children(), strict=True)
    kept = [both for both in blocks if not any(isinstance(one, nn.Identity) for one in both)]
    pairs = cast("list[tuple[Bottleneck, Bottleneck]]", kept)
    written = [_written(block.project).square() for block, _ in pairs]
    read = [_read(block.expand.conv).square() for block, _ in pairs[1:]]
    outputs = _best(torch.stack([*written, *read]).sum(dim=0), pairs[-1][1].project)
    for block, narrower in pairs:
        used = _written(block.expand.conv) * _written(block.depthwise.conv) * _read(block.project)
        hidden = _best(used, narrower.expand.conv)
        _fill_activated(block.expand, narrower.expand, hidden, inputs)
        _fill_activated(block.depthwise, narrower.depthwise, hidden, None)
        _fill(block.project, narrower.project, outputs, hidden)
        inputs = outputs
    return outputs


def _branch(wide: Branch, into: Branch, inputs: Tensor) -> Tensor:
    """Fill a branch; returns the values that were kept of its vector."""
    parts, narrower = dict(wide.named_children()), dict(into.named_children())
    deep = _stage(parts["stage4"], narrower["stage4"], inputs)
    last, after = cast("ConvPReLU", parts["conv5"]), cast("ConvPReLU", narrower["conv5"])
    pool, pool_after = cast("nn.Conv2d", parts["gdc"]), cast("nn.Conv2d", narrower["gdc"])
    kept = _best(_written(last.conv) * _written(pool) * _read(wide.head), after.conv)
    _fill_activated(last, after, kept, deep)
    _fill(pool, pool_after, kept, None)
    _fill(wide.head, into.head, torch.arange(len(wide.head.weight)), kept)
    return kept


def _best(score: Tensor, narrower: nn.Conv2d) -> Tensor:
    """As many channels as the narrower layer writes, the best by their score, in order."""
    return score.topk(narrower.out_channels).indices.sort().values


def _written(layer: nn.Conv2d) -> Tensor:
    """Norm of the weights that write each output channel."""
    norms: Tensor = torch.linalg.vector_norm(layer.weight.flatten(1), dim=1)
    return norms


def _read(layer: nn.Conv2d | nn.Linear) -> Tensor:
    """Norm of the weights that read each input channel."""
    norms: Tensor = torch.linalg.vector_norm(layer.weight.transpose(0, 1).flatten(1), dim=1)
    return norms


def _fill(
    wide: nn.Conv2d | nn.Linear,
    into: nn.Conv2d | nn.Linear,
    outputs: Tensor,
    inputs: Tensor | None,
) -> None:
    """Copy the chosen channels; `inputs` is None for a depthwise layer, and for pixels."""
    weight = wide.weight[outputs]
    into.weight.copy_(weight if inputs is None else weight[:, inputs])
    if wide.bias is not None and into.bias is not None:
        into.bias.copy_(wide.bias[outputs])


def _fill_activated(
    wide: ConvPReLU, into: ConvPReLU, outputs: Tensor, inputs: Tensor | None
) -> None:
    _fill(wide.conv, into.conv, outputs, inputs)
    if isinstance(wide.act, nn.PReLU) and isinstance(into.act, nn.PReLU):
        into.act.weight.copy_(wide.act.weight[outputs])
