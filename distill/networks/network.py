"""The face-state network: one trunk, two decoupled branches, linear heads on them.

A backbone up to its 14x14 map is the trunk. Each branch has its own copy of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from distill.networks.backbones.parts import Backbone, as_map


def linear_head(width: int, labels: int) -> nn.Linear:
    """A linear layer to logits that start near 0."""
    head = nn.Linear(width, labels)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)
    return head


def through(stage: nn.Module, x: Tensor, checkpointing: bool) -> Tensor:
    """What a stage makes of x; its blocks are computed again in the backward pass if asked for."""
    if checkpointing and torch.is_grad_enabled():
        for block in stage.children() if isinstance(stage, nn.Sequential) else (stage,):
            x = checkpoint(block, x, use_reentrant=False)
        return x
    y: Tensor = stage(x)
    return y


class Branch(nn.Module):
    """From the trunk's last state, a 14x14 map or its tokens, to the logits of one head."""

    grad_checkpointing = False

    def __init__(self, backbone: Backbone, labels: int, dropout: float) -> None:
        super().__init__()
        self.parts = tuple(backbone.branch)
        for name, part in backbone.branch.items():
            self.add_module(name, deepcopy(part))
        self.dropout: nn.Module = nn.Dropout(dropout)
        self.head = linear_head(backbone.width, labels)

    def forward(self, trunk: Tensor) -> Tensor:
        """Logits of the branch's labels."""
        return self.classify(self.pool(trunk)[1])

    def pool(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """The branch's last map (N, width, 7, 7), and the vector (N, width) pooled from it.

        A ViT's map stays at 14x14.
        """
        deep = trunk
        for name in self.parts[:-1]:
            deep = through(getattr(self, name), deep, self.grad_checkpointing)
        pooled: Tensor = getattr(self, self.parts[-1])(deep)
        return as_map(deep), pooled.flatten(1)

    def classify(self, pooled: Tensor) -> Tensor:
        """Logits of the branch's labels from the pooled vector."""
        logits: Tensor = self.head(self.dropout(pooled))
        return logits


class FaceStateNet(nn.Module):
    """Aligned faces in, logits of every head out.

    Input (N, 3, 112, 112), RGB, normalised as the manifest says. Output, uncalibrated: emotion
    (N, emotions), action_units (N, action_units), and one tensor (N, labels) for each extra head,
    a linear layer on the vector that the AU branch pools.
    """

    embeddings = False
    """Whether an exported network also returns the two vectors that its heads read."""
    grad_checkpointing = False

    def __init__(
        self,
        backbone: Backbone,
        emotions: int,
        action_units: int,
        dropout: float = 0.0,
        extra: Mapping[str, int] | None = None,
    ) -> None:
        """extra: number of labels of each head beside emotion and Action Units, by name."""
        super().__init__()
        self.trunk = nn.ModuleDict(deepcopy(backbone.trunk))
        self.emotion = Branch(backbone, emotions, dropout)
        self.action_units = Branch(backbone, action_units, dropout)
        self.extra = tuple(extra or {})
        for name, labels in (extra or {}).items():
            self.add_module(name, linear_head(backbone.width, labels))

    def features(self, x: Tensor) -> Tensor:
        """State at which the branches leave the trunk; MobileFaceNet's is (N, 128, 14, 14)."""
        for name in self.trunk:
            x = self.stage(name, x)
        return x

    def stage(self, name: str, x: Tensor) -> Tensor:
        """What a stage of the trunk makes of the state before it."""
        return through(self.trunk[name], x, self.grad_checkpointing)

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep only states between blocks for the backward pass, and compute the others again."""
        for part in (self, self.emotion, self.action_units):
            part.grad_checkpointing = enable

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Logits of every head, in the order of `heads`."""
        trunk = self.features(x)
        _, face = self.emotion.pool(trunk)
        _, unit = self.action_units.pool(trunk)
        return (
            self.emotion.classify(face),
            self.action_units.classify(unit),
            *self.extra_logits(unit),
        )

    def extra_logits(self, unit: Tensor) -> tuple[Tensor, ...]:
        """Logits of the extra heads from the AU branch's vector (N, width)."""
        dropped = self.action_units.dropout(unit) if self.extra else unit
        return tuple(getattr(self, name)(dropped) for name in self.extra)

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return ("emotion", "action_units", *self.extra)

    def freeze(self, *stages: str) -> None:
        """Take stages of the trunk out of training."""
        for name in stages:
            self.trunk[name].requires_grad_(False)


def channels_last(network: FaceStateNet) -> FaceStateNet:
    """The same network, its convolutions laid out channels last: twice as fast on CPUs."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
