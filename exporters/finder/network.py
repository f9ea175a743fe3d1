"""YuNet n in PyTorch, with its batch norms folded and its four heads as one.

Wu, Peng, Yu: *YuNet: A Tiny Millisecond-level Face Detector* (Machine Intelligence Research 2023).
The network is equal to the published one up to rounding: a batch norm in eval mode is part of the
convolution before it, and four heads that each are a pointwise and a depthwise convolution of the
same features are one such pair with their channels side by side. It reads RGB, where the published
weights read BGR: the first convolution's channels are reversed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

Upsampling = Literal["nearest", "stack"]
"""How the neck doubles a map; the values are the same, the operators are not.

"nearest" is the resize operator; "stack" (copies and reshapes) is what the XNNPACK delegate of
ExecuTorch takes whole.
"""

STRIDES: Final = (8, 16, 32)
HEADS: Final = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Channels of each head, in the order in which an output holds them."""
CHANNELS: Final = sum(HEADS.values())

_STAGES: Final = ((16, 64), (64, 64), (64, 64), (64, 64), (64, 64))
_WIDTH: Final = 64
_EPSILON: Final = 1e-5
"""Of the published network's batch norms."""


class SeparableConv(nn.Module):
    """A pointwise, then a 3x3 depthwise convolution; `activated` with a ReLU behind them."""

    def __init__(self, inputs: int, outputs: int, *, activated: bool = True) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.depthwise = nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)
        self.activated = activated

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h, w]."""
        x = self.depthwise(self.pointwise(x))
        return functional.relu(x) if self.activated else x


class YuNet(nn.Module):
    """float32 RGB pixels 0..255 [n, 3, h, w] to three maps [n, 16, h / stride, w / stride].

    h and w are multiples of 32. A map's channels are `HEADS`: the logits that a face is here and
    that the box is right; the box's centre (in strides, from the cell's corner) and the logarithm
    of its size (in strides); five points in strides from the cell's corner: right and left eye,
    tip of the nose, right and left corner of the mouth.
    """

    def __init__(self, upsampling: Upsampling = "nearest") -> None:
        super().__init__()
        self.upsampling = upsampling
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.stem_block = SeparableConv(16, 16)
        self.stages = nn.ModuleList(
            nn.Sequential(SeparableConv(inputs, inputs), SeparableConv(inputs, outputs))
            for inputs, outputs in _STAGES
        )
        self.lateral = nn.ModuleList(SeparableConv(_WIDTH, _WIDTH) for _ in STRIDES)
        self.shared = nn.ModuleList(SeparableConv(_WIDTH, _WIDTH) for _ in STRIDES)
        self.heads = nn.ModuleList(
            SeparableConv(_WIDTH, CHANNELS, activated=False) for _ in STRIDES
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        x = self.stem_block(functional.relu(self.stem(x)))
        x = functional.max_pool2d(x, 2, 2)
        features = []
        for number, stage in enumerate(self.stages, start=1):
            x = stage(x)
            if number >= 3:
                features.append(x)
            if number in (2, 3, 4):
                x = functional.max_pool2d(x, 2, 2)
        for level in (2, 1):
            features[level] = self.lateral[level](features[level])
            features[level - 1] = features[level - 1] + self._upsample(features[level])
        features[0] = self.lateral[0](features[0])
        heads = zip(features, self.shared, self.heads, strict=True)
        return tuple(head(shared(feature)) for feature, shared, head in heads)

    def _upsample(self, x: Tensor) -> Tensor:
        """[n, c, h, w] to [n, c, 2h, 2w], each value four times."""
        if self.upsampling == "nearest":
            return functional.interpolate(x, scale_factor=2.0, mode="nearest")
        n, c, h, w = x.shape
        # A ReLU has made the map: another changes nothing, and the delegate refuses to join a map
        # with itself.
        flat = x.reshape(n * c, h, w, 1)
        wide = torch.cat([flat, functional.relu(flat)], dim=3).reshape(n * c, h, 1, 2 * w)
        return torch.cat([wide, functional.relu(wide)], dim=2).reshape(n, c, 2 * h, 2 * w)


def fold_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `YuNet` from the `state_dict` of the published `yunet_n.pth`.

    Raises KeyError naming a weight that is missing.
    """
    folded = _Folded(state)
    weight, bias = folded.convolution("backbone.model0.conv1", "backbone.model0.bn1")
    folded.put("stem", weight.flip(1), bias)
    folded.block("stem_block", ["backbone.model0.conv2"])
    for stage in range(len(_STAGES)):
        for part in (0, 1):
            source = f"backbone.model{stage + 1}.conv{part + 1}"
            folded.block(f"stages.{stage}.{part}", [source])
    for level in range(len(STRIDES)):
        folded.block(f"lateral.{level}", [f"neck.lateral_convs.{level}"])
        folded.block(f"shared.{level}", [f"bbox_head.multi_level_share_convs.{level}.0"])
        heads = [f"bbox_head.multi_level_{head}.{level}" for head in HEADS]
        folded.block(f"heads.{level}", heads)
    return folded.weights


class _Folded:
    """Collects folded weights; in float64 until they are put."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = {name: value.double() for name, value in state.items()}
        self.weights: dict[str, Tensor] = {}

    def convolution(self, name: str, norm: str) -> tuple[Tensor, Tensor]:
        """Weight and bias of a convolution, with the batch norm `norm` if there is one."""
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        if f"{norm}.weight" not in self.state:
            return weight, bias
        mean, variance = self.state[f"{norm}.running_mean"], self.state[f"{norm}.running_var"]
        scale = self.state[f"{norm}.weight"] / torch.sqrt(variance + _EPSILON)
        shift = self.state[f"{norm}.bias"]
        return weight * scale[:, None, None, None], (bias - mean) * scale + shift

    def block(self, name: str, sources: Sequence[str]) -> None:
        """One `SeparableConv` of one or several, their output channels side by side."""
        points = [self.convolution(f"{source}.conv1", "") for source in sources]
        depths = [self.convolution(f"{source}.conv2", f"{source}.bn") for source in sources]
        for part, parts in (("pointwise", points), ("depthwise", depths)):
            weights, biases = zip(*parts, strict=True)
            self.put(f"{name}.{part}", torch.cat(weights), torch.cat(biases))

    def put(self, name: str, weight: Tensor, bias: Tensor) -> None:
        self.weights[f"{name}.weight"] = weight.float().contiguous()
        self.weights[f"{name}.bias"] = bias.float().contiguous()
