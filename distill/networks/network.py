"""The face-state network: one trunk, two decoupled branches.

A backbone up to its 14x14 map is the trunk. Each branch has its own copy of the rest.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from distill.networks.backbones.parts import Backbone, as_map


class Branch(nn.Module):
    """From the trunk's last state, a 14x14 map or its tokens, to the logits of one head."""

    def __init__(self, backbone: Backbone, labels: int, dropout: float) -> None:
        super().__init__()
        self.parts = tuple(backbone.branch)
        for name, part in backbone.branch.items():
            self.add_module(name, deepcopy(part))
        self.dropout: nn.Module = nn.Dropout(dropout)
        self.head = nn.Linear(backbone.width, labels)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, trunk: Tensor) -> Tensor:
        """Logits of the branch's labels."""
        return self.classify(self.pool(trunk)[1])

    def pool(self, trunk: Tensor) -> tuple[Tensor, Tensor]:
        """The branch's last map (N, width, 7, 7), and the vector (N, width) pooled from it.

        A ViT's map stays at 14x14.
        """
        deep = trunk
        for name in self.parts[:-1]:
            deep = getattr(self, name)(deep)
        pooled: Tensor = getattr(self, self.parts[-1])(deep)
        return as_map(deep), pooled.flatten(1)

    def classify(self, pooled: Tensor) -> Tensor:
        """Logits of the branch's labels from the pooled vector."""
        logits: Tensor = self.head(self.dropout(pooled))
        return logits


class FaceStateNet(nn.Module):
    """Aligned faces in, emotion and AU logits out.

    Input (N, 3, 112, 112), RGB, normalised as the manifest says. Output: emotion logits
    (N, emotions) and AU logits (N, action_units), uncalibrated.
    """

    def __init__(
        self, backbone: Backbone, emotions: int, action_units: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict(deepcopy(backbone.trunk))
        self.emotion = Branch(backbone, emotions, dropout)
        self.action_units = Branch(backbone, action_units, dropout)

    def features(self, x: Tensor) -> Tensor:
        """State at which the branches leave the trunk; MobileFaceNet's is (N, 128, 14, 14)."""
        for stage in self.trunk.values():
            x = stage(x)
        return x

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Emotion logits and AU logits."""
        trunk = self.features(x)
        return self.emotion(trunk), self.action_units(trunk)

    def emotions(self, x: Tensor) -> Tensor:
        """Emotion logits alone."""
        logits: Tensor = self.emotion(self.features(x))
        return logits

    def units(self, x: Tensor) -> Tensor:
        """AU logits alone."""
        logits: Tensor = self.action_units(self.features(x))
        return logits

    def freeze(self, *stages: str) -> None:
        """Take stages of the trunk out of training, and out of the gradient's way."""
        for name in stages:
            self.trunk[name].requires_grad_(False)


def channels_last(network: FaceStateNet) -> FaceStateNet:
    """The same network, its convolutions laid out channels last: twice as fast on CPUs."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
