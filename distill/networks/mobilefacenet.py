"""MobileFaceNet (Chen et al. 2018, arXiv:1804.07573), filled from a TensorFlow Lite file.

The network has no batch norm: the file holds each one folded into the weight and bias of its
convolution. It departs from Table 1 of the paper in three places, all read from the file: the stem
and the global depthwise convolution are each followed by one more linear 1x1 convolution, of equal
width, and the embedding has 192 values instead of 128.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from torch import Tensor, nn


class BottleneckRow(NamedTuple):
    """One bottleneck row of Table 1 of the paper: t, c, n, s."""

    expansion: int  # hidden channels / input channels
    channels: int  # output channels
    repeats: int
    stride: int  # of the first repeat; the others have stride 1


INPUT_SIZE: Final = 112  # pixels, height and width
STEM_CHANNELS: Final = 64
STAGE2: Final = (BottleneckRow(2, 64, 5, 2),)  # 56x56 -> 28x28
STAGE3: Final = (BottleneckRow(4, 128, 1, 2), BottleneckRow(2, 128, 6, 1))  # 28x28 -> 14x14
STAGE4: Final = (BottleneckRow(4, 128, 1, 2), BottleneckRow(2, 128, 2, 1))  # 14x14 -> 7x7
CONV5_CHANNELS: Final = 512
GDC_KERNEL: Final = 7  # the whole 7x7 map
EMBEDDING_SIZE: Final = 192


class ConvPReLU(nn.Module):
    """Convolution with bias, then PReLU with one slope a channel; pads as TensorFlow's SAME.

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride), for H and W divisible by
    `stride` (1 or 2) and `kernel` 1 or 3.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        # At stride 2 and an even size, SAME pads a 3x3 kernel on the right and bottom only.
        self.pad: nn.Module = nn.Identity() if stride == 1 else nn.ZeroPad2d((0, 1, 0, 1))
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activated map."""
        y: Tensor = self.act(self.conv(self.pad(x)))
        return y


class Bottleneck(nn.Module):
    """Inverted residual: expand 1x1 to `hidden` channels, depthwise 3x3, linear project 1x1.

    (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride). The input is added back
    where its shape is the output's.
    """

    def __init__(self, in_channels: int, hidden: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.expand = ConvPReLU(in_channels, hidden, kernel=1)
        self.depthwise = ConvPReLU(hidden, hidden, kernel=3, stride=stride, groups=hidden)
        self.project = nn.Conv2d(hidden, out_channels, kernel_size=1)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the projected map, plus `x` where the block is residual."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


def channels_at(channels: int, width: float) -> int:
    """Channels of a layer in a network of that width, a multiple of 8 unless the width is 1."""
    return channels if width == 1 else max(8, round(channels * width / 8) * 8)


def _bottlenecks(in_channels: int, rows: tuple[BottleneckRow, ...], width: float) -> nn.Sequential:
    """Return the blocks of one stage."""
    blocks: list[Bottleneck] = []
    for row in rows:
        for repeat in range(row.repeats):
            before = channels_at(in_channels, width)
            hidden = channels_at(in_channels * row.expansion, width)
            after = channels_at(row.channels, width)
            blocks.append(Bottleneck(before, hidden, after, row.stride if repeat == 0 else 1))
            in_channels = row.channels
    return nn.Sequential(*blocks)


class MobileFaceNet(nn.Module):
    """Face recognition network, 112x112 RGB -> 192-d embedding (not L2-normalised).

    Input of every method: (N, 3, 112, 112), RGB, (pixel - 127.5) / 128, so within [-1, 1].
    A `width` below 1 gives every layer but the embedding that part of its channels.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = (STEM_CHANNELS, STAGE4[-1].channels, CONV5_CHANNELS)
        stem, last, deep = (channels_at(count, width) for count in channels)
        # The children stand in execution order: `load_tflite` relies on it.
        self.stem = nn.Sequential(
            ConvPReLU(3, stem, kernel=3, stride=2),
            ConvPReLU(stem, stem, kernel=3, groups=stem),
            nn.Conv2d(stem, stem, kernel_size=1),
        )
        self.stage2 = _bottlenecks(STEM_CHANNELS, STAGE2, width)
        self.stage3 = _bottlenecks(STAGE2[-1].channels, STAGE3, width)
        self.stage4 = _bottlenecks(STAGE3[-1].channels, STAGE4, width)
        self.conv5 = ConvPReLU(last, deep, kernel=1)
        self.gdc = nn.Sequential(
            nn.Conv2d(deep, deep, GDC_KERNEL, groups=deep),
            nn.Flatten(),
        )
        self.embedding = nn.Sequential(nn.Linear(deep, deep), nn.Linear(deep, EMBEDDING_SIZE))

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return the maps of stage2, stage3, stage4 and conv5.

        Shapes: (N, 64, 28, 28), (N, 128, 14, 14), (N, 128, 7, 7), (N, 512, 7, 7).
        """
        stage2 = self.stage2(self.stem(x))
        stage3 = self.stage3(stage2)
        stage4 = self.stage4(stage3)
        return [stage2, stage3, stage4, self.conv5(stage4)]

    def forward(self, x: Tensor) -> Tensor:
        """Return the embedding, (N, 192)."""
        y: Tensor = self.embedding(self.gdc(self.stages(x)[-1]))
        return y


_Layer: TypeAlias = nn.Conv2d | nn.Linear | nn.PReLU


def _operations(module: nn.Module) -> Iterator[tuple[str, _Layer | None]]:
    """Yield the TensorFlow Lite operations of `module`, each with the layer its constants fill."""
    match module:
        case nn.Conv2d():
            yield ("DEPTHWISE_CONV_2D" if module.groups > 1 else "CONV_2D"), module
        case nn.Linear():
            yield "CONV_2D", module
        case nn.PReLU():  # relu(x) + (slope / 2) * (x - |x|)
            yield from (("RELU", None), ("ABS", None), ("SUB", None))
            yield from (("MUL", module), ("ADD", None))
        case _:
            for child in module.children():
                yield from _operations(child)
            if isinstance(module, Bottleneck) and module.residual:
                yield "ADD", None


def _constant_views(layer: _Layer) -> dict[int, Tensor]:
    """Return the parameters of `layer` in the file's layout, by the input that holds each."""
    match layer:
        case nn.PReLU():
            return {0: layer.weight}
        case nn.Linear():  # (O, I) -> (O, 1, 1, I)
            weight = layer.weight[:, None, None, :]
        case nn.Conv2d() if layer.groups > 1:  # (C, 1, H, W) -> (1, H, W, C)
            weight = layer.weight.permute(1, 2, 3, 0)
        case _:  # (O, I, H, W) -> (O, H, W, I)
            weight = layer.weight.permute(0, 2, 3, 1)
    assert layer.bias is not None  # for mypy: every layer here has one
    return {1: weight, 2: layer.bias}


