"""The face-state network: one trunk, two decoupled branches.

MobileFaceNet up to its 14x14 map is the trunk. Each branch has its own copy of the rest, so the
AU branch can be trained on human FACS codes without moving an emotion logit; for that it may
leave the trunk some blocks earlier than the emotion branch does.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from distill.mobilefacenet import CONV5_CHANNELS, MobileFaceNet

POOLED_STD = 3.5
"""Standard deviation of MobileFaceNet's pooled features on faces, before any training of ours."""


class Branch(nn.Module):
    """From a 14x14 map of the trunk to the logits of one head.

    (N, 128, 14, 14) -> (N, labels). `lead` holds the branch's own copies of the trunk's last
    blocks, if it leaves the trunk early.
    """

    def __init__(self, backbone: MobileFaceNet, labels: int, dropout: float) -> None:
        super().__init__()
        self.lead = nn.Sequential()
        self.stage4 = deepcopy(backbone.stage4)
        self.conv5 = deepcopy(backbone.conv5)
        self.gdc = deepcopy(backbone.gdc[0])
        with torch.no_grad():  # to about unit variance, as a new linear layer expects
            for parameter in self.gdc.parameters():
                parameter.div_(POOLED_STD)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(CONV5_CHANNELS, labels)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, trunk: Tensor) -> Tensor:
        """Logits of the branch's labels."""
        pooled = self.gdc(self.conv5(self.stage4(self.lead(trunk)))).flatten(1)
        logits: Tensor = self.head(self.dropout(pooled))
        return logits


class FaceStateNet(nn.Module):
    """Aligned faces in, emotion and AU logits out.

    Input (N, 3, 112, 112), RGB, normalised as the manifest says. Output: emotion logits
    (N, emotions) and AU logits (N, action_units), uncalibrated.
    """

    def __init__(
        self, backbone: MobileFaceNet, emotions: int, action_units: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.trunk = nn.ModuleDict(
            {name: deepcopy(getattr(backbone, name)) for name in ("stem", "stage2", "stage3")}
        )
        self.emotion = Branch(backbone, emotions, dropout)
        self.action_units = Branch(backbone, action_units, dropout)

    def branch_off(self, blocks: int) -> None:
        """Let the AU branch leave the trunk `blocks` earlier, with its own copies of them.

        No logit changes; training the branch afterwards changes the AU logits alone.
        """
        stage3 = self._stage3()
        self.action_units.lead = nn.Sequential(*deepcopy(list(stage3)[len(stage3) - blocks :]))

    def features(self, x: Tensor) -> Tensor:
        """Map (N, 128, 14, 14) at which the AU branch leaves the trunk."""
        early = self._stage3()[: self._shared_blocks()]
        leaving: Tensor = early(self.trunk["stage2"](self.trunk["stem"](x)))
        return leaving

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Emotion logits and AU logits."""
        leaving = self.features(x)
        late = self._stage3()[self._shared_blocks() :]
        return self.emotion(late(leaving)), self.action_units(leaving)

    def _stage3(self) -> nn.Sequential:
        stage3 = self.trunk["stage3"]
        assert isinstance(stage3, nn.Sequential)
        return stage3

    def _shared_blocks(self) -> int:
        return len(self._stage3()) - len(self.action_units.lead)

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


def new_network(emotions: int, action_units: int, own_blocks: int = 0) -> FaceStateNet:
    """A network with untrained weights, to load a checkpoint into."""
    with torch.random.fork_rng(devices=[]):
        network = FaceStateNet(MobileFaceNet(), emotions, action_units)
    network.branch_off(own_blocks)
    return network