@torch.no_grad()
def _fill(layer: _Layer, inputs: Sequence[int], interpreter: Interpreter) -> None:
    """Copy the constants among the input tensors `inputs` of one operation into `layer`."""
    for position, view in _constant_views(layer).items():
        if position >= len(inputs):
            raise ValueError(f"expected an input {position}, found {len(inputs)} inputs")
        constant = torch.from_numpy(interpreter.get_tensor(inputs[position]))
        if (constant.shape, constant.dtype) != (view.shape, view.dtype):
            raise ValueError(
                f"input {position}: expected {view.dtype} {tuple(view.shape)}, "
                f"found {constant.dtype} {tuple(constant.shape)}"
            )
        view.copy_(constant)
    if isinstance(layer, nn.PReLU):
        layer.weight.mul_(2)  # the file holds slope / 2


def load_tflite(path: Path) -> MobileFaceNet:
    """Return a MobileFaceNet holding the float32 constants of the .tflite file at `path`.

    Raises:
        ValueError: `path` is no TensorFlow Lite model, or its operations, or the shapes or types
            of its constants, are not those of this architecture.
    """
    try:
        # Without the default delegates: XNNPACK would add an operation of its own to the list.
        interpreter = Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path}: expected a TensorFlow Lite model: {error}") from error

    model = MobileFaceNet()
    expected = [*_operations(model), ("RESHAPE", None)]
    found = interpreter._get_ops_details()  # no public method lists the operations
    if len(found) != len(expected):
        raise ValueError(f"{path}: expected {len(expected)} operations, found {len(found)}")
    for index, ((name, layer), op) in enumerate(zip(expected, found, strict=True)):
        if op["op_name"] != name:
            raise ValueError(f"{path}: operation {index}: expected {name}, found {op['op_name']}")
        if layer is not None:
            try:
                _fill(layer, op["inputs"], interpreter)
            except ValueError as error:
                raise ValueError(f"{path}: operation {index} ({name}): {error}") from error
    return model
